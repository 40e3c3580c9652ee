namespace ExactlyOnce.Engine.Disk;

/// <summary>
/// A disk in memory, for tests and for hosts without files; everything is durable at once and gone with the object. Open files outlive their names, as on
/// POSIX. Thread-safe: one lock for the names, one for each file.
/// </summary>
internal sealed class MemoryDisk : IDisk
{
    private const long Capacity = 1L << 40;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, MemoryFile?> _entries = [];
    private readonly Dictionary<string, string> _owners = [];

    public void CreateDirectory(string path)
    {
        lock (_lock)
        {
            for (var current = Normal(path); current.Length > 0 && !IsRoot(current); current = Parent(current))
            {
                if (_entries.TryGetValue(current, out var file) && file is not null)
                    throw DiskError.Failed("mkdir", current, "a file has that name");
                _entries[current] = null;
            }
        }
    }

    public bool DirectoryExists(string path)
    {
        lock (_lock)
            return IsDirectory(Normal(path));
    }

    public bool FileExists(string path)
    {
        lock (_lock)
            return _entries.TryGetValue(Normal(path), out var file) && file is not null;
    }

    public IReadOnlyList<string> List(string path)
    {
        var directory = Normal(path);
        var names = new List<string>();
        lock (_lock)
        {
            AssertDirectory("list", directory);
            foreach (var (entry, file) in _entries)
            {
                if (Parent(entry) == directory)
                    names.Add(Path.GetFileName(entry) + (file is null ? "/" : ""));
            }
        }
        names.Sort(StringComparer.Ordinal);
        return names;
    }

    public IDiskFile Open(string path, FileOpening opening)
    {
        var name = Normal(path);
        lock (_lock)
        {
            var exists = _entries.TryGetValue(name, out var file);
            if (IsDirectory(name))
                throw DiskError.Failed("open", path, "is a directory");
            if (!exists && opening is FileOpening.Read or FileOpening.ReadWrite)
                throw DiskError.Failed("open", path, "no such file");
            if (exists && opening == FileOpening.CreateNew)
                throw DiskError.Failed("open", path, "file exists");
            AssertDirectory("open", Parent(name));
            file = _entries[name] = file ?? new MemoryFile();
            if (opening == FileOpening.Create)
                file.SetLength(0);
            return new MemoryHandle(file, path, opening != FileOpening.Read);
        }
    }

    public void Rename(string source, string target)
    {
        var (from, to) = (Normal(source), Normal(target));
        lock (_lock)
        {
            if (!_entries.TryGetValue(from, out var file) || file is null)
                throw DiskError.Failed("rename", source, "no such file");
            AssertDirectory("rename", Parent(to));
            if (IsDirectory(to))
                throw DiskError.Failed("rename", target, "is a directory");
            _entries.Remove(from);
            _entries[to] = file;
        }
    }

    public void Delete(string path)
    {
        lock (_lock)
        {
            if (!_entries.TryGetValue(Normal(path), out var file) || file is null)
                throw DiskError.Failed("unlink", path, "no such file");
            _entries.Remove(Normal(path));
        }
    }

    public void DeleteDirectory(string path)
    {
        var directory = Normal(path);
        lock (_lock)
        {
            AssertDirectory("rmdir", directory);
            foreach (var entry in _entries.Keys)
            {
                if (Parent(entry) == directory)
                    throw DiskError.Failed("rmdir", path, "not empty");
            }
            _entries.Remove(directory);
        }
    }

    public void SyncDirectory(string path)
    {
        lock (_lock)
            AssertDirectory("fsync", Normal(path));
    }

    public IDisposable? TryLock(string path, string ownerText, out string owner)
    {
        var name = Normal(path);
        lock (_lock)
        {
            AssertDirectory("lock", Parent(name));
            if (_owners.TryGetValue(name, out var current))
            {
                owner = current;
                return null;
            }
            _owners[name] = owner = ownerText;
            _entries.TryAdd(name, new MemoryFile());
            return new HeldLock(this, name);
        }
    }

    public void VerifySyncErrorsAreSeen(string directory)
    {
    }

    public long FreeBytes(string directory) => Capacity;

    private bool IsDirectory(string name) => IsRoot(name) || (_entries.TryGetValue(name, out var file) && file is null);

    private void AssertDirectory(string operation, string name)
    {
        if (!IsDirectory(name))
            throw DiskError.Failed(operation, name, "no such directory");
    }

    private static bool IsRoot(string name) => Path.GetPathRoot(name) == name;

    private static string Normal(string path) => Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));

    private static string Parent(string name) => Path.GetDirectoryName(name) ?? name;

    private sealed class HeldLock(MemoryDisk disk, string name) : IDisposable
    {
        private int _released;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _released, 1) != 0)
                return;
            lock (disk._lock)
                disk._owners.Remove(name);
        }
    }

    private sealed class MemoryHandle(MemoryFile file, string path, bool writable) : IDiskFile
    {
        private bool _closed;

        public string Path => path;

        public long Length
        {
            get
            {
                AssertUsable("length", forWriting: false);
                return file.Length;
            }
        }

        public int Read(long position, Span<byte> buffer)
        {
            AssertUsable("read", forWriting: false);
            return file.Read(position, buffer);
        }

        public void Write(long position, ReadOnlySpan<byte> bytes)
        {
            AssertUsable("write", forWriting: true);
            file.Write(position, bytes);
        }

        public void Sync() => AssertUsable("sync", forWriting: false);

        public void SetLength(long length)
        {
            AssertUsable("truncate", forWriting: true);
            file.SetLength(length);
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
}
