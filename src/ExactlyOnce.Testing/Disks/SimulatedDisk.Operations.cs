using ExactlyOnce.Engine.Disk;

namespace ExactlyOnce.Testing.Disks;

/// <content>What open files ask for, and what every operation goes through: the count, the trace, the crash, the fault.</content>
internal sealed partial class SimulatedDisk
{
    internal long LengthOf(SimulatedFile file)
    {
        lock (_lock)
        {
            ThrowIfCrashed();
            return file.Current.Length;
        }
    }

    internal int Read(SimulatedFile file, string path, long position, Span<byte> buffer)
    {
        lock (_lock)
        {
            ThrowIfCrashed();
            var fault = _faults.Strike(DiskOperations.Read, 0, path);
            if (fault is FaultKind.IoError)
                throw DiskError.Failed("pread", path, "simulated EIO");
            if (fault is FaultKind.Misdirected)
                position = Astray(file, position);
            var count = file.Current.Read(position, buffer);
            if (fault is FaultKind.BitRot && count > 0)
                Rot(buffer[..count]);
            return count;
        }
    }

    internal void Write(SimulatedFile file, string path, long position, ReadOnlySpan<byte> bytes)
    {
        lock (_lock)
        {
            var fault = Enter(DiskOperations.Write, "write", path, position, bytes.Length);
            var failure = fault is FaultKind.IoError or FaultKind.NoSpace or FaultKind.QuotaExceeded ? fault : null;
            if (failure is not null || HasCrashed)
                bytes = bytes[..(int)(new Random((int)Operations).NextDouble() * bytes.Length)];
            var growth = Math.Max(0, position + bytes.Length - file.Current.Length);
            if (_space.Take(growth) is var room && room < growth)
                {
                bytes = bytes[..(int)Math.Max(0, bytes.Length - (growth - room))];
                failure = _space.Fault;
            }
            Put(file, position, bytes, fault);
            ThrowIfCrashed();
            if (failure is { } kind)
                throw Fault(kind, "pwrite", path);
        }
    }

    internal void SetLength(SimulatedFile file, string path, long length)
    {
        lock (_lock)
        {
            if (Enter(DiskOperations.SetLength, "set length", path) is { } fault)
                throw Fault(fault, "truncate", path);
            Truncate(file, length);
        }
    }

    /// <param name="file">Which.</param>
    /// <param name="path">Its path.</param>
    /// <param name="errorsSeen">How many failures the handle has been told of.</param>
    internal void Sync(SimulatedFile file, string path, ref int errorsSeen)
    {
        lock (_lock)
        {
            var fault = Enter(DiskOperations.Sync, "sync", path);
            Syncs++;
            var isUntold = errorsSeen < file.Errors;
            try
            {
                SyncNode(file, fault, path);
            }
            finally
            {
                errorsSeen = file.Errors;
            }
            if (isUntold)
                throw Fault(FaultKind.IoError, "sync", path);
        }
    }

    private void Change(string operation, string path)
    {
        if (Enter(DiskOperations.Names, operation, path) is { } fault)
            throw Fault(fault, operation, path);
        if (operation is "create" or "mkdir" && _space.Take(1) == 0)
            throw Fault(_space.Fault, operation, path);
    }

    /// <summary>Counts, remembers, crashes; answers the fault that the operation meets.</summary>
    private FaultKind? Enter(DiskOperations kind, string operation, string path, long position = -1, int length = 0)
    {
        ThrowIfCrashed();
        BeforeOperation?.Invoke(this);
        Operations++;
        _trace.Add(operation, path, position, length);
        if (Operations >= _crashAt)
        {
            HasCrashed = true;
            if (kind != DiskOperations.Write)
                ThrowIfCrashed();
            return null;
        }
        if (_isReadOnly)
            throw Fault(FaultKind.ReadOnly, operation, path);
        switch (_faults.Strike(kind, Operations, path))
        {
            case FaultKind.ReadOnly:
                throw Fault(FaultKind.ReadOnly, operation, path);
            case FaultKind.Dead:
                HasCrashed = true;
                throw new SimulatedCrash(Operations, _trace.Last);
            case FaultKind.Stall:
                PassTime?.Invoke(s_stall);
                return null;
            case var fault:
                return fault;
        }
    }

    private SimulatedNode? Find(string path)
    {
        lock (_lock)
        {
            ThrowIfCrashed();
            return SimulatedNames.Find(_root, path);
        }
    }

    private void ThrowIfCrashed()
    {
        if (HasCrashed)
            throw new SimulatedCrash(Operations, _trace.Last);
    }

    private static StorageException Fault(FaultKind kind, string operation, string path) => kind switch
    {
        FaultKind.NoSpace => DiskError.Full(operation, path, "simulated ENOSPC"),
        FaultKind.QuotaExceeded => DiskError.Full(operation, path, "simulated EDQUOT"),
        FaultKind.ReadOnly => DiskError.Failed(operation, path, "simulated EROFS"),
        _ => DiskError.Failed(operation, path, "simulated EIO"),
    };

    private void Put(SimulatedFile file, long position, ReadOnlySpan<byte> bytes, FaultKind? fault)
    {
        if (fault is FaultKind.BitRot && bytes.Length > 0)
        {
            var rotten = bytes.ToArray();
            Rot(rotten);
            bytes = rotten;
        }
        if (fault is FaultKind.Misdirected)
            position = Astray(file, position);
        file.Current.Write(position, bytes);
        _pending.Add(PendingWrite.Of(file, position, bytes));
    }

    private void Rot(Span<byte> bytes)
    {
        var random = new Random((int)Operations);
        bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
    }

    private long Astray(SimulatedFile file, long position)
    {
        var sectors = (int)(file.Current.Length / 512) + 1;
        return position % 512 + 512L * new Random((int)Operations).Next(sectors);
    }

    /// <summary>A failed sync forgets that there was anything to sync: some sectors made it, the others are called clean and never will.</summary>
    private void SyncNode(SimulatedNode node, FaultKind? fault, string path)
    {
        if (fault == FaultKind.Lie)
            return;
        if (fault is not (FaultKind.IoError or FaultKind.NoSpace or FaultKind.QuotaExceeded))
        {
            TakePending(node, static operation => operation.ApplyDurable());
            return;
        }
        var own = new List<PendingOperation>();
        TakePending(node, own.Add);
        new CrashDamage(new PowerLoss(CrashProfile.LostSectors, (int)Operations), []).Apply(own);
        if (node is SimulatedFile file)
        {
            file.Errors += SyncFailure == SyncFailure.TellsOneHandle ? 0 : 1;
            if (SyncFailure == SyncFailure.RevertsCache)
                file.ForgetCache();
        }
        _isReadOnly |= SyncFailure == SyncFailure.EndsWriting;
        throw Fault(fault.Value, "sync", path);
    }

    private void TakePending(SimulatedNode node, Action<PendingOperation> take)
    {
        var kept = 0;
        for (var index = 0; index < _pending.Count; index++)
        {
            if (_pending[index].Owner == node)
                take(_pending[index]);
            else
                _pending[kept++] = _pending[index];
        }
        _pending.RemoveRange(kept, _pending.Count - kept);
    }

    private void Truncate(SimulatedFile file, long length)
    {
        if (length < file.Current.Length)
            LeaveBytes(file, file.Current.Length - length);
        file.Current.SetLength(length);
        _pending.Add(new PendingLength(file, length));
    }

    private void LeaveBytes(SimulatedFile file) => LeaveBytes(file, file.Current.Length);

    /// <summary>The sectors are free, and whoever gets them next may see what is in them.</summary>
    private void LeaveBytes(SimulatedFile file, long freed)
    {
        _space.Give(freed);
        if (_deleted.Count == OlderImagesMax)
            _deleted.RemoveAt(0);
        _deleted.Add(file.Durable.Copy());
    }

    private SimulatedNode Link(SimulatedDirectory directory, string name, SimulatedNode node)
    {
        directory.Current[name] = node;
        _pending.Add(new PendingLink(directory, name, node));
        return node;
    }

    private void Unlink(string path, SimulatedNode node)
    {
        var name = Path.GetFileName(path);
        var directory = SimulatedNames.Parent(_root, "unlink", path);
        directory.Current.Remove(name);
        _pending.Add(new PendingUnlink(directory, name, node));
    }
}
