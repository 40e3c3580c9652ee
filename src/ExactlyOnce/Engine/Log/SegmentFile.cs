using System.Diagnostics;
using ExactlyOnce.Engine.Disk;

namespace ExactlyOnce.Engine.Log;

/// <summary>
/// The files of one segment, shared by everybody who reads it. Open only while somebody does, so that a broker of many segments needs few descriptors.
/// Retired when neither the checkpoint nor the current view names it any more; unlinked when the last reader has left. A failing unlink leaves an orphan that
/// the next opening finds. A lease takes the file's own lock, once per segment a reader goes through, never per read.
/// </summary>
internal sealed class SegmentFile
{
    private readonly Lock _lock = new();
    private IDiskFile? _log;
    private int _readers;
    private bool _retired;
    private volatile bool _hasRightOffsets;

    public SegmentFile(IDisk disk, string directory, SegmentName name)
    {
        Disk = disk;
        Directory = directory;
        Name = name;
        LogPath = name.In(directory, SegmentName.LogSuffix);
    }

    public IDisk Disk { get; }

    public string Directory { get; }

    public SegmentName Name { get; }

    public string LogPath { get; }

    /// <summary>Somebody has proved the offsets of its batches (<see cref="SegmentOffsets"/>).</summary>
    public bool HasRightOffsets
    {
        get => _hasRightOffsets;
        set => _hasRightOffsets = value;
    }

    public string PathOf(string suffix) => Name.In(Directory, suffix);

    /// <summary>False when the segment was retired: whoever asked takes the partition's current view.</summary>
    /// <exception cref="StorageException">The log file cannot be opened.</exception>
    public bool TryLease()
    {
        lock (_lock)
        {
            if (_retired)
                return false;
            _log ??= Disk.Open(LogPath, FileOpening.Read);
            _readers++;
            return true;
        }
    }

    public void Release()
    {
        IDiskFile? closing;
        bool isLast;
        lock (_lock)
        {
            Debug.Assert(_readers > 0, "A lease was given back twice.");
            if (--_readers > 0)
                return;
            (closing, _log) = (_log, null);
            isLast = _retired;
        }
        closing?.Dispose();
        if (isLast)
            Unlink();
    }

    /// <summary>Lets the files go: nobody can lease them from now on, and the last reader, or this call, unlinks them.</summary>
    public void Retire()
    {
        lock (_lock)
        {
            if (_retired)
                return;
            _retired = true;
            if (_readers > 0)
                return;
        }
        Unlink();
    }

    /// <summary>Reads from the log file, which the caller has leased.</summary>
    public int Read(long position, Span<byte> buffer)
    {
        var log = _log;
        Debug.Assert(log is not null, "Only a leased segment is read.");
        return log.Read(position, buffer);
    }

    private void Unlink()
    {
        // The log last: with it gone nothing would say whose the other files were.
        for (var i = SegmentName.Suffixes.Length - 1; i >= 0; i--)
        {
            var path = PathOf(SegmentName.Suffixes[i]);
            try
            {
                if (Disk.FileExists(path))
                    Disk.Delete(path);
            }
            catch (StorageException)
            {
                // Nothing refers to the file any more; the next opening reports it as an orphan.
            }
        }
    }
}
