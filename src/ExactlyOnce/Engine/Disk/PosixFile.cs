namespace ExactlyOnce.Engine.Disk;

/// <summary>An open file of <see cref="PosixDisk"/>: positional calls on one descriptor, retried only when a signal interrupted them.</summary>
internal sealed class PosixFile : IDiskFile
{
    private readonly PosixDescriptor _descriptor;

    public PosixFile(PosixDescriptor descriptor, string path)
    {
        _descriptor = descriptor;
        Path = path;
    }

    public string Path { get; }

    public long Length
    {
        get
        {
            AssertOpen("length");
            var length = Libc.LSeek(_descriptor, 0, Libc.SeekEnd);
            return length >= 0 ? length : throw DiskError.FromErrno("lseek", Path);
        }
    }

    public unsafe int Read(long position, Span<byte> buffer)
    {
        AssertOpen("pread");
        var done = 0;
        fixed (byte* start = buffer)
        {
            while (done < buffer.Length)
            {
                var count = Libc.PRead(_descriptor, start + done, (nuint)(buffer.Length - done), position + done);
                if (count == 0)
                    break;
                if (count > 0)
                    done += (int)count;
                else if (!WasInterrupted())
                    throw DiskError.FromErrno("pread", Path);
            }
        }
        return done;
    }

    public unsafe void Write(long position, ReadOnlySpan<byte> bytes)
    {
        AssertOpen("pwrite");
        var done = 0;
        fixed (byte* start = bytes)
        {
            while (done < bytes.Length)
            {
                var count = Libc.PWrite(_descriptor, start + done, (nuint)(bytes.Length - done), position + done);
                if (count > 0)
                    done += (int)count;
                else if (count == 0)
                    throw DiskError.Failed("pwrite", Path, "the system accepted no bytes and gave no reason");
                else if (!WasInterrupted())
                    throw DiskError.FromErrno("pwrite", Path);
            }
        }
    }

    public void Sync()
    {
        AssertOpen("fdatasync");
        PosixDisk.Sync(_descriptor, isDirectory: false, Path);
    }

    public void SetLength(long length)
    {
        AssertOpen("ftruncate");
        while (Libc.FTruncate(_descriptor, length) != 0)
        {
            if (!WasInterrupted())
                throw DiskError.FromErrno("ftruncate", Path);
        }
    }

    public void Dispose() => _descriptor.Dispose();

    internal static bool WasInterrupted() => System.Runtime.InteropServices.Marshal.GetLastPInvokeError() == Libc.Interrupted;

    private void AssertOpen(string operation)
    {
        if (_descriptor.IsClosed)
            throw DiskError.Failed(operation, Path, "the file is closed");
    }
}
