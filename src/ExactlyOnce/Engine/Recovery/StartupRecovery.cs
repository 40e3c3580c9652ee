using System.IO.Pipelines;
using System.Globalization;
using ExactlyOnce.Engine.Coordination;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Engine.Environment;
using ExactlyOnce.Engine.Journal;
using ExactlyOnce.Engine.Log;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Groups;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Kernel.Transactions;

namespace ExactlyOnce.Engine.Recovery;

/// <summary>
/// Opens a directory: the last checkpoint, then the journal behind it through the same Apply as live traffic, then a new checkpoint that makes durable what was
/// replayed, and only then a new journal. A crash anywhere in here leads to the same result, because nothing that the old manifest names is changed before the
/// new one stands. Refuses, and says file and position, where the bytes cannot come from a crash.
/// </summary>
internal sealed class StartupRecovery
{
    /// <summary>How much tail memory is kept for later.</summary>
    private const long ChunkPoolBytesMax = 256L << 20;

    private readonly BrokerEnvironment _environment;
    private readonly EngineOptions _options;
    private readonly IDisk _disk;
    private readonly string _root;
    private readonly PartitionFactory _factory;
    private readonly PartitionTable _partitions = new();

    /// <summary>Segment files that the manifest does not list.</summary>
    private readonly List<string> _orphans = [];

    /// <summary>Folders with segments that the old manifest needs.</summary>
    private readonly HashSet<string> _listedFolders = new(StringComparer.Ordinal);

    private readonly ChunkPool _chunks;

    /// <summary>Files that the replayed journal has let go of; the manifest of the last checkpoint names them still.</summary>
    private readonly List<SegmentFile> _dropped = [];

    private StartupRecovery(BrokerEnvironment environment, EngineOptions options)
    {
        _environment = environment;
        _options = options;
        _disk = environment.Disk;
        _root = options.Directory!;
        _chunks = NewPool(environment);
        _factory = NewFactory(environment, options, _chunks);
    }

    /// <summary>A broker without files.</summary>
    public static OpenedStorage OpenInMemory(BrokerEnvironment environment, EngineOptions options)
    {
        var journal = JournalWriter.InMemory(environment);
        var chunks = NewPool(environment);
        var factory = NewFactory(environment, options, chunks);
        factory.Attach(journal);
        return new OpenedStorage(journal, NewState(options), new PartitionTable(), factory, chunks, null, null);
    }

    /// <summary>A broker with a directory.</summary>
    /// <exception cref="StorageException">The directory is in use, the disk fails or hides its failures.</exception>
    /// <exception cref="DamagedStorageException">The directory is damaged.</exception>
    public static OpenedStorage Open(BrokerEnvironment environment, EngineOptions options)
    {
        CreateRoot(environment.Disk, options.Directory!);
        var directoryLock = TakeLock(environment, options.Directory!);
        try
        {
            return new StartupRecovery(environment, options).Recover(directoryLock);
        }
        catch
        {
            directoryLock.Dispose();
            throw;
        }
    }

    /// <summary>
    /// A folder that is not durable in its parent vanishes in a power cut with everything synced in it. One without a manifest may have been made by a process
    /// that died before it could sync the parent.
    /// </summary>
    private static void CreateRoot(IDisk disk, string root)
    {
        if (disk.FileExists(Path.Combine(root, Manifest.FileName)))
            return;
        var parents = new Stack<string>();
        var path = root;
        while (Path.GetDirectoryName(path) is { Length: > 0 } parent)
        {
            parents.Push(parent);
            if (disk.DirectoryExists(parent))
                break;
            path = parent;
        }
        disk.CreateDirectory(root);
        foreach (var parent in parents)
            disk.SyncDirectory(parent);
    }

    private OpenedStorage Recover(IDisposable directoryLock)
    {
        _disk.VerifySyncErrorsAreSeen(_root);
        var found = Manifest.Read(_disk, _root);
        if (found is null && FindTrace() is { } trace)
            throw new DamagedStorageException(Path.Combine(_root, Manifest.FileName), 0, $"it is missing, and '{trace}' shows that there was one");
        var manifests = new ManifestStore(_disk, _root, found ?? new Manifest());
        var manifest = manifests.Current;
        _factory.LeaderEpoch = manifest.LeaderEpoch + (IsWeakEnd(found) ? 1 : 0);

        var state = LoadCheckpoint(manifest);
        var endLsn = Replay(manifest, state);
        CreateMissing(Directories.Topics);
        CreateMissing(JournalFormat.DirectoryName);
        RemoveOrphans(manifests, isManifestSure: found is null, _listedFolders);
        var checkpointer = new Checkpointer(_environment, _options, manifests, state, _partitions, manifest.IsClean);
        checkpointer.UnlinkAfterNext(_dropped);
        if (!manifest.IsClean || found is null)
            checkpointer.RunRecovered(endLsn, _factory.LeaderEpoch);
        else
            checkpointer.NoteClean(manifest.CheckpointLsn);
        RemoveOrphans(manifests, isManifestSure: true, LiveFolders());

        var journal = new JournalWriter(_environment, JournalOptionsOf(_options), manifests);
        _factory.Attach(journal);
        foreach (var partition in _partitions.InOrder())
            partition.Attach(journal);
        return new OpenedStorage(journal, state, _partitions, _factory, _chunks, checkpointer, directoryLock, manifests);
    }

    /// <summary>
    /// What only a folder with a manifest can hold: a journal file, a partition's folder, a second checkpoint. A first opening that died leaves none of these.
    /// Without this look a lost manifest would pass for a new folder, and everything in it for left over.
    /// </summary>
    private string? FindTrace() =>
        _disk.List(_root).FirstOrDefault(name => Directories.CheckpointNumber(name) > 0)
        ?? NamesIn(JournalFormat.DirectoryName).FirstOrDefault(name => name.EndsWith(JournalFormat.FileSuffix, StringComparison.Ordinal))
        ?? NamesIn(Directories.Topics).FirstOrDefault(name => name.EndsWith('/') && char.IsAsciiDigit(name[0]));

    private IReadOnlyList<string> NamesIn(string folder) => _disk.DirectoryExists(Path.Combine(_root, folder)) ? _disk.List(Path.Combine(_root, folder)) : [];

    /// <summary>In Written durability a reader may have seen records that an unclean end took back: what comes now is another history.</summary>
    private bool IsWeakEnd(Manifest? found) => found is { IsClean: false, CheckpointFile: not null } && _options.Durability == Durability.Written;

    private CoordinationState LoadCheckpoint(Manifest manifest)
    {
        if (manifest.CheckpointFile is not { } name)
            return NewState(_options);
        var path = Path.Combine(_root, name);
        if (!_disk.FileExists(path))
            throw new DamagedStorageException(path, 0, "the manifest names it, but it does not exist");
        var checkpoint = CheckpointFile.Read(_disk, path);
        try
        {
            return Load(checkpoint);
        }
        catch (Exception exception) when (exception is InvalidDataException or CorruptRecordException)
        {
            throw new DamagedStorageException(path, 0, exception.Message.TrimEnd('.'), exception);
        }
    }

    private CoordinationState Load(CheckpointFile checkpoint)
    {
        var coordination = checkpoint.Coordination;
        var state = new CoordinationState(
            TopicCatalog.ReadSnapshot(coordination.Topics.Span),
            TransactionCoordinatorState.ReadSnapshot(coordination.Transactions.Span, RulesOf(_options)),
            GroupCoordinatorState.ReadSnapshot(coordination.Groups.Span, SettingsOf(_options)),
            MessageIdWindows.ReadSnapshot(coordination.MessageIds.Span),
            coordination.AppliedLsn);
        foreach (var section in checkpoint.Partitions)
        {
            if (state.Topics.Find(section.Key.Topic) is not { } topic)
                continue;
            if (section.Key.Index < 0 || section.Key.Index >= topic.Partitions || _partitions.Find(section.Key) is not null)
                throw new InvalidDataException($"Topic '{topic.Name}' has no partition {section.Key.Index}, or the checkpoint has it twice.");
            _partitions.Add(Restore(section, topic));
        }
        return state;
    }

    private Partition Restore(PartitionSection section, TopicRecord.Put topic)
    {
        var directory = Directories.Of(_root, section.Key, topic.Name);
        var opened = LogDirectory.Open(_disk, directory, SegmentList.Read(section.Segments.Span, out _), SegmentRules.Of(topic.Options, _options.IndexIntervalBytes));
        // Not removed before the whole directory has been read: whoever refuses to open changes nothing.
        _orphans.AddRange(opened.Orphans.Select(orphan => Path.Combine(directory, orphan)));
        if (opened.Segments is [.., var last] && last.NextOffset > section.TailOffset)
            throw new InvalidDataException($"The segments of '{topic.Name}' end at offset {last.NextOffset}, behind the beginning of its tail at {section.TailOffset}.");
        if (opened.Segments.Length > 0)
            _listedFolders.Add(Path.GetFileName(directory));
        var name = new TopicPartition(topic.Name, section.Key.Index);
        var partition = _factory.Restore(section.Key, name, topic.Id, topic.Options, section.State.Span, opened.Segments, section.TailOffset, section.AppliedLsn);
        partition.RestoreTail(section.Tail.Span, _environment.NowMs);
        return partition;
    }

    /// <summary>Applies every piece that its owner does not contain yet; answers where the journal ends.</summary>
    private long Replay(Manifest manifest, CoordinationState state)
    {
        using var reader = new JournalReader(_disk, _root, manifest);
        while (reader.TryRead(out var frame))
        {
            try
            {
                Replay(frame, state);
            }
            catch (Exception exception) when (exception is not (BrokerException or OutOfMemoryException))
            {
                // Apply refuses nothing that its Decide has allowed: in whatever way it fails here, these bytes do not belong to this state.
                throw reader.Contradiction(frame, exception);
            }
        }
        return reader.EndLsn;
    }

    private void Replay(in JournalFrameView frame, CoordinationState state)
    {
        var isCoordinationReplayed = false;
        foreach (var piece in frame)
        {
            if (piece.OwnerKind == (byte)PieceOwner.Partition)
                ReplayPartition(piece, frame);
            else if (frame.Lsn > state.AppliedLsn)
            {
                ReplayCoordination(state, piece, frame.Lsn);
                isCoordinationReplayed = true;
            }
        }
        // With the whole frame, as when it was written: what its pieces note of the LSN in front of them is the same then, and so is every state that they lead
        // to.
        if (isCoordinationReplayed)
            state.AppliedLsn = frame.Lsn;
    }

    private void ReplayCoordination(CoordinationState state, in JournalPiece piece, long lsn)
    {
        state.Replay((CoordinationPiece)piece.Kind, piece.Payload.Span);
        if ((CoordinationPiece)piece.Kind == CoordinationPiece.Topic)
            FollowTopic(state, TopicRecord.Read(piece.Payload.Span), lsn);
    }

    private void FollowTopic(CoordinationState state, TopicRecord record, long lsn)
    {
        if (record is not TopicRecord.Put put)
        {
            foreach (var partition in _partitions.InOrder())
                if (partition.Key.Topic == record.Number)
                    _partitions.Remove(partition);
            return;
        }
        for (var index = 0; index < put.Partitions; index++)
        {
            var key = new PartitionKey(put.Number, index);
            if (_partitions.Find(key) is { } existing)
                existing.Configure(put.Options);
            else
                _partitions.Add(_factory.CreateEmpty(key, new TopicPartition(put.Name, index), put.Id, put.Options, lsn));
        }
    }

    /// <summary>A piece of a partition that is gone by now, or not there yet in this frame's eyes, is skipped: its topic was deleted later on.</summary>
    private void ReplayPartition(in JournalPiece piece, in JournalFrameView frame)
    {
        if (_partitions.Find(piece.Partition) is not { } partition || partition.Contains(frame.Lsn))
            return;
        _dropped.AddRange(partition.Replay((PartitionPiece)piece.Kind, piece.Payload.Span, frame.Lsn, frame.BrokerTimeMs));
    }

    private void CreateMissing(string name)
    {
        var path = Path.Combine(_root, name);
        if (!_disk.DirectoryExists(path) || _disk.List(path).Count == 0)
            DurableDirectory.Create(_disk, path);
    }

    /// <summary>
    /// Removes what no manifest names: half of a checkpoint that never finished, files of topics deleted since. Only files whose names are ours. Twice: before
    /// anything is written, because a name whose directory sync failed in the last process is in the cache and nowhere else, for ever, so that what is written
    /// must get a new one; and once the new manifest stands, because until then the old one needs the files of a topic whose deletion was replayed. The same
    /// may have happened to the manifest itself, so it is written anew before anything goes that only an older one names.
    /// </summary>
    private void RemoveOrphans(ManifestStore manifests, bool isManifestSure, HashSet<string> keptFolders)
    {
        List<string> files = [.. _orphans, .. UnlistedFiles(manifests.Current)];
        var folders = UnlistedFolders(keptFolders);
        _orphans.Clear();
        if (files.Count == 0 && folders.Count == 0)
            return;
        if (!isManifestSure)
            manifests.Update(static manifest => manifest);
        foreach (var file in files)
            _disk.Delete(file);
        foreach (var folder in folders)
            PartitionFolder.Remove(_disk, folder);
    }

    private List<string> UnlistedFiles(Manifest manifest)
    {
        var unlisted = new List<string>();
        foreach (var name in _disk.List(_root))
            if (Directories.CheckpointNumber(name) >= 0 && name != manifest.CheckpointFile)
                unlisted.Add(Path.Combine(_root, name));
        var journals = Path.Combine(_root, JournalFormat.DirectoryName);
        if (!_disk.DirectoryExists(journals))
            return unlisted;
        foreach (var name in _disk.List(journals))
            if (name.EndsWith(JournalFormat.FileSuffix, StringComparison.Ordinal) && manifest.JournalFiles.All(file => file.Name != name))
                unlisted.Add(Path.Combine(journals, name));
        return unlisted;
    }

    private List<string> UnlistedFolders(HashSet<string> kept)
    {
        var unlisted = new List<string>();
        var topics = Path.Combine(_root, Directories.Topics);
        foreach (var entry in _disk.List(topics))
        {
            var folder = entry.TrimEnd('/');
            if (!kept.Contains(folder) && entry.EndsWith('/') && char.IsAsciiDigit(folder[0]))
                unlisted.Add(Path.Combine(topics, folder));
        }
        return unlisted;
    }

    private HashSet<string> LiveFolders() =>
        _partitions.InOrder().Select(partition => Path.GetFileName(Directories.Of(_root, partition))).ToHashSet(StringComparer.Ordinal);

    private static IDisposable TakeLock(BrokerEnvironment environment, string root)
    {
        var owner = string.Create(
            CultureInfo.InvariantCulture, $"process {System.Environment.ProcessId}, since {environment.Time.GetUtcNow():yyyy-MM-dd HH:mm:ss'Z'}");
        return environment.Disk.TryLock(Path.Combine(root, Directories.LockFile), owner, out var holder) ?? throw new StorageException(
            $"The directory '{root}' is in use by {holder}. A directory belongs to one broker at a time: stop the other one, or use another directory.",
            code: ErrorCode.DirectoryInUse);
    }

    private static ChunkPool NewPool(BrokerEnvironment environment) => new(ChunkPoolBytesMax, Background(environment));

    private static PartitionFactory NewFactory(BrokerEnvironment environment, EngineOptions options, ChunkPool chunks) =>
        new(chunks, (long)options.ProducerExpiry.TotalMilliseconds, Background(environment));

    /// <summary>Where there is one thread nothing is done ahead: it would only be done twice.</summary>
    private static PipeScheduler? Background(BrokerEnvironment environment) => environment.IsThreaded ? environment.Completions : null;

    private static CoordinationState NewState(EngineOptions options) => new(
        new TopicCatalog(), new TransactionCoordinatorState(RulesOf(options)), new GroupCoordinatorState(SettingsOf(options)), new MessageIdWindows(), 0);

    private static TransactionRules RulesOf(EngineOptions options) => new()
    {
        StrictKafka = options.StrictKafka,
        // The markers of all its partitions are one frame, with as much room again for its offsets.
        PartitionsPerTransactionMax = (int)Math.Clamp(
            JournalOptionsOf(options).FrameBytesMax / 2 / (ControlBatch.MarkerSize + JournalFormat.PieceHeaderBytes), 1, new TransactionRules().PartitionsPerTransactionMax),
        TimeoutMaxMs = (int)Math.Min(options.TransactionTimeoutMax.TotalMilliseconds, int.MaxValue - 1),
        ExpiryMs = (long)options.TransactionalIdExpiry.TotalMilliseconds,
    };

    private static GroupSettings SettingsOf(EngineOptions options) => new()
    {
        StrictKafka = options.StrictKafka,
        OffsetRetentionMs = (long)options.OffsetsRetention.TotalMilliseconds,
    };

    private static JournalOptions JournalOptionsOf(EngineOptions options) => new()
    {
        Durability = options.Durability,
        FileBytes = options.JournalFileBytes,
        CommitDelay = options.CommitDelay,
        ZeroStepBytes = (int)Math.Min(options.JournalFileBytes, new JournalOptions().ZeroStepBytes),
    };
}
