using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Groups;
using ExactlyOnce.Kernel.Groups.Offsets;
using ExactlyOnce.Kernel.Partitions;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Kernel.Transactions;

namespace ExactlyOnce.Engine.Coordination;

/// <content>What only clients behind a connection do: they add partitions and offsets to a transaction before it ends, and in generation 1 before they
/// write.</content>
internal sealed partial class TransactionCoordinator
{
    /// <summary>
    /// AddPartitionsToTxn: enrols the partitions at the coordinator and, in the same frame, in each of them, so that what follows needs no coordinator. A topic
    /// that was deleted in the meantime takes no part: its batches are refused. Tells when the transaction is over.
    /// </summary>
    public CoordinatorReply AddPartitions(
        string transactionalId, ProducerIdentity identity, IReadOnlyList<Partition> targets, in TransactionClient client, long nowMs, out long deadlineMs)
    {
        deadlineMs = long.MaxValue;
        lock (state.Lock)
        {
            using var guard = composer.Guard();
            var keys = new PartitionKey[targets.Count];
            for (var i = 0; i < keys.Length; i++)
                keys[i] = targets[i].Key;
            var decision = Transactions.DecideEnrol(transactionalId, identity, keys, client, nowMs);
            if (decision.Records.Length == 0)
                return new CoordinatorReply(decision, state.AppliedLsn);
            composer.Open(nowMs);
            foreach (var record in decision.Records)
            {
                composer.Add(record);
                if (record is EnrolmentRecord enrolment)
                    Enrol(enrolment.Partitions, enrolment.Identity, enrolment.AtMs);
            }
            deadlineMs = DeadlineOf(transactionalId);
            return new CoordinatorReply(decision, composer.Close());
        }
    }

    private void Enrol(PartitionKey[] keys, ProducerIdentity producer, long nowMs)
    {
        foreach (var key in keys)
        {
            if (partitions.Find(key) is not { } partition)
                continue;
            composer.Enter(partition);
            partition.StageEnrolment(composer.Frame, producer, nowMs);
        }
    }

    /// <summary>AddOffsetsToTxn.</summary>
    public CoordinatorReply AddGroup(string transactionalId, ProducerIdentity identity, string group, in TransactionClient client, long nowMs, out long deadlineMs)
    {
        lock (state.Lock)
        {
            using var guard = composer.Guard();
            var reply = CarryOut(Transactions.DecideEnrolGroup(transactionalId, identity, group, client, nowMs), transactionalId, nowMs);
            deadlineMs = DeadlineOf(transactionalId);
            return reply;
        }
    }

    /// <summary>
    /// TxnOffsetCommit: offsets that wait for the end of the transaction. Generation 1 must have added the group; generation 2 adds it here. The group's word
    /// is
    /// <paramref name="judged"/>; null when the transaction's was a refusal.
    /// </summary>
    public CoordinatorReply AddOffsets(
        string transactionalId, ProducerIdentity identity, OffsetCommitRequest commit, in TransactionClient client, long nowMs, out OffsetCommitDecision? judged, out long deadlineMs)
    {
        judged = null;
        deadlineMs = long.MaxValue;
        lock (state.Lock)
        {
            using var guard = composer.Guard();
            var enrolment = client.Generation == TransactionGeneration.V1
                ? Transactions.DecideVerifyGroup(transactionalId, identity, commit.Group, client)
                : Transactions.DecideEnrolGroup(transactionalId, identity, commit.Group, client, nowMs);
            if (enrolment.IsRefused)
                return new CoordinatorReply(enrolment, state.AppliedLsn);
            judged = composer.HasRoomFor(OffsetCommits.BytesOf(commit), pieces: 2)
                ? state.Groups.DecideTransactionalOffsetCommit(identity, commit, nowMs)
                : new OffsetCommitDecision { Verdict = GroupVerdict.PolicyViolation };
            if (judged.Records.Count == 0)
                return new CoordinatorReply(TransactionDecision.Nothing, state.AppliedLsn);
            composer.Open(nowMs);
            foreach (var record in enrolment.Records)
                composer.Add(record);
            foreach (var record in judged.Records)
                composer.Add(record);
            deadlineMs = DeadlineOf(transactionalId);
            return new CoordinatorReply(enrolment, composer.Close());
        }
    }

    /// <summary>
    /// A transactional batch of generation 1 in a partition that knows of no transaction of its producer: the coordinator says why. Should it know of one, the
    /// batch is a part of it.
    /// </summary>
    public AppendReceipt VerifyAndAppend(
        Partition partition, string transactionalId, in TransactionClient client, in BatchHeader header, BatchBytes batch, long nowMs, out TransactionDecision verified)
    {
        lock (state.Lock)
        {
            using var guard = composer.Guard();
            verified = Transactions.DecideVerify(transactionalId, header.Producer, partition.Key, client);
            if (verified.IsRefused)
                return new AppendReceipt { Error = verified.Verdict.ToErrorCode(), Lsn = state.AppliedLsn };
            composer.Open(nowMs);
            composer.Enter(partition);
            var receipt = partition.Decide(header, AppendOrigin.ClientEnrolledV1, nowMs);
            if (receipt.Error != ErrorCode.None || receipt.IsDuplicate)
            {
                composer.Abandon();
                return receipt;
            }
            var baseOffset = partition.StageBatch(composer.Frame, header, batch, nowMs);
            return receipt with { Lsn = composer.Close(), BaseOffset = baseOffset };
        }
    }

    private long DeadlineOf(string transactionalId) =>
        Transactions.TryGet(transactionalId) is { State: TransactionState.Ongoing } entry ? entry.Current.DeadlineMs : long.MaxValue;
}
