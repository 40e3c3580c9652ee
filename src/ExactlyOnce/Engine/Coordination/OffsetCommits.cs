using ExactlyOnce.Kernel.Groups;
using ExactlyOnce.Kernel.Groups.Offsets;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Transactions;

namespace ExactlyOnce.Engine.Coordination;

/// <summary>Why offsets were refused.</summary>
internal sealed record GroupRefusal(GroupVerdict Verdict, string Group);

/// <summary>
/// The consumer offsets of transactions: judged by the group, kept pending, and made to take effect or forgotten with the markers. Under the coordination lock.
/// </summary>
internal sealed class OffsetCommits(CoordinationState state)
{
    /// <summary>Whether all of them would be accepted; nothing changes.</summary>
    public GroupRefusal? Judge(ProducerIdentity producer, IReadOnlyList<OffsetCommitRequest> commits, long nowMs)
    {
        foreach (var commit in commits)
        {
            var decision = state.Groups.DecideTransactionalOffsetCommit(producer, commit, nowMs);
            if (decision.Verdict != GroupVerdict.None)
                return new GroupRefusal(decision.Verdict, commit.Group);
        }
        return null;
    }

    /// <summary>At most what the offsets take in a frame: group, partition, offset, epoch and metadata, texts in UTF-8.</summary>
    public static long BytesOf(OffsetCommitRequest commit)
    {
        var bytes = 64L + (3L * commit.Group.Length);
        foreach (var offset in commit.Offsets)
            bytes += 32L + (3L * offset.Metadata.Length);
        return bytes;
    }

    public void AddPending(FrameComposer composer, ProducerIdentity producer, OffsetCommitRequest commit, long nowMs)
    {
        foreach (var record in state.Groups.DecideTransactionalOffsetCommit(producer, commit, nowMs).Records)
            composer.Add(record);
    }

    public void EndPending(FrameComposer composer, long producerId, bool commit)
    {
        foreach (var record in state.Groups.DecideTransactionEnd(producerId, commit).Records)
            composer.Add(record);
    }
}
