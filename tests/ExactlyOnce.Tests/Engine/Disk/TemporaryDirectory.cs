namespace ExactlyOnce.Tests.Engine.Disk;

/// <summary>A directory of the real file system, removed with everything in it.</summary>
internal sealed class TemporaryDirectory : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("exactly-once-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
