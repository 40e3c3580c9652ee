using ExactlyOnce.Engine.Disk;

namespace ExactlyOnce.Engine.Log;

/// <summary>
/// The open files of a segment: log, offset index, time index. Shared by all versions of the segment and closed when the last lease is released, so that retention and
/// compaction can unlink files that are being read. The log opens with the first read.
/// </summary>
internal sealed class SegmentFile(IDisk disk, string directory, long baseOffset, string suffix) : IDisposable
{
    private readonly Lock _lock = new();
    private IDiskFile? _log;
    private int _leases = 1;

    public string LogPath { get; } = PathOf(directory, baseOffset, suffix + SegmentNames.Log);

    public string IndexPath { get; } = PathOf(directory, baseOffset, suffix + SegmentNames.OffsetIndex);

    public string TimeIndexPath { get; } = PathOf(directory, baseOffset, suffix + SegmentNames.TimeIndex);

    public string TransactionIndexPath { get; } = PathOf(directory, baseOffset, suffix + SegmentNames.TransactionIndex);

    /// <summary>Empty for a segment as it was written; a compacted one carries its generation, so that it never takes the name of an open file.</summary>
    public string Suffix { get; } = suffix;

    public IDisk Disk { get; } = disk;

    public IDiskFile Log
    {
        get
        {
            lock (_lock)
                return _log ??= Disk.Open(LogPath, FileOpening.Read);
        }
    }

    public bool TryLease()
    {
        lock (_lock)
        {
            if (_leases == 0)
                return false;
            _leases++;
            return true;
        }
    }

    public void Release()
    {
        lock (_lock)
        {
            if (--_leases > 0)
                return;
            _log?.Dispose();
            _log = null;
        }
    }

    public void Dispose() => Release();

    /// <summary>Removes the files from the directory; those that are open stay readable until they are closed.</summary>
    public void Unlink()
    {
        foreach (var path in new[] { LogPath, IndexPath, TimeIndexPath, TransactionIndexPath })
            if (Disk.FileExists(path))
                Disk.Delete(path);
    }

    private static string PathOf(string directory, long baseOffset, string ending) => Path.Combine(directory, SegmentNames.Of(baseOffset, ending));
}
