using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Engine.Environment;

namespace ExactlyOnce.Engine.Journal;

/// <summary>
/// The files of a running journal: begins the next one, and keeps those that a checkpoint has made superfluous for reuse. A file counts from the moment the
/// manifest lists it, which is before its first write. Files of earlier runs are not reused; recovery removes them as orphans. Called by the journal thread
/// and, for <see cref="Recycle"/>, by the checkpoint.
/// </summary>
internal sealed class JournalFiles
{
    private readonly IDisk _disk;
    private readonly BrokerEnvironment _environment;
    private readonly ManifestStore _manifests;
    private readonly string _directory;
    private readonly int _spareMax;
    private readonly Lock _lock = new();
    private readonly List<string> _begun = [];
    private readonly Stack<string> _spare = new();

    public JournalFiles(BrokerEnvironment environment, ManifestStore manifests, int spareMax)
    {
        _environment = environment;
        _disk = environment.Disk;
        _manifests = manifests;
        _spareMax = spareMax;
        _directory = Path.Combine(manifests.Directory, JournalFormat.DirectoryName);
        if (!_disk.DirectoryExists(_directory))
            DurableDirectory.Create(_disk, _directory);
    }

    /// <summary>
    /// Opens the next file, durably in its directory and in the manifest; its groups start at <paramref name="baseLsn"/>. By listing it the manifest vouches
    /// for everything in front, so the caller has synced the file before it.
    /// </summary>
    public (JournalFile Entry, IDiskFile File) BeginNext(long baseLsn)
    {
        var generation = _manifests.Current.NextGeneration;
        var entry = new JournalFile(generation, baseLsn, unchecked((uint)_environment.NextRandom()), JournalFormat.FileName(generation));
        var file = OpenFile(Path.Combine(_directory, entry.Name));
        try
        {
            _disk.SyncDirectory(_directory);
            _manifests.Update(manifest => manifest with
            {
                NextGeneration = generation + 1,
                IsClean = false,
                JournalFiles = manifest.JournalFiles.Add(entry),
            });
        }
        catch
        {
            file.Dispose();
            throw;
        }
        lock (_lock)
            _begun.Add(entry.Name);
        return (entry, file);
    }

    /// <summary>After a checkpoint's manifest: keeps or deletes the files that it no longer lists.</summary>
    public void Recycle()
    {
        lock (_lock)
        {
            var listed = _manifests.Current.JournalFiles;
            for (var index = _begun.Count - 1; index >= 0; index--)
            {
                var name = _begun[index];
                if (listed.Any(file => file.Name == name))
                    continue;
                if (_spare.Count < _spareMax)
                    _spare.Push(name);
                else
                    _disk.Delete(Path.Combine(_directory, name));
                _begun.RemoveAt(index);
            }
        }
    }

    /// <summary>A spare file's old groups stay in it: another generation and another seed, so they read as nothing.</summary>
    private IDiskFile OpenFile(string path)
    {
        string? spare;
        lock (_lock)
            _spare.TryPop(out spare);
        if (spare is null)
            return _disk.Open(path, FileOpening.Create);
        _disk.Rename(Path.Combine(_directory, spare), path);
        return _disk.Open(path, FileOpening.ReadWrite);
    }
}
