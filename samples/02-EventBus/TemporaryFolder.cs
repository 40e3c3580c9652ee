namespace EventBus;

/// <summary>A folder that is gone when the sample ends.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("exactly-once-event-bus-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
