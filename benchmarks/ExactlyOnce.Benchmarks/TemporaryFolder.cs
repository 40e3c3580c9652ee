namespace ExactlyOnce.Benchmarks;

/// <summary>A folder that is gone when it is disposed.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("exactlyonce-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
