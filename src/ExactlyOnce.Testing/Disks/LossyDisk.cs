using ExactlyOnce.Engine.Disk;

namespace ExactlyOnce.Testing.Disks;

/// <summary>
/// A real directory of which this process holds back everything that was not synced: bytes, lengths, and names of files whose directory was not synced. SIGKILL
/// then loses what a power cut could, and the next process finds the rest. Now and then some of what is held back reaches the device early, as a kernel's
/// write-back does it.
/// <para>One lock over everything: this is a test's disk, and order matters more than speed. The device is never told to sync, because a kill does not lose its
/// cache.</para>
/// </summary>
internal sealed class LossyDisk : IDisk
{
    private readonly IDisk _device;
    private readonly string _limbo;
    private readonly LossyDirectory _root;
    private readonly Random _random;
    private readonly double _writeBackRate;
    private readonly Lock _lock = new();
    private int _created;

    /// <param name="device">The disk below.</param>
    /// <param name="root">The directory that exists on it and is lossy from here down.</param>
    /// <param name="limbo">An empty directory beside it, on the same file system, for files whose names are not durable; what a killed process left there is
    /// lost.</param>
    /// <param name="seed">Decides what is written back early.</param>
    /// <param name="writeBackRate">How often a write lets some of what is held back go, from 0 to 1.</param>
    public LossyDisk(IDisk device, string root, string limbo, int seed, double writeBackRate)
    {
        _device = device;
        _limbo = limbo;
        _random = new Random(seed);
        _writeBackRate = writeBackRate;
        _root = new LossyDirectory(root, isDurable: true);
        Load(_root);
    }

    /// <summary>Called before and after each operation that changes or syncs something, with its name and path: where a test kills the process.</summary>
    public Action<string, string>? Reached { get; set; }

    public void CreateDirectory(string path)
    {
        lock (_lock)
        {
            var directory = _root;
            foreach (var part in PartsOf(path))
            {
                if (!directory.Names.TryGetValue(part, out var node))
                {
                    node = new LossyDirectory(Path.Combine(directory.Path, part), isDurable: false);
                    Change(directory, new NameChange(NameChangeKind.Link, part, node), "mkdir");
                }
                directory = node as LossyDirectory ?? throw DiskError.Failed("mkdir", path, "a file has that name");
            }
        }
    }

    public bool DirectoryExists(string path)
    {
        lock (_lock)
            return Find(path) is LossyDirectory;
    }

    public bool FileExists(string path)
    {
        lock (_lock)
            return Find(path) is LossyFile;
    }

    public IReadOnlyList<string> List(string path)
    {
        lock (_lock)
            return [.. DirectoryAt("list", path).Names.Select(entry => entry.Key + (entry.Value is LossyDirectory ? "/" : ""))];
    }

    public IDiskFile Open(string path, FileOpening opening)
    {
        lock (_lock)
        {
            var existing = Find(path);
            if (existing is LossyDirectory)
                throw DiskError.Failed("open", path, "is a directory");
            if (existing is null && opening is FileOpening.Read or FileOpening.ReadWrite)
                throw DiskError.Failed("open", path, "no such file");
            if (existing is not null && opening == FileOpening.CreateNew)
                throw DiskError.Failed("open", path, "file exists");
            var file = existing as LossyFile ?? CreateFile(path);
            if (opening == FileOpening.Create && file.Length > 0)
                file.SetLength(0);
            return new Handle(this, file, path, opening != FileOpening.Read);
        }
    }

    public void Rename(string source, string target)
    {
        lock (_lock)
        {
            var node = Find(source) as LossyFile ?? throw DiskError.Failed("rename", source, "no such file");
            if (Find(target) is LossyDirectory)
                throw DiskError.Failed("rename", target, "is a directory");
            var (from, to) = (ParentOf("rename", source), ParentOf("rename", target));
            var (oldName, newName) = (Path.GetFileName(source), Path.GetFileName(target));
            if (from == to)
            {
                Change(from, new NameChange(NameChangeKind.Rename, oldName, node, newName), "rename");
                return;
            }
            Change(to, new NameChange(NameChangeKind.Link, newName, node), "rename");
            Change(from, new NameChange(NameChangeKind.Unlink, oldName, node), "rename");
        }
    }

    public void Delete(string path)
    {
        lock (_lock)
        {
            var node = Find(path) as LossyFile ?? throw DiskError.Failed("unlink", path, "no such file");
            Change(ParentOf("unlink", path), new NameChange(NameChangeKind.Unlink, Path.GetFileName(path), node), "unlink");
        }
    }

    public void DeleteDirectory(string path)
    {
        lock (_lock)
        {
            var directory = DirectoryAt("rmdir", path);
            if (directory.Names.Count > 0)
                throw DiskError.Failed("rmdir", path, "not empty");
            path = Path.TrimEndingDirectorySeparator(path);
            Change(ParentOf("rmdir", path), new NameChange(NameChangeKind.Unlink, Path.GetFileName(path), directory), "rmdir");
        }
    }

    public void SyncDirectory(string path)
    {
        lock (_lock)
        {
            var directory = DirectoryAt("fsync", path);
            Reached?.Invoke("sync-directory", path);
            Apply(directory, directory.Pending.Count);
            Reached?.Invoke("synced-directory", path);
        }
    }

    public IDisposable? TryLock(string path, string ownerText, out string owner) => _device.TryLock(path, ownerText, out owner);

    public void VerifySyncErrorsAreSeen(string directory) => _device.VerifySyncErrorsAreSeen(_root.Path);

    public long FreeBytes(string directory) => _device.FreeBytes(_root.Path);

    private void Load(LossyDirectory directory)
    {
        foreach (var name in _device.List(directory.Path))
        {
            var path = Path.Combine(directory.Path, name);
            if (!name.EndsWith('/'))
            {
                directory.Names[name] = new LossyFile(_device, path);
                continue;
            }
            var inner = new LossyDirectory(Path.TrimEndingDirectorySeparator(path), isDurable: true);
            directory.Names[name[..^1]] = inner;
            Load(inner);
        }
    }

    private LossyFile CreateFile(string path)
    {
        var limboPath = Path.Combine(_limbo, $"{_created++}");
        _device.Open(limboPath, FileOpening.Create).Dispose();
        var file = new LossyFile(_device, limboPath);
        Change(ParentOf("open", path), new NameChange(NameChangeKind.Link, Path.GetFileName(path), file), "create");
        return file;
    }

    private void Change(LossyDirectory directory, NameChange change, string operation)
    {
        Reached?.Invoke(operation, Path.Combine(directory.Path, change.Name));
        if (change.Kind != NameChangeKind.Link)
            directory.Names.Remove(change.Name);
        if (change.Kind != NameChangeKind.Unlink)
            directory.Names[change.Target ?? change.Name] = change.Node;
        directory.Pending.Add(change);
        if (_random.NextDouble() < _writeBackRate)
            Apply(directory, _random.Next(directory.Pending.Count + 1));
    }

    /// <summary>The oldest changes of a directory become durable, or wait until the directory itself is.</summary>
    private void Apply(LossyDirectory directory, int count)
    {
        directory.Waiting.AddRange(directory.Pending.Take(count));
        directory.Pending.RemoveRange(0, count);
        if (!directory.IsDurable)
            return;
        foreach (var change in directory.Waiting)
            ApplyToDevice(directory, change);
        directory.Waiting.Clear();
    }

    private void ApplyToDevice(LossyDirectory directory, NameChange change)
    {
        var path = Path.Combine(directory.Path, change.Name);
        switch (change.Kind, change.Node)
        {
            case (NameChangeKind.Link, LossyDirectory made):
                _device.CreateDirectory(path);
                made.IsDurable = true;
                Apply(made, 0);
                break;
            case (NameChangeKind.Unlink, LossyDirectory removed):
                Apply(removed, removed.Pending.Count);
                _device.DeleteDirectory(path);
                break;
            case (NameChangeKind.Unlink, LossyFile file):
                // A file that was moved to another directory in the meantime is there, and not here any more.
                if (file.DevicePath == path)
                    _device.Delete(path);
                break;
            case (_, LossyFile file):
                var target = Path.Combine(directory.Path, change.Target ?? change.Name);
                _device.Rename(file.DevicePath, target);
                file.DevicePath = target;
                break;
        }
    }

    private LossyNode? Find(string path)
    {
        LossyNode? node = _root;
        foreach (var part in PartsOf(path))
        {
            if (node is not LossyDirectory directory || !directory.Names.TryGetValue(part, out node))
                return null;
        }
        return node;
    }

    private LossyDirectory DirectoryAt(string operation, string path) => Find(path) as LossyDirectory ?? throw DiskError.Failed(operation, path, "no such directory");

    private LossyDirectory ParentOf(string operation, string path) => DirectoryAt(operation, Path.GetDirectoryName(path) ?? "/");

    // What lies above the root exists and is none of this disk's business: creating it anew or syncing it does nothing.
    private string[] PartsOf(string path)
    {
        var relative = Path.GetRelativePath(_root.Path, path);
        return relative == "." || relative.StartsWith("..", StringComparison.Ordinal) ? [] : relative.Split(Path.DirectorySeparatorChar);
    }

    private void WriteBackSometimes(LossyFile file)
    {
        if (_random.NextDouble() < _writeBackRate)
            file.WriteBackSome(_random);
    }

    private sealed class Handle : IDiskFile
    {
        private readonly LossyDisk _disk;
        private readonly LossyFile _file;
        private readonly bool _writable;
        private bool _closed;

        public Handle(LossyDisk disk, LossyFile file, string path, bool writable)
        {
            (_disk, _file, Path, _writable) = (disk, file, path, writable);
            file.AddHandle();
        }

        public string Path { get; }

        public long Length
        {
            get
            {
                lock (_disk._lock)
                    return Usable("length", forWriting: false).Length;
            }
        }

        public int Read(long position, Span<byte> buffer)
        {
            lock (_disk._lock)
                return Usable("read", forWriting: false).Read(position, buffer);
        }

        public void Write(long position, ReadOnlySpan<byte> bytes)
        {
            lock (_disk._lock)
            {
                _disk.Reached?.Invoke("write", Path);
                Usable("write", forWriting: true).Write(position, bytes);
                _disk.WriteBackSometimes(_file);
                _disk.Reached?.Invoke("written", Path);
            }
        }

        public void Sync()
        {
            lock (_disk._lock)
            {
                _disk.Reached?.Invoke("sync", Path);
                Usable("sync", forWriting: false).Sync();
                _disk.Reached?.Invoke("synced", Path);
            }
        }

        public void SetLength(long length)
        {
            lock (_disk._lock)
            {
                _disk.Reached?.Invoke("truncate", Path);
                Usable("truncate", forWriting: true).SetLength(length);
            }
        }

        public void Dispose()
        {
            lock (_disk._lock)
            {
                if (_closed)
                    return;
                _closed = true;
                _file.ReleaseHandle();
            }
        }

        private LossyFile Usable(string operation, bool forWriting)
        {
            if (_closed)
                throw DiskError.Failed(operation, Path, "the file is closed");
            if (forWriting && !_writable)
                throw DiskError.Failed(operation, Path, "the file is open for reading only");
            return _file;
        }
    }
}
