using System.Diagnostics;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Kernel.Partitions;

/// <summary>
/// The rules of one partition: which batch is accepted, what is a retry, who is fenced, which transactions are open, what is stable. Pure and owned by the
/// partition's lock. <c>Decide…</c> reads, <c>Apply…</c> writes and never refuses; recovery is the same Apply. Sees batch headers, never payloads.
/// </summary>
internal sealed partial class PartitionState
{
    private readonly Dictionary<long, ProducerEntry> _producers = [];
    private readonly SortedSet<(long FirstOffset, long ProducerId)> _open = [];
    private readonly PartitionRules _rules;

    public PartitionState(PartitionRules rules) => _rules = rules;

    /// <summary>The first offset kept.</summary>
    public long LogStartOffset { get; private set; }

    /// <summary>The offset the next record gets.</summary>
    public long LogEndOffset { get; private set; }

    /// <summary>The first offset of the oldest open transaction; null when none is open here.</summary>
    public long? FirstUnstableOffset => _open.Count == 0 ? null : _open.Min.FirstOffset;

    /// <summary>Everything below it is decided. An open transaction whose beginning was deleted still holds it, at the log start (Kafka: A13.3 of the rules).</summary>
    public long LastStableOffset => _open.Count == 0 ? LogEndOffset : Math.Max(_open.Min.FirstOffset, LogStartOffset);

    public AbortedTransactions AbortedTransactions { get; private init; } = new();

    public int ProducerCount => _producers.Count;

    public int OpenTransactionCount => _open.Count;

    /// <summary>
    /// What to answer to a batch. The test for a retry comes first, before epoch and transaction: a retry of what was stored is told so even when its transaction has
    /// ended since (Kafka: UnifiedLog.append).
    /// </summary>
    public AppendDecision Decide(in BatchHeader batch, AppendOrigin origin)
    {
        if (!batch.HasProducer)
            return new AppendDecision { Verdict = AppendVerdict.Append };
        if (!_producers.TryGetValue(batch.Producer.Id, out var producer))
            return DecideUnknown(batch, origin);
        if (batch.Producer.Epoch == producer.Epoch && producer.Window.TryFind(batch.BaseSequence, batch.LastSequence, out var original))
            return new AppendDecision
            {
                Verdict = AppendVerdict.Duplicate,
                BaseOffset = original.BaseOffset,
                MaxTimestamp = original.MaxTimestamp,
                Lsn = original.Lsn,
                KnownEpoch = producer.Epoch,
            };
        return new AppendDecision
        {
            Verdict = DecideKnown(batch, origin, producer),
            Lsn = producer.Lsn,
            KnownEpoch = producer.Epoch,
            ExpectedSequence = ExpectedSequence(batch.Producer.Epoch, producer),
        };
    }

    /// <summary>A marker from outside. V2 markers must raise the epoch, unless nothing is open (a repeated one) or it is the reserved last; V1 markers may keep it.</summary>
    public MarkerVerdict DecideMarker(ProducerIdentity producer, int coordinatorEpoch, bool raisesEpoch)
    {
        if (!_producers.TryGetValue(producer.Id, out var known))
            return MarkerVerdict.Append;
        if (coordinatorEpoch < known.CoordinatorEpoch)
            return MarkerVerdict.CoordinatorFenced;
        var epoch = NewestEpoch(known);
        var mayStay = !raisesEpoch || !known.HasOpenTransaction || producer.Epoch == short.MaxValue;
        return producer.Epoch > epoch || (producer.Epoch == epoch && mayStay) ? MarkerVerdict.Append : MarkerVerdict.InvalidProducerEpoch;
    }

    /// <summary>The producers that have been silent for too long. One with an open transaction never is.</summary>
    public IReadOnlyList<long> DecideExpiry(long nowMs)
    {
        List<long>? expired = null;
        foreach (var (id, producer) in _producers)
            if (!producer.HasOpenTransaction && !producer.IsEnrolled && nowMs - producer.LastActiveMs >= _rules.ProducerExpiryMs)
                (expired ??= []).Add(id);
        return expired ?? (IReadOnlyList<long>)[];
    }

    /// <summary>Appends an accepted data batch.</summary>
    public void Apply(in BatchHeader batch, long baseOffset, long nowMs, long lsn)
    {
        Debug.Assert(baseOffset >= LogEndOffset, "Offsets only grow.");
        LogEndOffset = baseOffset + batch.LastOffsetDelta + 1;
        if (!batch.HasProducer)
            return;
        var producer = GetOrAdd(batch.Producer.Id);
        if (producer.Epoch != batch.Producer.Epoch)
        {
            producer.Window.Clear();
            producer.Epoch = batch.Producer.Epoch;
        }
        producer.Window.Add(new RememberedBatch(batch.LastSequence, batch.LastOffsetDelta, LogEndOffset - 1, batch.MaxTimestamp, lsn));
        producer.LastDataOffset = LogEndOffset - 1;
        producer.LastActiveMs = nowMs;
        producer.Lsn = lsn;
        if (!batch.IsTransactional)
            return;
        producer.EnrolledEpoch = batch.Producer.Epoch;
        if (producer.HasOpenTransaction)
            return;
        producer.FirstOffset = baseOffset;
        _open.Add((baseOffset, producer.Id));
    }

    /// <summary>
    /// Appends a marker: ends the producer's transaction here, if one is open. A marker always takes an offset; an aborted transaction with data is remembered for
    /// readers. A raised epoch forgets the window, an equal one keeps it (V1: numbering goes on).
    /// </summary>
    public void ApplyMarker(in BatchHeader marker, bool commit, int coordinatorEpoch, long baseOffset, long nowMs, long lsn)
    {
        Debug.Assert(baseOffset >= LogEndOffset, "Offsets only grow.");
        LogEndOffset = baseOffset + marker.LastOffsetDelta + 1;
        var producer = GetOrAdd(marker.Producer.Id);
        if (producer.HasOpenTransaction)
            Close(producer, commit, baseOffset);
        if (marker.Producer.Epoch > producer.Epoch)
        {
            producer.Window.Clear();
            producer.Epoch = marker.Producer.Epoch;
        }
        producer.EnrolledEpoch = ProducerIdentity.NoEpoch;
        producer.CoordinatorEpoch = coordinatorEpoch;
        producer.LastActiveMs = nowMs;
        producer.Lsn = lsn;
    }

    /// <summary>The producer's transaction includes this partition, before it has written to it.</summary>
    public void Enrol(ProducerIdentity identity, long nowMs, long lsn)
    {
        var producer = GetOrAdd(identity.Id);
        producer.EnrolledEpoch = identity.Epoch;
        producer.LastActiveMs = nowMs;
        producer.Lsn = lsn;
    }

    /// <summary>The log begins at <paramref name="offset"/> from now on. Producers are not forgotten by it (KAFKA-7190).</summary>
    public void ApplyLogStart(long offset)
    {
        LogStartOffset = Math.Max(LogStartOffset, offset);
        LogEndOffset = Math.Max(LogEndOffset, LogStartOffset);
        AbortedTransactions.DropBelow(LogStartOffset);
    }

    public void ApplyExpiry(IReadOnlyList<long> producerIds)
    {
        foreach (var id in producerIds)
            _producers.Remove(id);
    }

    /// <summary>The open transactions with their first offsets, oldest first.</summary>
    public IEnumerable<(long FirstOffset, long ProducerId)> OpenTransactions => _open;

    /// <summary>Every producer with its last batch.</summary>
    public IEnumerable<ProducerSnapshotEntry> Producers
    {
        get
        {
            foreach (var producer in _producers.Values)
            {
                var last = producer.Window.Count == 0 ? default(RememberedBatch?) : producer.Window[producer.Window.Count - 1];
                yield return new ProducerSnapshotEntry(
                    producer.Id, producer.Epoch, last?.LastSequence ?? Sequence.None, last?.LastOffset ?? -1, last?.OffsetDelta ?? 0,
                    producer.LastActiveMs, producer.CoordinatorEpoch, producer.FirstOffset);
            }
        }
    }

    /// <summary>The last data offset of a live producer, which compaction keeps a trace of; −1 for an unknown one.</summary>
    public long LastDataOffset(long producerId) =>
        _producers.TryGetValue(producerId, out var producer) ? producer.LastDataOffset : ProducerEntry.NoOffset;

    [Conditional("DEBUG")]
    public void AssertInvariants()
    {
        Debug.Assert(LogStartOffset <= LastStableOffset && LastStableOffset <= LogEndOffset, "log start ≤ last stable ≤ log end");
        var open = 0;
        foreach (var producer in _producers.Values)
        {
            Debug.Assert(producer.Window.Count <= _rules.WindowBatches, "the window is bounded");
            Debug.Assert(!producer.HasOpenTransaction || producer.IsEnrolled, "an open transaction is enrolled");
            Debug.Assert(!producer.HasOpenTransaction || _open.Contains((producer.FirstOffset, producer.Id)), "an open transaction holds the last stable offset");
            open += producer.HasOpenTransaction ? 1 : 0;
        }
        Debug.Assert(open == _open.Count, "nothing else holds the last stable offset");
    }

    // Any first sequence is accepted from a producer that the partition does not know: it may have been forgotten (KIP-360).
    private static AppendDecision DecideUnknown(in BatchHeader batch, AppendOrigin origin) => new()
    {
        Verdict = batch.IsTransactional && origin != AppendOrigin.Enrolled ? AppendVerdict.NotEnrolled : AppendVerdict.Append,
        KnownEpoch = ProducerIdentity.NoEpoch,
        ExpectedSequence = Sequence.None,
    };

    private static AppendVerdict DecideKnown(in BatchHeader batch, AppendOrigin origin, ProducerEntry producer)
    {
        if (batch.Producer.Epoch < NewestEpoch(producer))
            return AppendVerdict.InvalidProducerEpoch;
        if (batch.IsTransactional && origin != AppendOrigin.Enrolled && producer.EnrolledEpoch != batch.Producer.Epoch)
            return AppendVerdict.NotEnrolled;
        if (!batch.IsTransactional && producer.HasOpenTransaction)
            return AppendVerdict.InvalidTransactionState;
        var expected = ExpectedSequence(batch.Producer.Epoch, producer);
        return expected == Sequence.None || expected == batch.BaseSequence ? AppendVerdict.Append : AppendVerdict.OutOfOrderSequence;
    }

    private static int ExpectedSequence(short epoch, ProducerEntry producer)
    {
        if (producer.Epoch == ProducerIdentity.NoEpoch)
            return Sequence.None;
        return epoch == producer.Epoch ? Sequence.Next(producer.Window.LastSequence) : 0;
    }

    private static short NewestEpoch(ProducerEntry producer) => Math.Max(producer.Epoch, producer.EnrolledEpoch);

    private void Close(ProducerEntry producer, bool commit, long markerOffset)
    {
        _open.Remove((producer.FirstOffset, producer.Id));
        if (!commit)
            AbortedTransactions.Add(new AbortedTransaction(producer.Id, producer.FirstOffset, markerOffset, FirstUnstableOffset ?? markerOffset + 1));
        producer.FirstOffset = ProducerEntry.NoOffset;
    }

    private ProducerEntry GetOrAdd(long id)
    {
        if (!_producers.TryGetValue(id, out var producer))
            _producers.Add(id, producer = new ProducerEntry(id, _rules.WindowBatches));
        return producer;
    }
}
