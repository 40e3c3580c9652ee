using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Groups;
using ExactlyOnce.Kernel.Groups.Offsets;
using ExactlyOnce.Kernel.Partitions;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Kernel.Transactions;

namespace ExactlyOnce.Engine.Coordination;

/// <summary>What a coordinator call is answered; valid for the caller once <see cref="Lsn"/> is visible, a refusal too.</summary>
/// <param name="Decision">The kernel's decision.</param>
/// <param name="Lsn">The newest state it relied on.</param>
internal readonly record struct CoordinatorReply(TransactionDecision Decision, long Lsn);

/// <summary>
/// Carries out what <see cref="TransactionCoordinatorState"/> decides: every decision, its markers in every partition and its offsets go into one journal
/// frame, so a transaction is never between two states. Stateless; everything is under the coordination lock.
/// </summary>
internal sealed partial class TransactionCoordinator(CoordinationState state, FrameComposer composer, PartitionTable partitions, OffsetCommits offsets)
{
    private TransactionCoordinatorState Transactions => state.Transactions;

    /// <summary>A producer without a name.</summary>
    public CoordinatorReply AllocateProducer(long nowMs)
    {
        lock (state.Lock)
            return CarryOut(Transactions.AllocateProducerId(), null, nowMs);
    }

    /// <summary>A producer whose own sequence is remembered; fences the older holder of the name.</summary>
    public CoordinatorReply OpenNamed(string name, string by, long nowMs)
    {
        lock (state.Lock)
            return CarryOut(Transactions.DecideOpenNamed(name, by, nowMs), null, nowMs);
    }

    /// <summary>The identity of a transactional id; fences older holders and aborts what they left open, in the same frame.</summary>
    public CoordinatorReply InitProducer(in InitProducerCommand command, long nowMs)
    {
        lock (state.Lock)
            return CarryOut(Transactions.DecideInitProducer(command, nowMs), command.TransactionalId, nowMs);
    }

    /// <summary>
    /// The first batch of a transaction in a partition: enrolment and batch in one frame, so that neither can exist without the other. Tells when the
    /// transaction is over (<see cref="long.MaxValue"/>: never, or there is none).
    /// </summary>
    public AppendReceipt EnrolAndAppend(
        Partition partition, string transactionalId, in TransactionClient client, in BatchHeader header, BatchBytes batch, long nowMs, out TransactionDecision enrolment,
        out long deadlineMs)
    {
        deadlineMs = long.MaxValue;
        lock (state.Lock)
        {
            using var guard = composer.Guard();
            enrolment = Transactions.DecideEnrol(transactionalId, header.Producer, [partition.Key], client, nowMs);
            if (enrolment.IsRefused)
                return new AppendReceipt { Error = enrolment.Verdict.ToErrorCode(), Lsn = state.AppliedLsn };
            composer.Open(nowMs);
            composer.Enter(partition);
            var receipt = partition.Decide(header, client.Generation == TransactionGeneration.V1 ? AppendOrigin.ClientEnrolledV1 : AppendOrigin.ClientEnrolledV2, nowMs);
            if (receipt.Error != ErrorCode.None || receipt.IsDuplicate)
            {
                composer.Abandon();
                return receipt;
            }
            foreach (var record in enrolment.Records)
                composer.Add(record);
            deadlineMs = Transactions.TryGet(transactionalId)?.Current.DeadlineMs ?? long.MaxValue;
            var baseOffset = partition.StageBatch(composer.Frame, header, batch, nowMs);
            return receipt with { Lsn = composer.Close(), BaseOffset = baseOffset };
        }
    }

    /// <summary>
    /// The batches of a named producer, in several partitions, and its sequence: one frame. Every receipt has the same LSN; when any batch is refused nothing
    /// is appended and that receipt says why.
    /// </summary>
    public AppendReceipt[] AppendNamed(string name, IReadOnlyList<PartitionBatch> batches, long lastSourceSequence, long nowMs, out TransactionDecision decision)
    {
        lock (state.Lock)
        {
            using var guard = composer.Guard();
            var receipts = new AppendReceipt[batches.Count];
            decision = Transactions.DecideNamedAppend(name, batches[0].Header.Producer, lastSourceSequence);
            if (decision.IsRefused)
            {
                Array.Fill(receipts, new AppendReceipt { Error = decision.Verdict.ToErrorCode(), Lsn = state.AppliedLsn });
                return receipts;
            }
            if (!HasRoomFor(batches))
            {
                Array.Fill(receipts, new AppendReceipt { Error = ErrorCode.MessageTooLarge, Lsn = state.AppliedLsn });
                return receipts;
            }
            composer.Open(nowMs);
            foreach (var index in InLockOrder(batches))
            {
                composer.Enter(batches[index].Partition);
                receipts[index] = batches[index].Partition.Decide(batches[index].Header, AppendOrigin.Client, nowMs);
            }
            if (Array.Exists(receipts, receipt => receipt.Error != ErrorCode.None))
            {
                composer.Abandon();
                return receipts;
            }
            foreach (var record in decision.Records)
                composer.Add(record);
            for (var i = 0; i < batches.Count; i++)
                if (!receipts[i].IsDuplicate)
                    receipts[i] = receipts[i] with { BaseOffset = batches[i].Partition.StageBatch(composer.Frame, batches[i].Header, batches[i].Bytes.Span, nowMs) };
            var lsn = composer.Close();
            for (var i = 0; i < receipts.Length; i++)
                receipts[i] = receipts[i] with { Lsn = lsn };
            return receipts;
        }
    }

    /// <summary>
    /// Ends a transaction: the offsets to be committed with it, the decision, its markers in all partitions: one frame. Refused offsets refuse the commit and
    /// change nothing.
    /// </summary>
    public CoordinatorReply End(
        string transactionalId, ProducerIdentity identity, bool commit, IReadOnlyList<OffsetCommitRequest> commits, in TransactionClient client, long nowMs, out GroupRefusal? refusedOffsets)
    {
        refusedOffsets = null;
        lock (state.Lock)
        {
            using var guard = composer.Guard();
            var hasOffsets = commit && commits.Count > 0;
            if (!hasOffsets && client.Kind == OwnerKind.InProcess && IsUntouched(transactionalId, identity))
                return new CoordinatorReply(new TransactionDecision { Identity = identity }, state.AppliedLsn);
            var opened = false;
            if (hasOffsets && !TryAddOffsets(transactionalId, identity, commits, client, nowMs, ref opened, out var refusal, out refusedOffsets))
                return new CoordinatorReply(refusal, opened ? composer.Close() : state.AppliedLsn);
            return CarryOut(Transactions.DecideEnd(transactionalId, identity, commit, client, nowMs), transactionalId, nowMs, opened);
        }
    }

    /// <summary>First phase of a two-phase commit.</summary>
    public CoordinatorReply Prepare(
        string transactionalId, ProducerIdentity identity, IReadOnlyList<OffsetCommitRequest> commits, in TransactionClient client, long nowMs, out GroupRefusal? refusedOffsets)
    {
        refusedOffsets = null;
        lock (state.Lock)
        {
            using var guard = composer.Guard();
            var opened = false;
            if (commits.Count > 0 && !TryAddOffsets(transactionalId, identity, commits, client, nowMs, ref opened, out var refusal, out refusedOffsets))
                return new CoordinatorReply(refusal, opened ? composer.Close() : state.AppliedLsn);
            return CarryOut(Transactions.DecidePrepare(transactionalId, identity, client, nowMs), transactionalId, nowMs, opened);
        }
    }

    /// <summary>Second phase of a two-phase commit.</summary>
    public CoordinatorReply Resolve(string token, bool commit, in TransactionClient client, long nowMs)
    {
        lock (state.Lock)
        {
            using var guard = composer.Guard();
            var id = PreparedToken.TryParse(token, out var transactionalId, out _) ? transactionalId : null;
            return CarryOut(Transactions.DecideResolve(token, commit, client, nowMs), id, nowMs);
        }
    }

    /// <summary>The broker or an operator ends a transaction.</summary>
    public CoordinatorReply Abort(string transactionalId, AbortReason reason, string by, long nowMs)
    {
        lock (state.Lock)
            return CarryOut(Transactions.DecideAbort(transactionalId, reason, by, nowMs), transactionalId, nowMs);
    }

    /// <summary>An operator ends a transaction that is neither ended nor prepared.</summary>
    public CoordinatorReply AbortOpen(string transactionalId, string by, long nowMs)
    {
        lock (state.Lock)
            return Transactions.TryGet(transactionalId)?.State == TransactionState.Prepared
                ? new CoordinatorReply(new TransactionDecision { Verdict = TransactionVerdict.InvalidTransactionState }, state.AppliedLsn)
                : CarryOut(Transactions.DecideAbort(transactionalId, AbortReason.Operator, by, nowMs), transactionalId, nowMs);
    }

    /// <summary>Aborts every transaction that is older than its timeout; answers how many.</summary>
    public int AbortTimedOut(long nowMs)
    {
        lock (state.Lock)
        {
            using var guard = composer.Guard();
            var ids = Transactions.DecideTimeouts(nowMs);
            foreach (var id in ids)
                CarryOut(Transactions.DecideAbort(id, AbortReason.TimedOut, "the broker", nowMs), id, nowMs);
            return ids.Count;
        }
    }

    /// <summary>Aborts what in-process producers of the last run left open. At recovery, before anybody is let in.</summary>
    public void AbortAfterRestart(long nowMs)
    {
        lock (state.Lock)
            foreach (var decision in Transactions.DecideAfterRestart(nowMs))
                CarryOut(decision, decision.Markers?.TransactionalId, nowMs);
    }

    /// <summary>
    /// Removes transactional ids that nobody has used for long, all of them, in as many frames as it takes; those in <paramref name="live"/> stay.
    /// </summary>
    public void ExpireIds(IReadOnlySet<string> live, long nowMs)
    {
        while (ExpireSome(live, nowMs))
        {
        }
    }

    private bool ExpireSome(IReadOnlySet<string> live, long nowMs)
    {
        lock (state.Lock)
        {
            var expired = Transactions.DecideExpiry(nowMs, live).Records;
            if (expired.Length == 0)
                return false;
            using var guard = composer.Guard();
            composer.Open(nowMs);
            foreach (var record in expired)
            {
                composer.BreakWhenLarge();
                composer.Add(record);
            }
            composer.Close();
            return expired.Length == TransactionCoordinatorState.ExpiredIdsMax;
        }
    }

    // Nothing written, nobody fenced: a commit or abort of it is free, as it is for Kafka's clients, which do not even send it (KAFKA-18401). One that does
    // send it believes that it wrote something: it has to hear that nothing is there.
    private bool IsUntouched(string transactionalId, ProducerIdentity identity) =>
        Transactions.TryGet(transactionalId) is { } entry && entry.Identity == identity && entry.State.IsIdle();

    private bool TryAddOffsets(
        string transactionalId, ProducerIdentity identity, IReadOnlyList<OffsetCommitRequest> commits, in TransactionClient client, long nowMs,
        ref bool opened, out TransactionDecision refusal, out GroupRefusal? refusedOffsets)
    {
        refusal = TransactionDecision.Nothing;
        refusedOffsets = offsets.Judge(identity, commits, nowMs) ?? JudgeRoom(transactionalId, commits);
        if (refusedOffsets is not null)
            return false;
        foreach (var commit in commits)
        {
            var enrolment = Transactions.DecideEnrolGroup(transactionalId, identity, commit.Group, client, nowMs);
            if (enrolment.IsRefused)
            {
                refusal = enrolment;
                return false;
            }
            if (!opened)
                composer.Open(nowMs);
            opened = true;
            foreach (var record in enrolment.Records)
                composer.Add(record);
            offsets.AddPending(composer, identity, commit, nowMs);
        }
        return true;
    }

    // Offsets, decision and markers are one frame.
    private GroupRefusal? JudgeRoom(string transactionalId, IReadOnlyList<OffsetCommitRequest> commits)
    {
        var markers = Transactions.TryGet(transactionalId)?.Partitions.Count ?? 0;
        var bytes = (long)markers * ControlBatch.MarkerSize;
        foreach (var commit in commits)
            bytes += OffsetCommits.BytesOf(commit);
        return composer.HasRoomFor(bytes, markers + (3 * commits.Count)) ? null : new GroupRefusal(GroupVerdict.PolicyViolation, commits[0].Group);
    }

    private CoordinatorReply CarryOut(TransactionDecision decision, string? transactionalId, long nowMs, bool opened = false)
    {
        if (decision.Records.Length == 0)
            return new CoordinatorReply(decision, opened ? composer.Close() : state.AppliedLsn);
        if (!opened)
            composer.Open(nowMs);
        try
        {
            foreach (var record in decision.Records)
                composer.Add(record);
            if (decision.Markers is { } markers)
                Mark(markers, nowMs);
            if (decision.Sealed.Length > 0)
                Enrol(decision.Sealed, decision.Identity with { Epoch = ProducerIdentity.NoEpoch }, nowMs);
            if (decision.NeedsComplete)
                foreach (var record in Transactions.DecideComplete(transactionalId!, nowMs).Records)
                    composer.Add(record);
            return new CoordinatorReply(decision, composer.Close());
        }
        catch (Exception exception)
        {
            composer.Fail(exception);
            throw;
        }
    }

    private void Mark(TransactionMarkers markers, long nowMs)
    {
        offsets.EndPending(composer, markers.Identity.Id, markers.Commit);
        foreach (var key in markers.Partitions)
        {
            if (partitions.Find(key) is not { } partition)
                continue;
            composer.Enter(partition);
            partition.StageMarker(composer.Frame, markers.Identity, markers.Commit, coordinatorEpoch: 0, nowMs);
        }
    }

    // Checked before anything changes: a frame that turns out to be too large at its end would have to stop the broker.
    private bool HasRoomFor(IReadOnlyList<PartitionBatch> batches)
    {
        var bytes = 0L;
        foreach (var batch in batches)
            bytes += batch.Bytes.Length;
        return composer.HasRoomFor(bytes, batches.Count);
    }

    private static int[] InLockOrder(IReadOnlyList<PartitionBatch> batches)
    {
        var order = new int[batches.Count];
        for (var i = 0; i < order.Length; i++)
            order[i] = i;
        Array.Sort(order, (left, right) => batches[left].Partition.Key.CompareTo(batches[right].Partition.Key));
        return order;
    }
}
