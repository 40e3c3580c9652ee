using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Groups.Offsets;
using ExactlyOnce.Kernel.Partitions;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Kernel.Transactions;

namespace ExactlyOnce.Engine.Coordination;

/// <summary>A commit that brings its last batches along: enrolment, batches, offsets, decision and markers are one frame, and one wait, for any number of partitions.</summary>
internal sealed partial class TransactionCoordinator
{
    /// <summary>
    /// Appends the last batches of an in-process producer's transaction, in lock order and one a partition, and commits it. False, and nothing has happened, when anything of it would be
    /// refused, is a duplicate, or has no room in one frame: appended one by one and then ended it will be told why. Else each batch has its receipt.
    /// </summary>
    public bool TryCommit(
        string transactionalId, ProducerIdentity identity, ReadOnlySpan<PartitionBatch> batches, Span<AppendReceipt> receipts, IReadOnlyList<OffsetCommitRequest> commits,
        in TransactionClient client, long nowMs, out CoordinatorReply reply)
    {
        reply = default;
        lock (state.Lock)
        {
            using var guard = composer.Guard();
            if (Transactions.TryGet(transactionalId) is not { } entry || !HasRoomFor(entry, batches, commits) || offsets.Judge(identity, commits, nowMs) is not null)
                return false;
            var enrolment = DecideEnrol(transactionalId, identity, batches, commits, client, nowMs);
            if (enrolment.IsRefused)
                return false;
            composer.Open(nowMs);
            if (!TryEnter(entry, batches, receipts, nowMs))
            {
                composer.Abandon();
                return false;
            }
            foreach (var record in enrolment.Records)
                composer.Add(record);
            foreach (var commit in commits)
                offsets.AddPending(composer, identity, commit, nowMs);
            reply = Commit(transactionalId, identity, batches, receipts, client, nowMs);
            return true;
        }
    }

    private TransactionDecision DecideEnrol(
        string transactionalId, ProducerIdentity identity, ReadOnlySpan<PartitionBatch> batches, IReadOnlyList<OffsetCommitRequest> commits, in TransactionClient client, long nowMs)
    {
        const int OnStackMax = 64;
        Span<PartitionKey> keys = batches.Length <= OnStackMax ? stackalloc PartitionKey[batches.Length] : new PartitionKey[batches.Length];
        for (var i = 0; i < keys.Length; i++)
            keys[i] = batches[i].Partition.Key;
        if (commits.Count == 1)
            return Transactions.DecideEnrol(transactionalId, identity, keys, [commits[0].Group], client, nowMs);
        var groups = new string[commits.Count];
        for (var i = 0; i < groups.Length; i++)
            groups[i] = commits[i].Group;
        return Transactions.DecideEnrol(transactionalId, identity, keys, groups, client, nowMs);
    }

    /// <summary>Enters the partitions of the transaction, those that it has and those that the batches add, in lock order, and judges the batches.</summary>
    private bool TryEnter(TransactionEntry entry, ReadOnlySpan<PartitionBatch> batches, Span<AppendReceipt> receipts, long nowMs)
    {
        var (enrolled, next) = (entry.Partitions, 0);
        for (var i = 0; i < batches.Length; i++)
        {
            var key = batches[i].Partition.Key;
            for (; next < enrolled.Count && enrolled[next].CompareTo(key) < 0; next++)
                EnterIfPresent(enrolled[next]);
            var isEnrolled = next < enrolled.Count && enrolled[next] == key;
            if (isEnrolled)
                next++;
            composer.Enter(batches[i].Partition);
            receipts[i] = batches[i].Partition.Decide(batches[i].Header, isEnrolled ? AppendOrigin.Client : AppendOrigin.ClientEnrolledV2, nowMs);
            if (receipts[i] is { Error: not ErrorCode.None } or { IsDuplicate: true } or { NeedsEnrolment: true })
                return false;
        }
        for (; next < enrolled.Count; next++)
            EnterIfPresent(enrolled[next]);
        return true;
    }

    private void EnterIfPresent(PartitionKey key)
    {
        if (partitions.Find(key) is { } partition)
            composer.Enter(partition);
    }

    private CoordinatorReply Commit(
        string transactionalId, ProducerIdentity identity, ReadOnlySpan<PartitionBatch> batches, Span<AppendReceipt> receipts, in TransactionClient client, long nowMs)
    {
        try
        {
            var decision = Transactions.DecideEnd(transactionalId, identity, commit: true, client, nowMs);
            foreach (var record in decision.Records)
                composer.Add(record);
            var next = 0;
            if (decision.Markers is { } markers)
                offsets.EndPending(composer, markers);
            foreach (var partition in composer.Entered)
            {
                if (next < batches.Length && ReferenceEquals(batches[next].Partition, partition))
                {
                    receipts[next] = receipts[next] with { BaseOffset = partition.StageBatch(composer.Frame, batches[next].Header, batches[next].Bytes.Span, nowMs) };
                    next++;
                }
                if (decision.Markers is not null)
                    partition.StageMarker(composer.Frame, decision.Markers.Identity, decision.Markers.Commit, coordinatorEpoch: 0, nowMs);
            }
            if (decision.NeedsComplete)
                foreach (var record in Transactions.DecideComplete(transactionalId, nowMs).Records)
                    composer.Add(record);
            return new CoordinatorReply(decision, composer.Close());
        }
        catch (Exception exception)
        {
            composer.Fail(exception);
            throw;
        }
    }

    private bool HasRoomFor(TransactionEntry entry, ReadOnlySpan<PartitionBatch> batches, IReadOnlyList<OffsetCommitRequest> commits)
    {
        var partitionsMax = entry.Partitions.Count + batches.Length;
        var bytes = (long)partitionsMax * (ControlBatch.MarkerSize + EnrolledBytes);
        foreach (var batch in batches)
            bytes += batch.Bytes.Length;
        foreach (var commit in commits)
            bytes += OffsetCommits.BytesOf(commit);
        return composer.HasRoomFor(bytes, partitionsMax + batches.Length + (3 * commits.Count));
    }
}
