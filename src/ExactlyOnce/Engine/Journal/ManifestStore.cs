using ExactlyOnce.Engine.Disk;

namespace ExactlyOnce.Engine.Journal;

/// <summary>
/// Replaces the directory's manifest, atomically and durably: written to a new file, synced, renamed, directory synced. The broker owns one; the journal (a
/// new file) and the checkpoint (the commit point) both change it, so the change is a function of what stands there. An update that fails before the rename
/// has changed nothing and may be tried again later (a checkpoint without space); after it nobody knows which manifest a power cut would leave, so the store
/// refuses for good.
/// </summary>
internal sealed class ManifestStore
{
    private readonly IDisk _disk;
    private readonly string _path;
    private readonly Lock _lock = new();
    private Manifest _current;
    private StorageException? _failure;

    /// <summary><paramref name="current"/> is what <see cref="Manifest.Read"/> found, or a fresh one for a new directory.</summary>
    public ManifestStore(IDisk disk, string directory, Manifest current)
    {
        _disk = disk;
        Directory = directory;
        _path = Path.Combine(directory, Manifest.FileName);
        _current = current;
    }

    public string Directory { get; }

    public Manifest Current => Volatile.Read(ref _current);

    /// <summary>Returns when the change is durable. Calls are one after the other; <paramref name="change"/> must not call back.</summary>
    public Manifest Update(Func<Manifest, Manifest> change)
    {
        lock (_lock)
        {
            if (_failure is not null)
                throw new StorageException(_failure.Message, _failure, _failure.Code);
            var next = change(_current);
            var temporary = WriteTemporary(next);
            try
            {
                _disk.Rename(temporary, _path);
                _disk.SyncDirectory(Directory);
            }
            catch (Exception exception)
            {
                _failure = DiskError.From(exception, "replace", _path);
                throw;
            }
            Volatile.Write(ref _current, next);
            return next;
        }
    }

    /// <summary>Always a new file: the pages of one whose sync failed count as clean, and another sync of it would lie.</summary>
    private string WriteTemporary(Manifest manifest)
    {
        var path = _path + ".new";
        if (_disk.FileExists(path))
            _disk.Delete(path);
        using var file = _disk.Open(path, FileOpening.CreateNew);
        file.Write(0, manifest.Encode());
        file.Sync();
        return path;
    }
}
