using System.Buffers;
using ExactlyOnce.Engine.Coordination;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Engine.Environment;
using ExactlyOnce.Engine.Journal;
using ExactlyOnce.Engine.Log;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Engine.Recovery;

/// <summary>
/// Moves what the journal holds into segment files and a checkpoint file, so that the journal can be used again. Runs on one thread at a time, off the path of
/// every acknowledgement. Fuzzy: each owner is captured under its own lock with the LSN it has applied, and replay skips what an owner already contains.
/// <para>
/// Errors: a failure before the manifest is replaced changes nothing that counts; the segment files written are sealed where they were valid and the next
/// checkpoint writes new ones. It is thrown to the caller, who tries again later: no space while checkpointing is back-pressure, not a failure of the broker.
/// </para>
/// </summary>
internal sealed class Checkpointer(
    BrokerEnvironment environment, EngineOptions options, ManifestStore manifests, CoordinationState state, PartitionTable partitions, bool wasClean)
{
    private readonly IDisk _disk = environment.Disk;
    private readonly string _root = options.Directory!;
    private readonly Dictionary<PartitionKey, SegmentAppender> _appenders = [];
    private readonly Dictionary<PartitionKey, CompactedSegments> _compacted = [];
    private readonly List<SegmentFile> _unlinkLater = [];
    private readonly List<string> _removeLater = [];
    private readonly Lock _running = new();
    private long _lastNumber = -1;

    /// <summary>LSN of the last frame contained in the last checkpoint; −1 before the first.</summary>
    public long LastLsn { get; private set; } = -1;

    /// <summary>Files that the next manifest does not name any more are removed after it stands.</summary>
    public void UnlinkAfterNext(IEnumerable<SegmentFile> files)
    {
        lock (_unlinkLater)
            _unlinkLater.AddRange(files);
    }

    /// <summary>A deleted partition's folder is removed after the next manifest stands.</summary>
    public void RemoveAfterNext(string directory)
    {
        lock (_unlinkLater)
            _removeLater.Add(directory);
    }

    /// <summary>True while a compaction of the partition waits for the next checkpoint.</summary>
    public bool HasCompaction(Partition partition)
    {
        lock (_running)
            return _compacted.ContainsKey(partition.Key);
    }

    /// <summary>The next checkpoint lists the compacted segments in the place of those they were made from.</summary>
    public void ApplyWithNext(Partition partition, CompactedSegments compacted)
    {
        lock (_running)
            _compacted.Add(partition.Key, compacted);
    }

    /// <summary>A checkpoint of the running broker.</summary>
    public void Run(JournalWriter journal)
    {
        lock (_running)
        {
            journal.ThrowIfFailed();
            journal.SyncBehind();
            Write(journal.SyncedLsn, () => journal, isClean: false, leaderEpoch: manifests.Current.LeaderEpoch);
            journal.Recycle();
        }
    }

    /// <summary>The last checkpoint of a broker that accepts nothing any more: opening after it replays nothing.</summary>
    public void RunLast(JournalWriter journal)
    {
        lock (_running)
        {
            WaitSynced(journal, journal.AppendedLsn);
            Write(journal.AppendedLsn, static () => null, isClean: true, leaderEpoch: manifests.Current.LeaderEpoch);
        }
    }

    /// <summary>The directory was closed in order: its checkpoint still stands.</summary>
    public void NoteClean(long checkpointLsn) => LastLsn = checkpointLsn;

    /// <summary>Makes durable what recovery has replayed up to <paramref name="endLsn"/>; the journal begins anew behind it.</summary>
    public void RunRecovered(long endLsn, int leaderEpoch)
    {
        lock (_running)
            Write(endLsn, static () => null, isClean: false, leaderEpoch);
    }

    private void Write(long lsn, Func<JournalWriter?> runningJournal, bool isClean, int leaderEpoch)
    {
        var unlink = TakeUnlinks(out var remove);
        List<PartitionCapture> captures = [];
        try
        {
            var coordination = Capture(captures);
            if (runningJournal() is { } journal)
                WaitSynced(journal, captures.Aggregate(coordination.AppliedLsn, (newest, capture) => Math.Max(newest, capture.AppliedLsn)));
            var flushes = FlushAll(captures, isClean);
            var name = WriteFile(coordination, flushes);
            var before = manifests.Current.CheckpointFile;
            manifests.Update(manifest => manifest with
            {
                CheckpointLsn = lsn,
                CheckpointFile = name,
                IsClean = isClean,
                LeaderEpoch = leaderEpoch,
                JournalFiles = runningJournal() is null ? [] : manifest.JournalFilesAfter(lsn),
            });
            LastLsn = lsn;
            foreach (var flush in flushes)
                Publish(flush);
            CleanUp(before, unlink, remove);
        }
        catch
        {
            lock (_unlinkLater)
            {
                _unlinkLater.AddRange(unlink);
                _removeLater.AddRange(remove);
            }
            throw;
        }
        finally
        {
            foreach (var capture in captures)
                capture.Dispose();
        }
    }

    /// <summary>Which partitions there are is captured together with the topics, so that neither can be in a checkpoint without the other.</summary>
    private CoordinationSection Capture(List<PartitionCapture> captures)
    {
        CoordinationSection coordination;
        Partition[] existing;
        lock (state.Lock)
        {
            coordination = new CoordinationSection(
                state.AppliedLsn, Bytes(state.Topics.WriteSnapshot), Bytes(state.Transactions.WriteSnapshot), Bytes(state.Groups.WriteSnapshot), Bytes(state.MessageIds.WriteSnapshot));
            existing = partitions.InOrder();
        }
        foreach (var partition in existing)
            captures.Add(PartitionCapture.Of(partition));
        return coordination;
    }

    private void WaitSynced(JournalWriter journal, long lsn)
    {
        while (journal.SyncedLsn < lsn)
        {
            journal.ThrowIfFailed();
            journal.DriveToEnd();
            journal.SyncBehind();
            if (journal.SyncedLsn < lsn && environment.IsThreaded)
                SyncWait.For(journal, lsn);
        }
    }

    /// <summary>
    /// Writes the tails that are long enough to be worth the syncs of their files, several at a time, because it is the syncs that take the time; the others
    /// are copied.
    /// </summary>
    private List<Flushed> FlushAll(List<PartitionCapture> captures, bool isClean)
    {
        var flushes = new Flushed[captures.Count];
        List<int> filed = [];
        for (var i = 0; i < flushes.Length; i++)
        {
            if (captures[i].Unflushed.SizeInBytes >= options.SmallTailBytes)
                filed.Add(i);
            else
                flushes[i] = Copy(captures[i]);
        }
        var appenders = filed.ConvertAll(i => AppenderOf(captures[i].Partition));
        environment.ForEach(filed.Count, piece => flushes[filed[piece]] = Flush(captures[filed[piece]], appenders[piece], isClean));
        return [.. flushes.Select(WithCompaction)];
    }

    private static Flushed Copy(PartitionCapture capture)
    {
        var tail = new ArrayBufferWriter<byte>();
        capture.Unflushed.CopyTo(tail);
        return new Flushed(capture, WithoutDeleted(capture.View), capture.View.TailBegin, tail.WrittenMemory);
    }

    private SegmentAppender AppenderOf(Partition partition)
    {
        if (!_appenders.TryGetValue(partition.Key, out var appender))
            _appenders.Add(partition.Key, appender = new SegmentAppender(_disk, Directories.Of(_root, partition), beginNewFile: !wasClean));
        return appender;
    }

    private Flushed Flush(PartitionCapture capture, SegmentAppender appender, bool isClean)
    {
        var (partition, kept) = (capture.Partition, WithoutDeleted(capture.View));
        var segments = appender.Append(kept, capture.Unflushed, capture.Aborted, SegmentRules.Of(partition.Options, options.IndexIntervalBytes));
        // With a new segment and at the end, as Kafka does; at every checkpoint of many partitions they would cost more syncs than the segments.
        if (isClean || segments.Length != kept.Count)
            PartitionFolder.WriteTools(_disk, Directories.Of(_root, partition), partition, capture);
        return new Flushed(capture, segments, capture.Unflushed.To, default);
    }

    /// <summary>
    /// Who moves the log's start leaves the open segment alone, because it may be written to. Only here it is known that it is not: when all of it is deleted
    /// it goes.
    /// </summary>
    private static IReadOnlyList<LogSegment> WithoutDeleted(PartitionView view) =>
        view.SegmentList is [.., var last] && !last.Description.IsSealed && last.NextOffset <= view.LogStart ? [.. view.SegmentList.SkipLast(1)] : view.SegmentList;

    private Flushed WithCompaction(Flushed flushed)
    {
        if (!_compacted.TryGetValue(flushed.Capture.Partition.Key, out var compacted))
            return flushed;
        if (compacted.ApplyTo(flushed.Segments) is { } segments)
            return flushed with { Segments = segments, Compacted = compacted };
        // Retention has dropped a segment that was rewritten: what was made of it is of no use.
        _compacted.Remove(flushed.Capture.Partition.Key);
        compacted.Discard();
        return flushed;
    }

    private string WriteFile(CoordinationSection coordination, List<Flushed> flushes)
    {
        // Never the name of one that failed: what a sync could not make durable, its bytes or its entry in the folder, another sync would only pretend to.
        _lastNumber = Math.Max(_lastNumber, Directories.CheckpointNumber(manifests.Current.CheckpointFile)) + 1;
        var name = Directories.CheckpointName(_lastNumber);
        var sections = new List<PartitionSection>(flushes.Count);
        foreach (var flush in flushes)
        {
            var capture = flush.Capture;
            var segments = new ArrayBufferWriter<byte>();
            // A segment that retention has dropped since is simply listed once more: its files are removed only after a manifest without it.
            SegmentList.Write(segments, flush.Segments);
            sections.Add(new PartitionSection(capture.Partition.Key, capture.AppliedLsn, capture.State, segments.WrittenMemory, flush.TailOffset, flush.SmallTail));
        }
        var path = Path.Combine(_root, name);
        try
        {
            new CheckpointFile(coordination, sections).Write(_disk, path);
            _disk.SyncDirectory(_root);
        }
        catch (StorageException)
        {
            RemoveFailed(path);
            throw;
        }
        return name;
    }

    // Or a disk without space would be filled by the attempts.
    private void RemoveFailed(string path)
    {
        try
        {
            if (_disk.FileExists(path))
                _disk.Delete(path);
        }
        catch (StorageException)
        {
            // Removed at the next opening.
        }
    }

    /// <summary>From now on the flushed bytes are read from files, and their memory is free.</summary>
    private void Publish(Flushed flush)
    {
        if (ReferenceEquals(flush.Segments, flush.Capture.View.SegmentList))
            return;
        var partition = flush.Capture.Partition;
        using (partition.Lock.Enter())
        {
            var logStart = partition.View.LogStart;
            LogSegment[] kept = [.. flush.Segments.Where(segment => segment.NextOffset > logStart || !segment.Description.IsSealed)];
            UnlinkAfterNext(flush.Capture.View.SegmentList.Concat(flush.Segments).Select(segment => segment.File).Except(kept.Select(segment => segment.File)));
            partition.Tail.TrimTo(flush.TailOffset);
            partition.Publish(kept, flush.TailOffset, logStart, isRewrite: flush.Compacted is not null);
        }
        if (flush.Compacted is not { } compacted)
            return;
        _compacted.Remove(partition.Key);
        compacted.RetireReplaced();
    }

    private List<SegmentFile> TakeUnlinks(out List<string> remove)
    {
        lock (_unlinkLater)
        {
            List<SegmentFile> taken = [.. _unlinkLater];
            remove = [.. _removeLater];
            _unlinkLater.Clear();
            _removeLater.Clear();
            return taken;
        }
    }

    // The manifest stands; what fails here leaves files that the next opening recognises as left over.
    private void CleanUp(string? checkpointBefore, List<SegmentFile> unlink, List<string> remove)
    {
        try
        {
            if (checkpointBefore is not null && _disk.FileExists(Path.Combine(_root, checkpointBefore)))
                _disk.Delete(Path.Combine(_root, checkpointBefore));
            foreach (var file in unlink)
                file.Retire();
            foreach (var directory in remove)
                PartitionFolder.Remove(_disk, directory);
        }
        catch (StorageException)
        {
            // Removed at the next opening.
        }
    }

    private static ReadOnlyMemory<byte> Bytes(Action<IBufferWriter<byte>> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        write(buffer);
        return buffer.WrittenMemory;
    }

    /// <summary>What became of a capture: where its files end, and the short tail behind them.</summary>
    private sealed record Flushed(PartitionCapture Capture, IReadOnlyList<LogSegment> Segments, long TailOffset, ReadOnlyMemory<byte> SmallTail)
    {
        public CompactedSegments? Compacted { get; init; }
    }
}
