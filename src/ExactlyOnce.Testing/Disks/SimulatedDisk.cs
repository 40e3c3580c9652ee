using ExactlyOnce.Engine.Disk;

namespace ExactlyOnce.Testing.Disks;

/// <summary>
/// A disk in memory that loses what a real one may lose. Each file has a durable image and an ordered list of unsynced writes, each directory durable entries
/// and unsynced operations. Operations that change something, and syncs, are counted from 1; a crash or a fault can be set at any of them. What survives a
/// crash follows from the <see cref="PowerLoss"/> alone; copies share the bytes that they have in common.
/// <para>Not modelled: sectors that were synced are never lost; a write never returns with half of it done (<see cref="IDiskFile.Write"/> goes on by itself
/// after EINTR).</para>
/// </summary>
internal sealed partial class SimulatedDisk : IDisk
{
    private const int OlderImagesMax = 8;

    private static readonly TimeSpan s_stall = TimeSpan.FromSeconds(10);

    private readonly Lock _lock = new();
    private readonly SimulatedDirectory _root;
    private readonly List<PendingOperation> _pending;
    private readonly List<FileImage> _deleted;
    private readonly FaultInjector _faults = new();
    private readonly DiskSpace _space = new();
    private readonly DiskTrace _trace = new();
    private readonly Dictionary<string, string> _owners = [];
    private long _crashAt = long.MaxValue;
    private bool _isReadOnly;

    public SimulatedDisk()
        : this(new SimulatedDirectory(), [], [])
    {
    }

    private SimulatedDisk(SimulatedDirectory root, List<PendingOperation> pending, List<FileImage> deleted)
    {
        _root = root;
        _pending = pending;
        _deleted = deleted;
    }

    /// <summary>Operations counted so far: creating opens, writes, length changes, syncs, and everything that changes a directory.</summary>
    public long Operations { get; private set; }

    /// <summary>Syncs of files among them.</summary>
    public long Syncs { get; private set; }

    public bool HasCrashed { get; private set; }

    /// <summary>True when a power cut has something to lose.</summary>
    public bool HasUnsynced
    {
        get
        {
            lock (_lock)
                return _pending.Count > 0;
        }
    }

    /// <summary>What was done, one line an operation; for the message of a failed test.</summary>
    public List<string> Trace
    {
        get
        {
            lock (_lock)
                return _trace.Lines();
        }
    }

    /// <summary>What a failing sync leaves behind.</summary>
    public SyncFailure SyncFailure { get; set; }

    /// <summary>Called before each counted operation, as the last moment at which a machine dies without having begun it.</summary>
    public Action<SimulatedDisk>? BeforeOperation { get; set; }

    /// <summary>Lets virtual time go by, for stalls.</summary>
    public Action<TimeSpan>? PassTime { get; set; }

    /// <summary>The n-th operation and all after it throw <see cref="SimulatedCrash"/>; when it is a write, some of it is done first.</summary>
    public void CrashAt(long operation) => _crashAt = operation;

    /// <summary>The n-th operation fails; the next ones work again, as on real disks.</summary>
    public void FailAt(long operation, FaultKind kind) => _faults.Plan(operation, kind);

    /// <summary>An operation of some kinds fails, counted from now.</summary>
    public void Plan(PlannedFault fault) => _faults.Plan(fault);

    /// <summary>The n-th read of a file from now fails with EIO.</summary>
    public void FailReadAt(long read)
    {
        _faults.Remove(planned => planned.On == DiskOperations.Read);
        _faults.Plan(new PlannedFault(DiskOperations.Read, read, FaultKind.IoError));
    }

    /// <summary>
    /// Only so many bytes more: the write that needs one more is cut short there and fails. Space comes back after some more attempts, if at all.
    /// </summary>
    public void LimitSpace(long bytes, FaultKind fault = FaultKind.NoSpace, long returnsAfter = long.MaxValue) => _space.Limit(bytes, fault, returnsAfter);

    /// <summary>Gives the disk the weaknesses of a drawn one.</summary>
    public void Weaken(DiskFaults faults)
    {
        _faults.Draw(faults);
        SyncFailure = faults.SyncFailure;
        if (faults.SpaceBytes < long.MaxValue)
            _space.Limit(faults.SpaceBytes, FaultKind.NoSpace, faults.SpaceReturnsAfter);
    }

    /// <summary>No fault any more that has not happened yet; what was lost stays lost.</summary>
    public void Heal()
    {
        lock (_lock)
        {
            _faults.Clear();
            _space.Return();
            _isReadOnly = false;
            _crashAt = long.MaxValue;
        }
    }

    /// <summary>What survives of this disk, which is dead from here on; may be asked again with another seed.</summary>
    public SimulatedDisk Crash(CrashProfile profile, int seed) => Crash(new PowerLoss(profile, seed));

    /// <inheritdoc cref="Crash(CrashProfile, int)"/>
    public SimulatedDisk Crash(PowerLoss loss)
    {
        lock (_lock)
        {
            HasCrashed = true;
            if (loss.Profile == CrashProfile.AllSurvive)
                return Fork();
            using var copy = new DiskCopy();
            var root = (SimulatedDirectory)copy.Of(_root);
            var pending = _pending.ConvertAll(operation => operation.On(copy));
            if (pending.Count > 0)
                new CrashDamage(loss, [.. _deleted, .. copy.Copies.OfType<SimulatedFile>().Select(file => file.Durable.Copy())]).Apply(pending);
            foreach (var node in copy.Copies)
                node.ForgetCache();
            return new SimulatedDisk(root, [], [.. _deleted]);
        }
    }

    /// <summary>The same disk once more, unsynced operations included: what a machine that dies now leaves, to be asked later.</summary>
    public SimulatedDisk Fork()
    {
        lock (_lock)
        {
            using var copy = new DiskCopy();
            var root = (SimulatedDirectory)copy.Of(_root);
            return new SimulatedDisk(root, _pending.ConvertAll(operation => operation.On(copy)), [.. _deleted]);
        }
    }

    /// <summary>The same for two disks that hold the same, durable and unsynced operations alike in number.</summary>
    public ulong Fingerprint()
    {
        lock (_lock)
            return SimulatedNames.AddTo((ulong)_pending.Count, _root);
    }

    /// <summary>Paths of all files, as a reader sees them.</summary>
    public IReadOnlyList<string> Files()
    {
        lock (_lock)
            return SimulatedNames.FilesUnder("", _root);
    }

    /// <summary>The file's bytes as a reader sees them.</summary>
    public byte[] ReadAll(string path)
    {
        lock (_lock)
            return SimulatedNames.File(_root, "read", path).Current.ToArray();
    }

    /// <summary>Bit rot: changes a byte on the device and in the cache.</summary>
    public void Flip(string path, long position, byte mask)
    {
        lock (_lock)
        {
            var file = SimulatedNames.File(_root, "flip", path);
            file.Current.Xor(position, mask);
            if (position < file.Durable.Length)
                file.Durable.Xor(position, mask);
        }
    }

    public void CreateDirectory(string path)
    {
        lock (_lock)
        {
            Change("mkdir", path);
            var directory = _root;
            foreach (var part in SimulatedNames.Parts(path))
            {
                if (!directory.Current.TryGetValue(part, out var node))
                    node = Link(directory, part, new SimulatedDirectory());
                directory = node as SimulatedDirectory ?? throw DiskError.Failed("mkdir", path, "a file has that name");
            }
        }
    }

    public bool DirectoryExists(string path) => Find(path) is SimulatedDirectory;

    public bool FileExists(string path) => Find(path) is SimulatedFile;

    public IReadOnlyList<string> List(string path)
    {
        lock (_lock)
        {
            ThrowIfCrashed();
            var directory = SimulatedNames.Directory(_root, "list", path);
            return [.. directory.Current.Select(entry => entry.Key + (entry.Value is SimulatedDirectory ? "/" : "")).Order(StringComparer.Ordinal)];
        }
    }

    public IDiskFile Open(string path, FileOpening opening)
    {
        lock (_lock)
        {
            if (opening is FileOpening.Create or FileOpening.CreateNew)
                Change("create", path);
            ThrowIfCrashed();
            var existing = SimulatedNames.Find(_root, path);
            if (existing is SimulatedDirectory)
                throw DiskError.Failed("open", path, "is a directory");
            if (existing is null && opening is FileOpening.Read or FileOpening.ReadWrite)
                throw DiskError.Failed("open", path, "no such file");
            if (existing is not null && opening == FileOpening.CreateNew)
                throw DiskError.Failed("open", path, "file exists");
            if (_isReadOnly && opening == FileOpening.ReadWrite)
                throw Fault(FaultKind.ReadOnly, "open", path);
            var file = existing as SimulatedFile ?? (SimulatedFile)Link(SimulatedNames.Parent(_root, "open", path), Path.GetFileName(path), new SimulatedFile());
            if (opening == FileOpening.Create && file.Current.Length > 0)
                Truncate(file, 0);
            return new SimulatedFileHandle(this, file, path, opening != FileOpening.Read);
        }
    }

    public void Rename(string source, string target)
    {
        lock (_lock)
        {
            Change("rename", source);
            var file = SimulatedNames.File(_root, "rename", source);
            var (from, to) = (SimulatedNames.Parent(_root, "rename", source), SimulatedNames.Parent(_root, "rename", target));
            var replaced = SimulatedNames.Find(_root, target);
            if (replaced is SimulatedDirectory)
                throw DiskError.Failed("rename", target, "is a directory");
            if (replaced is SimulatedFile old && old != file)
                LeaveBytes(old);
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
            Change("unlink", path);
            var file = SimulatedNames.File(_root, "unlink", path);
            LeaveBytes(file);
            Unlink(path, file);
        }
    }

    public void DeleteDirectory(string path)
    {
        lock (_lock)
        {
            Change("rmdir", path);
            var directory = SimulatedNames.Directory(_root, "rmdir", path);
            if (directory.Current.Count > 0)
                throw DiskError.Failed("rmdir", path, "not empty");
            Unlink(Path.TrimEndingDirectorySeparator(path), directory);
        }
    }

    public void SyncDirectory(string path)
    {
        lock (_lock)
        {
            var fault = Enter(DiskOperations.SyncDirectory, "sync directory", path);
            SyncNode(SimulatedNames.Directory(_root, "fsync", path), fault, path);
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
            ThrowIfCrashed();
            if (SimulatedNames.Find(_root, path) is null)
            {
                var file = (SimulatedFile)Link(SimulatedNames.Parent(_root, "lock", path), Path.GetFileName(path), new SimulatedFile());
                file.Current.Write(0, System.Text.Encoding.UTF8.GetBytes(ownerText));
            }
            _owners[path] = owner = ownerText;
            return new HeldLock(this, path);
        }
    }

    public void VerifySyncErrorsAreSeen(string directory)
    {
    }

    public long FreeBytes(string directory) => _space.Free;

    private sealed class HeldLock(SimulatedDisk disk, string path) : IDisposable
    {
        public void Dispose()
        {
            lock (disk._lock)
                disk._owners.Remove(path);
        }
    }
}
