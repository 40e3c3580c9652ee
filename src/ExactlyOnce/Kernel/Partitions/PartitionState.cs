using System.Buffers;
using System.Diagnostics;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Kernel.Partitions;

/// <summary>
/// The rules of one partition: which batch may be appended, where the last stable offset stands, what was aborted. Live traffic is Decide + Apply,
/// recovery is Apply alone; both under the partition's lock, which the engine owns. Only <see cref="Aborted"/> may be read without it.
/// Refusals are verdicts; a call that no decision allows is a bug and an assertion.
/// </summary>
internal sealed class PartitionState
{
    private readonly PartitionRules _rules;
    private readonly ProducerTable _producers;
    private readonly OngoingTransactions _ongoing = new();

    public PartitionState(PartitionRules rules)
    {
        _rules = rules;
        _producers = new ProducerTable(rules.BatchWindow, rules.StrictKafka ? int.MaxValue : rules.MaximumProducers);
    }

    /// <summary>The first offset a reader may ask for.</summary>
    public long LogStartOffset { get; private set; }

    /// <summary>The offset of the next record.</summary>
    public long LogEndOffset { get; private set; }

    /// <summary>The newest LSN applied; a frame is replayed only above it.</summary>
    public long AppliedLsn { get; private set; }

    /// <summary>
    /// The first offset of the oldest open transaction, or null. Lifted to the log start when the data in front of it was deleted: the transaction
    /// still blocks until it ends.
    /// </summary>
    public long? FirstUnstableOffset => _ongoing.Count == 0 ? null : Math.Max(_ongoing.FirstOffset, LogStartOffset);

    /// <summary>Where a committed reader stops, as far as everything applied is durable: the engine takes the value of a durable moment.</summary>
    public long LastStableOffset => _ongoing.Count == 0 ? LogEndOffset : Math.Max(_ongoing.FirstOffset, LogStartOffset);

    public int ProducerCount => _producers.Count;

    /// <summary>The producers for Kafka's snapshot layout, DescribeProducers and compaction.</summary>
    public ProducerSnapshotEntries Producers => new(_producers.LeastRecent);

    /// <summary>The transactions with data and no marker, oldest first.</summary>
    public OngoingTransactions OpenTransactions => _ongoing;

    /// <summary>The aborted index; its published state may be read from any thread.</summary>
    public AbortedTransactions Aborted { get; } = new();

    internal ProducerTable Table => _producers;

    /// <summary>The verdict on a batch. Reads only.</summary>
    public AppendDecision Decide(in BatchHeader batch, AppendOrigin origin)
    {
        if (origin != AppendOrigin.Coordinator && !HasClientShape(batch))
            return AppendDecision.RefuseUnknown(AppendVerdict.InvalidRecord, Sequence.None, lsn: 0);
        if (!batch.HasProducer)
            return AppendDecision.Append(null);
        return _producers.Find(batch.Producer.Id) is { } entry
            ? DecideKnown(entry, batch, origin)
            : DecideUnknown(batch, origin);
    }

    /// <summary>Applies a batch that was decided to be appended at <paramref name="baseOffset"/>; also the way of replay.</summary>
    public void Apply(in BatchHeader batch, long baseOffset, long nowMs, long lsn)
    {
        if (batch.HasProducer)
            ApplyProducer(_producers.FindOrAdd(batch.Producer.Id), batch, baseOffset, nowMs, lsn);
        Advance(baseOffset, batch.LastOffsetDelta, lsn);
    }

    /// <summary>The same without a second look-up, within the hold of the lock that took the decision.</summary>
    public void Apply(in BatchHeader batch, in AppendDecision decision, long baseOffset, long nowMs, long lsn)
    {
        Debug.Assert(decision.IsAppend, "Only what was allowed is applied.");
        if (batch.HasProducer)
            ApplyProducer(decision.Entry ?? _producers.FindOrAdd(batch.Producer.Id), batch, baseOffset, nowMs, lsn);
        Advance(baseOffset, batch.LastOffsetDelta, lsn);
    }

    /// <summary>
    /// Applies the coordinator's word that this producer's transaction includes this partition, without data yet; a marker ends it. At no epoch it ends the
    /// enrolment and not the transaction, which is prepared: what the producer still writes asks the coordinator.
    /// </summary>
    public void Enrol(ProducerIdentity producer, long nowMs, long lsn)
    {
        Debug.Assert(producer.Id >= 0, "Only a producer is enrolled.");
        var entry = _producers.FindOrAdd(producer.Id);
        _producers.Touch(entry, nowMs);
        entry.ApplyEnrolment(producer.Epoch, nowMs, lsn);
        Advance(lsn);
    }

    /// <summary>The verdict on a marker. Whether it commits makes no difference. Reads only.</summary>
    public MarkerDecision DecideMarker(ProducerIdentity marker, int coordinatorEpoch, MarkerGeneration generation)
    {
        if (_producers.Find(marker.Id) is not { } entry)
            return new MarkerDecision(MarkerVerdict.Append, ProducerIdentity.NoEpoch, KnownCoordinatorEpoch: -1, AppliedLsn);
        var verdict = !HasMarkerEpoch(entry, marker.Epoch, generation) ? MarkerVerdict.InvalidProducerEpoch
            : coordinatorEpoch < entry.CoordinatorEpoch ? MarkerVerdict.CoordinatorFenced
            : MarkerVerdict.Append;
        return new MarkerDecision(verdict, entry.KnownEpoch, entry.CoordinatorEpoch, entry.Lsn);
    }

    /// <summary>
    /// Applies a marker: ends the enrolment and the open transaction, indexes it when it was aborted and has data here, and fences older epochs, also
    /// of a producer never seen before. A marker takes one offset even where it ends nothing.
    /// </summary>
    public void ApplyMarker(in BatchHeader marker, bool commit, int coordinatorEpoch, long baseOffset, long nowMs, long lsn)
    {
        Debug.Assert(marker.IsControl && marker.HasProducer, "A marker is a control batch of a producer.");
        var entry = _producers.FindOrAdd(marker.Producer.Id);
        if (entry.HasOpenTransaction)
            EndTransaction(entry, commit, baseOffset + marker.LastOffsetDelta);
        _producers.Touch(entry, nowMs);
        entry.ApplyMarker(marker, coordinatorEpoch, nowMs, lsn);
        Advance(baseOffset, marker.LastOffsetDelta, lsn);
    }

    /// <summary>Moves the log start forward; entries about data below it are forgotten, producers are not.</summary>
    public void ApplyLogStart(long offset, long lsn)
    {
        Debug.Assert(offset <= LogEndOffset, "The log does not start behind its end.");
        LogStartOffset = Math.Max(LogStartOffset, offset);
        Aborted.DropBelow(LogStartOffset);
        Advance(lsn);
    }

    /// <summary>
    /// Producers that have been idle for the expiry time by the broker's clock and are not inside a transaction, the longest idle first, at most
    /// <paramref name="producersMax"/>. The search ends at the first one that was active since.
    /// </summary>
    public IReadOnlyList<long> DecideExpiry(long nowMs, int producersMax = int.MaxValue)
    {
        List<long>? expired = null;
        for (var entry = _producers.LeastRecent; entry is not null && nowMs - entry.LastActiveMs >= _rules.ProducerExpiryMs; entry = entry.MoreRecent)
        {
            if (!entry.IsIdle)
                continue;
            (expired ??= []).Add(entry.Id);
            if (expired.Count == producersMax)
                break;
        }
        return expired is null ? [] : expired;
    }

    /// <summary>Forgets producers that <see cref="DecideExpiry"/> named.</summary>
    public void ApplyExpiry(IReadOnlyList<long> producerIds, long lsn)
    {
        foreach (var producerId in producerIds)
        {
            var entry = _producers.Find(producerId);
            Debug.Assert(entry is not null, "What expires is known.");
            if (entry is not null)
                _producers.Remove(entry);
        }
        Advance(lsn);
    }

    /// <summary>Writes everything a restart needs, in the layout of <see cref="PartitionSnapshot"/>.</summary>
    public void WriteSnapshot(IBufferWriter<byte> destination) => PartitionSnapshot.Write(this, destination);

    /// <summary>Reads what <see cref="WriteSnapshot"/> wrote. A smaller window than before keeps each producer's newest batches.</summary>
    /// <exception cref="InvalidDataException">The bytes are not a whole snapshot; the message says where they stop making sense.</exception>
    public static PartitionState ReadSnapshot(ReadOnlySpan<byte> source, PartitionRules rules) => PartitionSnapshot.Read(source, rules);

    [Conditional("DEBUG")]
    public void AssertInvariants()
    {
        Debug.Assert(LogStartOffset >= 0 && LogStartOffset <= LogEndOffset, "The log starts before it ends.");
        Debug.Assert(LastStableOffset >= LogStartOffset && LastStableOffset <= LogEndOffset, "The last stable offset lies in the log.");
        _producers.AssertInvariants();
        _ongoing.AssertInvariants(LogEndOffset);
        Aborted.AssertInvariants(LogEndOffset);
    }

    internal void Restore(long logStartOffset, long logEndOffset, long appliedLsn)
    {
        LogStartOffset = logStartOffset;
        LogEndOffset = logEndOffset;
        AppliedLsn = appliedLsn;
    }

    // Kafka's LogValidator, as far as a header tells.
    private static bool HasClientShape(in BatchHeader batch)
    {
        if (batch.IsControl || batch.RecordCount <= 0 || batch.RecordCount != batch.LastOffsetDelta + 1)
            return false;
        return batch.HasProducer ? batch.BaseSequence >= 0 && batch.Producer.Epoch >= 0 : !batch.IsTransactional;
    }

    // The order of the tests is Kafka's: a retry is answered before epoch and transaction are looked at.
    private AppendDecision DecideKnown(ProducerEntry entry, in BatchHeader batch, AppendOrigin origin)
    {
        var isClient = origin != AppendOrigin.Coordinator;
        var epoch = batch.Producer.Epoch;
        if (isClient && epoch == entry.Epoch && entry.Window.Find(batch.BaseSequence, batch.LastOffsetDelta) is var age and >= 0)
            return AppendDecision.Duplicate(entry, entry.Window[age]);
        var expected = ExpectedSequence(entry, epoch, origin);
        if (epoch < entry.KnownEpoch)
            return AppendDecision.Refuse(AppendVerdict.InvalidProducerEpoch, entry, expected);
        if (batch.IsTransactional && origin == AppendOrigin.Client && epoch != entry.EnrolledEpoch)
            return AppendDecision.Refuse(AppendVerdict.NotEnrolled, entry, expected);
        if (isClient && expected != Sequence.None && expected != batch.BaseSequence)
            return AppendDecision.Refuse(AppendVerdict.OutOfOrderSequence, entry, expected);
        if (!batch.IsTransactional && IsInsideTransaction(entry))
            return AppendDecision.Refuse(AppendVerdict.InvalidTransactionState, entry, expected);
        return AppendDecision.Append(entry);
    }

    // An importer whose state has expired continues where it was, hence any first sequence; a transaction that restarts at 0 has lost its first batch.
    private AppendDecision DecideUnknown(in BatchHeader batch, AppendOrigin origin)
    {
        if (batch.IsTransactional && origin == AppendOrigin.Client)
            return AppendDecision.RefuseUnknown(AppendVerdict.NotEnrolled, Sequence.None, AppliedLsn);
        if (StartsAtZero(origin) && batch.BaseSequence != 0)
            return AppendDecision.RefuseUnknown(AppendVerdict.OutOfOrderSequence, expectedSequence: 0, AppliedLsn);
        return AppendDecision.Append(null);
    }

    // A partition that never held a record has forgotten nobody: a first batch that is not the producer's first has overtaken one, whose retry would be refused
    // for ever (KAFKA-15591).
    private bool StartsAtZero(AppendOrigin origin) =>
        origin == AppendOrigin.ClientEnrolledV2 || (LogEndOffset == 0 && origin != AppendOrigin.Coordinator);

    // Of a producer that is merely enrolled no sequence is known, so the rules are those of an unknown one.
    private int ExpectedSequence(ProducerEntry entry, short epoch, AppendOrigin origin)
    {
        if (entry.Epoch == ProducerIdentity.NoEpoch)
            return StartsAtZero(origin) ? 0 : Sequence.None;
        return entry.Epoch == epoch ? Sequence.Next(entry.Window.LastSequence) : 0;
    }

    // Kafka's partitions hear of a transaction by its data; ours by the enrolment, and refuse earlier what would slip out of the transaction.
    private bool IsInsideTransaction(ProducerEntry entry) =>
        entry.HasOpenTransaction || (entry.IsEnrolled && !_rules.StrictKafka);

    // Equality under V2 is the retry of a marker whose answer was lost, or the reserved epoch that cannot be bumped.
    private static bool HasMarkerEpoch(ProducerEntry entry, short epoch, MarkerGeneration generation) => generation switch
    {
        MarkerGeneration.V1 => epoch >= entry.KnownEpoch,
        _ => epoch > entry.KnownEpoch || (epoch == entry.KnownEpoch && (!entry.HasOpenTransaction || epoch == short.MaxValue)),
    };

    private void ApplyProducer(ProducerEntry entry, in BatchHeader batch, long baseOffset, long nowMs, long lsn)
    {
        Debug.Assert(!batch.IsControl, "Markers have a way of their own.");
        _producers.Touch(entry, nowMs);
        entry.ApplyBatch(batch, baseOffset, nowMs, lsn);
        if (batch.IsTransactional && !entry.HasOpenTransaction)
            _ongoing.Open(entry, baseOffset);
    }

    private void EndTransaction(ProducerEntry entry, bool commit, long markerOffset)
    {
        var firstOffset = entry.TransactionFirstOffset;
        _ongoing.Close(entry);
        if (commit)
            return;
        var lastStableOffset = _ongoing.Count == 0 ? markerOffset + 1 : _ongoing.FirstOffset;
        Aborted.Add(new AbortedTransaction(entry.Id, firstOffset, markerOffset, lastStableOffset));
    }

    private void Advance(long baseOffset, int lastOffsetDelta, long lsn)
    {
        Debug.Assert(baseOffset >= LogEndOffset, "Offsets only grow.");
        LogEndOffset = baseOffset + lastOffsetDelta + 1;
        Advance(lsn);
    }

    private void Advance(long lsn)
    {
        Debug.Assert(lsn >= AppliedLsn, "Frames are applied in the order of the journal.");
        AppliedLsn = lsn;
    }
}
