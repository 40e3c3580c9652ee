using ExactlyOnce.Engine.Disk;

namespace ExactlyOnce.Testing.Disks;

/// <summary>
/// A disk in memory that loses what a real one may lose. Each file has a durable image and an ordered list of unsynced writes, each directory durable entries
/// and unsynced operations. Operations that change something, and syncs, are counted from 1; a crash or an error can be set at any of them. What survives a
/// crash follows from the profile and the seed alone.
/// <para>Not modelled: sectors that were synced are never lost, a sync never lies without failing, unsynced bytes of one file never reach another.</para>
/// </summary>
internal sealed class SimulatedDisk : IDisk
{
    private readonly Lock _lock = new();
    private readonly SimulatedDirectory _root;
    private readonly List<PendingOperation> _pending;
    private readonly Dictionary<long, FaultKind> _faults = [];
    private readonly Dictionary<string, string> _owners = [];
    private long _crashAt = long.MaxValue;
    private long _failReadAt = long.MaxValue;
    private long _reads;

    public SimulatedDisk()
        : this(new SimulatedDirectory(), [])
    {
    }

    private SimulatedDisk(SimulatedDirectory root, List<PendingOperation> pending)
    {
        _root = root;
        _pending = pending;
    }

    /// <summary>Operations counted so far: creating opens, writes, length changes, syncs, and everything that changes a directory.</summary>
    public long Operations { get; private set; }

    /// <summary>Syncs of files among them.</summary>
    public long Syncs { get; private set; }

    public bool HasCrashed { get; private set; }

    /// <summary>What was done, one line an operation; for the message of a failed test.</summary>
    public List<string> Trace { get; } = [];

    /// <summary>The n-th operation and all after it throw <see cref="SimulatedCrash"/>; when it is a write, some of it is done first.</summary>
    public void CrashAt(long operation) => _crashAt = operation;

    /// <summary>The n-th operation fails; the next ones work again, as on real disks.</summary>
    public void FailAt(long operation, FaultKind kind) => _faults[operation] = kind;

    /// <summary>The n-th read of a file from now fails with EIO.</summary>
    public void FailReadAt(long read)
    {
        _reads = 0;
        _failReadAt = read;
    }

    /// <summary>What survives of this disk, which is dead from here on; may be asked again with another seed.</summary>
    public SimulatedDisk Crash(CrashProfile profile, int seed)
    {
        lock (_lock)
        {
            HasCrashed = true;
            var copies = new Dictionary<SimulatedNode, SimulatedNode>(ReferenceEqualityComparer.Instance);
            var root = (SimulatedDirectory)CopyOf(_root, copies);
            var pending = _pending.ConvertAll(operation => operation.On(node => CopyOf(node, copies)));
            if (profile == CrashProfile.AllSurvive)
                return new SimulatedDisk(root, pending);
            new CrashDamage(profile, new Random(seed)).Apply(pending);
            foreach (var node in copies.Values)
                ForgetCache(node);
            return new SimulatedDisk(root, []);
        }
    }

    /// <summary>The file's bytes as a reader sees them.</summary>
    public byte[] ReadAll(string path)
    {
        lock (_lock)
            return FindFile("read", path).Current.Bytes.ToArray();
    }

    /// <summary>Bit rot: changes a byte on the device and in the cache.</summary>
    public void Flip(string path, long position, byte mask)
    {
        lock (_lock)
        {
            var file = FindFile("flip", path);
            file.Current.Writable[(int)position] ^= mask;
            if (position < file.Durable.Length)
                file.Durable.Writable[(int)position] ^= mask;
        }
    }

    public void CreateDirectory(string path)
    {
        lock (_lock)
        {
            Enter("mkdir", path);
            var directory = _root;
            foreach (var part in Parts(path))
            {
                if (!directory.Current.TryGetValue(part, out var node))
                {
                    node = directory.Current[part] = new SimulatedDirectory();
                    _pending.Add(new PendingLink(directory, part, node));
                }
                directory = node as SimulatedDirectory ?? throw DiskError.Failed("mkdir", path, "a file has that name");
            }
        }
    }

    public bool DirectoryExists(string path)
    {
        lock (_lock)
            return Alive(() => Find(path) is SimulatedDirectory);
    }

    public bool FileExists(string path)
    {
        lock (_lock)
            return Alive(() => Find(path) is SimulatedFile);
    }

    public IReadOnlyList<string> List(string path)
    {
        lock (_lock)
        {
            var directory = Alive(() => FindDirectory("list", path));
            return [.. directory.Current.Select(entry => entry.Key + (entry.Value is SimulatedDirectory ? "/" : "")).Order(StringComparer.Ordinal)];
        }
    }

    public IDiskFile Open(string path, FileOpening opening)
    {
        lock (_lock)
        {
            if (opening is FileOpening.Create or FileOpening.CreateNew)
                Enter("create", path);
            var existing = Alive(() => Find(path));
            if (existing is SimulatedDirectory)
                throw DiskError.Failed("open", path, "is a directory");
            if (existing is null && opening is FileOpening.Read or FileOpening.ReadWrite)
                throw DiskError.Failed("open", path, "no such file");
            if (existing is not null && opening == FileOpening.CreateNew)
                throw DiskError.Failed("open", path, "file exists");
            var file = existing as SimulatedFile ?? Link(path, new SimulatedFile());
            if (opening == FileOpening.Create && file.Current.Length > 0)
                Truncate(file, 0);
            return new Handle(this, file, path, opening != FileOpening.Read);
        }
    }

    public void Rename(string source, string target)
    {
        lock (_lock)
        {
            Enter("rename", source);
            var file = FindFile("rename", source);
            var (from, to) = (FindParent("rename", source), FindParent("rename", target));
            if (Find(target) is SimulatedDirectory)
                throw DiskError.Failed("rename", target, "is a directory");
            var (oldName, newName) = (Path.GetFileName(source), Path.GetFileName(target));
            from.Current.Remove(oldName);
            to.Current[newName] = file;
            if (from == to)
            {
                _pending.Add(new PendingRename(from, oldName, newName, file));
                return;
            }
            _pending.Add(new PendingLink(to, newName, file));
            _pending.Add(new PendingUnlink(from, oldName, file));
        }
    }

    public void Delete(string path)
    {
        lock (_lock)
        {
            Enter("unlink", path);
            Unlink(path, FindFile("unlink", path));
        }
    }

    public void DeleteDirectory(string path)
    {
        lock (_lock)
        {
            Enter("rmdir", path);
            var directory = FindDirectory("rmdir", path);
            if (directory.Current.Count > 0)
                throw DiskError.Failed("rmdir", path, "not empty");
            Unlink(path, directory);
        }
    }

    public void SyncDirectory(string path)
    {
        lock (_lock)
        {
            var fault = Enter("sync directory", path);
            SyncNode(FindDirectory("fsync", path), fault, path);
        }
    }

    public IDisposable? TryLock(string path, string ownerText, out string owner)
    {
        lock (_lock)
        {
            if (_owners.TryGetValue(path, out var current))
            {
                owner = current;
                return null;
            }
            if (Alive(() => Find(path)) is null)
                Link(path, new SimulatedFile()).Current.Write(0, System.Text.Encoding.UTF8.GetBytes(ownerText));
            _owners[path] = owner = ownerText;
            return new HeldLock(this, path);
        }
    }

    public void VerifySyncErrorsAreSeen(string directory)
    {
    }

    public long FreeBytes(string directory) => 1L << 40;

    private FaultKind? Enter(string operation, string path)
    {
        ThrowIfCrashed();
        Operations++;
        Trace.Add($"{Operations} {operation} {path}");
        if (Operations >= _crashAt)
        {
            HasCrashed = true;
            if (operation != "write")
                ThrowIfCrashed();
            return null;
        }
        if (!_faults.TryGetValue(Operations, out var fault))
            return null;
        return operation is "write" or "sync" or "sync directory" ? fault : throw Fault(fault, operation, path);
    }

    private void ThrowIfCrashed()
    {
        if (HasCrashed)
            throw new SimulatedCrash(Operations, Trace.Count > 0 ? Trace[^1] : "start");
    }

    private T Alive<T>(Func<T> look)
    {
        ThrowIfCrashed();
        return look();
    }

    private static StorageException Fault(FaultKind kind, string operation, string path) =>
        kind == FaultKind.NoSpace ? DiskError.Full(operation, path, "simulated ENOSPC") : DiskError.Failed(operation, path, "simulated EIO");

    private void Write(SimulatedFile file, string path, long position, ReadOnlySpan<byte> bytes)
    {
        var fault = Enter("write", $"{path} {position}+{bytes.Length}");
        if (fault is not null || HasCrashed)
            bytes = bytes[..(int)(new Random((int)Operations).NextDouble() * bytes.Length)];
        file.Current.Write(position, bytes);
        _pending.Add(new PendingWrite(file, position, bytes.ToArray()));
        ThrowIfCrashed();
        if (fault is { } kind)
            throw Fault(kind, "pwrite", path);
    }

    private int Read(SimulatedFile file, string path, long position, Span<byte> buffer)
    {
        ThrowIfCrashed();
        if (++_reads == _failReadAt)
            throw DiskError.Failed("pread", path, "simulated EIO");
        var count = (int)Math.Clamp(file.Current.Length - position, 0, buffer.Length);
        if (count > 0)
            file.Current.Bytes.Slice((int)position, count).CopyTo(buffer);
        return count;
    }

    private void SetLength(SimulatedFile file, string path, long length)
    {
        Enter("set length", path);
        Truncate(file, length);
    }

    private void Sync(SimulatedFile file, string path)
    {
        var fault = Enter("sync", path);
        Syncs++;
        SyncNode(file, fault, path);
    }

    /// <summary>A failed sync forgets that there was anything to sync: some sectors made it, the others are called clean and never will.</summary>
    private void SyncNode(SimulatedNode node, FaultKind? fault, string path)
    {
        var own = _pending.FindAll(operation => operation.Owner == node);
        _pending.RemoveAll(operation => operation.Owner == node);
        if (fault is not { } kind)
        {
            own.ForEach(operation => operation.ApplyDurable());
            return;
        }
        new CrashDamage(CrashProfile.LostSectors, new Random((int)Operations)).Apply(own);
        throw Fault(kind, "sync", path);
    }

    private void Truncate(SimulatedFile file, long length)
    {
        file.Current.SetLength(length);
        _pending.Add(new PendingLength(file, length));
    }

    private T Link<T>(string path, T node)
        where T : SimulatedNode
    {
        var directory = FindParent("open", path);
        directory.Current[Path.GetFileName(path)] = node;
        _pending.Add(new PendingLink(directory, Path.GetFileName(path), node));
        return node;
    }

    private void Unlink(string path, SimulatedNode node)
    {
        var name = Path.GetFileName(Path.TrimEndingDirectorySeparator(path));
        var directory = FindParent("unlink", Path.TrimEndingDirectorySeparator(path));
        directory.Current.Remove(name);
        _pending.Add(new PendingUnlink(directory, name, node));
    }

    private SimulatedNode? Find(string path)
    {
        SimulatedNode? node = _root;
        foreach (var part in Parts(path))
        {
            if (node is not SimulatedDirectory directory || !directory.Current.TryGetValue(part, out node))
                return null;
        }
        return node;
    }

    private SimulatedFile FindFile(string operation, string path) =>
        Find(path) as SimulatedFile ?? throw DiskError.Failed(operation, path, "no such file");

    private SimulatedDirectory FindDirectory(string operation, string path) =>
        Find(path) as SimulatedDirectory ?? throw DiskError.Failed(operation, path, "no such directory");

    private SimulatedDirectory FindParent(string operation, string path) => FindDirectory(operation, Path.GetDirectoryName(path) ?? "/");

    private static string[] Parts(string path) => path.Split(['/', '\\'], StringSplitOptions.RemoveEmptyEntries);

    private static SimulatedNode CopyOf(SimulatedNode node, Dictionary<SimulatedNode, SimulatedNode> copies)
    {
        if (copies.TryGetValue(node, out var copy))
            return copy;
        if (node is SimulatedFile file)
            return copies[node] = file.Copy();
        var (source, target) = ((SimulatedDirectory)node, new SimulatedDirectory());
        copies[node] = target;
        foreach (var (name, entry) in source.Current)
            target.Current[name] = CopyOf(entry, copies);
        foreach (var (name, entry) in source.Durable)
            target.Durable[name] = CopyOf(entry, copies);
        return target;
    }

    /// <summary>After a power cut a reader sees what the device has.</summary>
    private static void ForgetCache(SimulatedNode node)
    {
        if (node is SimulatedFile file)
        {
            file.Current.SetLength(0);
            file.Current.Write(0, file.Durable.Bytes);
            return;
        }
        var directory = (SimulatedDirectory)node;
        directory.Current.Clear();
        foreach (var (name, entry) in directory.Durable)
            directory.Current[name] = entry;
    }

    private sealed class HeldLock(SimulatedDisk disk, string path) : IDisposable
    {
        public void Dispose()
        {
            lock (disk._lock)
                disk._owners.Remove(path);
        }
    }

    private sealed class Handle(SimulatedDisk disk, SimulatedFile file, string path, bool writable) : IDiskFile
    {
        private bool _closed;

        public string Path => path;

        public long Length
        {
            get
            {
                lock (disk._lock)
                {
                    AssertUsable("length", forWriting: false);
                    return disk.Alive(() => file.Current.Length);
                }
            }
        }

        public int Read(long position, Span<byte> buffer)
        {
            lock (disk._lock)
            {
                AssertUsable("read", forWriting: false);
                return disk.Read(file, path, position, buffer);
            }
        }

        public void Write(long position, ReadOnlySpan<byte> bytes)
        {
            lock (disk._lock)
            {
                AssertUsable("write", forWriting: true);
                disk.Write(file, path, position, bytes);
            }
        }

        public void Sync()
        {
            lock (disk._lock)
            {
                AssertUsable("sync", forWriting: false);
                disk.Sync(file, path);
            }
        }

        public void SetLength(long length)
        {
            lock (disk._lock)
            {
                AssertUsable("truncate", forWriting: true);
                disk.SetLength(file, path, length);
            }
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
