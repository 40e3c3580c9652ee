using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Groups.Offsets;
using ExactlyOnce.Kernel.Partitions;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Kernel.Transactions;

namespace ExactlyOnce.Engine.Coordination;

/// <summary>What a commit with its last batches is answered; valid once <see cref="Lsn"/> is visible.</summary>
/// <param name="Lsn">The frame's.</param>
/// <param name="Identity">The identity of the next transaction.</param>
internal readonly record struct CommitReply(long Lsn, ProducerIdentity Identity);

/// <summary>
/// A commit that brings its last batches along: enrolment, batches, offsets, decision and markers are one frame, and one wait, for any number of partitions.
/// </summary>
internal sealed partial class TransactionCoordinator
{
    /// <summary>
    /// Appends the last batches of an in-process producer's transaction, in lock order and one a partition, and commits it. False, and nothing has happened,
    /// when anything of it would be refused, is a duplicate, or has no room in one frame: appended one by one and then ended it will be told why. Else each
    /// batch has its receipt.
    /// </summary>
    public bool TryCommit(
        string transactionalId, ProducerIdentity identity, ReadOnlySpan<PartitionBatch> batches, Span<AppendReceipt> receipts, IReadOnlyList<OffsetCommitRequest> commits,
        in TransactionClient client, long nowMs, out CommitReply reply)
    {
        reply = default;
        lock (state.Lock)
        {
            using var guard = composer.Guard();
            if (Transactions.TryGet(transactionalId) is not { } entry || !HasRoomFor(entry, batches, commits) || offsets.Judge(identity, commits, nowMs) is not null)
                return false;
            var decision = DecideCommit(entry, identity, batches, commits, client, nowMs);
            if (!decision.IsAllowed)
                return false;
            composer.Open(nowMs);
            if (!TryEnter(entry, batches, receipts, nowMs))
            {
                composer.Abandon();
                return false;
            }
            reply = new CommitReply(Commit(entry, decision, batches, receipts, commits), decision.Next);
            return true;
        }
    }

    private CommitDecision DecideCommit(
        TransactionEntry entry, ProducerIdentity identity, ReadOnlySpan<PartitionBatch> batches, IReadOnlyList<OffsetCommitRequest> commits, in TransactionClient client, long nowMs)
    {
        const int OnStackMax = 64;
        Span<PartitionKey> keys = batches.Length <= OnStackMax ? stackalloc PartitionKey[batches.Length] : new PartitionKey[batches.Length];
        for (var i = 0; i < keys.Length; i++)
            keys[i] = batches[i].Partition.Key;
        if (commits.Count == 1)
            return Transactions.DecideCommit(entry, identity, keys, [commits[0].Group], client, nowMs);
        var groups = commits.Count == 0 ? [] : new string[commits.Count];
        for (var i = 0; i < groups.Length; i++)
            groups[i] = commits[i].Group;
        return Transactions.DecideCommit(entry, identity, keys, groups, client, nowMs);
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

    private long Commit(
        TransactionEntry entry, in CommitDecision decision, ReadOnlySpan<PartitionBatch> batches, Span<AppendReceipt> receipts, IReadOnlyList<OffsetCommitRequest> commits)
    {
        try
        {
            var nowMs = composer.NowMs;
            var hasOffsets = commits.Count > 0 || entry.Groups.Count > 0;
            foreach (var commit in commits)
                offsets.AddPending(composer, decision.Record!.Identity, commit, nowMs);
            if (decision.Block is { } block)
                composer.Add(block);
            composer.Add(decision.Record!);
            if (hasOffsets)
                offsets.EndPending(composer, decision.Record!.Identity.Id, commit: true);
            var next = 0;
            foreach (var partition in composer.Entered)
            {
                if (next < batches.Length && ReferenceEquals(batches[next].Partition, partition))
                {
                    receipts[next] = receipts[next] with { BaseOffset = partition.StageBatch(composer.Frame, batches[next].Header, batches[next].Bytes.Span, nowMs) };
                    next++;
                }
                partition.StageMarker(composer.Frame, decision.Marked, commit: true, coordinatorEpoch: 0, nowMs);
            }
            return composer.Close();
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
        var bytes = (long)partitionsMax * ControlBatch.MarkerSize;
        foreach (ref readonly var batch in batches)
            bytes += batch.Bytes.Length;
        foreach (var commit in commits)
            bytes += OffsetCommits.BytesOf(commit);
        return composer.HasRoomFor(bytes, partitionsMax + batches.Length + (3 * commits.Count));
    }
}
