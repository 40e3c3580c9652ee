using ExactlyOnce.Engine.Disk;

namespace ExactlyOnce.Testing.Disks;

/// <summary>An open file of a <see cref="SimulatedDisk"/>.</summary>
internal sealed class SimulatedFileHandle(SimulatedDisk disk, SimulatedFile file, string path, bool writable) : IDiskFile
{
    private bool _closed;
    private int _errorsSeen = file.Errors;

    public string Path => path;

    public long Length
    {
        get
        {
            AssertUsable("length", forWriting: false);
            return disk.LengthOf(file);
        }
    }

    public int Read(long position, Span<byte> buffer)
    {
        AssertUsable("read", forWriting: false);
        return disk.Read(file, path, position, buffer);
    }

    public void Write(long position, ReadOnlySpan<byte> bytes)
    {
        AssertUsable("write", forWriting: true);
        disk.Write(file, path, position, bytes);
    }

    public void Sync()
    {
        AssertUsable("sync", forWriting: false);
        disk.Sync(file, path, ref _errorsSeen);
    }

    public void SetLength(long length)
    {
        AssertUsable("truncate", forWriting: true);
        disk.SetLength(file, path, length);
    }

    public void Dispose() => _closed = true;

    private void AssertUsable(string operation, bool forWriting)
    {
        if (_closed)
            throw DiskError.Failed(operation, path, "the file is closed");
        if (forWriting && !writable)
            throw DiskError.Failed(operation, path, "the file is open for reading only");
    }
}
