namespace ExactlyOnce.Testing.History;

/// <summary>Something that happened without a call.</summary>
public abstract record Fact;

/// <summary>A broker has opened and accepts calls.</summary>
/// <param name="Incarnation">Counts openings from 1.</param>
public sealed record BrokerOpened(int Incarnation) : Fact;

/// <summary>A broker was closed in peace: nothing acknowledged or visible may be missing afterwards, in any durability but memory.</summary>
public sealed record BrokerClosed : Fact;

/// <summary>A broker died: process, power or disk. Calls without an answer are unknown from here on.</summary>
/// <param name="Cause">For people.</param>
/// <param name="Death">What died: with <see cref="Durability.Written"/> a power cut may take what was not yet synced, the death of a process may not.</param>
public sealed record BrokerDied(string Cause, Death Death = Death.Process) : Fact;

/// <summary>What died with a broker.</summary>
public enum Death
{
    /// <summary>The process: what the operating system was given is kept.</summary>
    Process,

    /// <summary>The machine: only what was synced is kept.</summary>
    Power,
}

/// <summary>A write or a sync of the broker's log failed: nothing may be acknowledged until it is opened again (I19).</summary>
/// <param name="Path">The file.</param>
public sealed record StorageFailed(string Path) : Fact;

/// <summary>A partition's numbers at one moment.</summary>
/// <param name="Partition">Which.</param>
/// <param name="LogStart">First offset kept.</param>
/// <param name="LastStable">Where read_committed readers end.</param>
/// <param name="HighWatermark">Where all readers end.</param>
/// <param name="LogEnd">The offset the next record gets.</param>
/// <param name="DurableEnd">Up to where a power cut takes nothing; equal to the high watermark unless the broker was told to be less durable.</param>
public sealed record Watermarks(TopicPartition Partition, long LogStart, long LastStable, long HighWatermark, long LogEnd, long DurableEnd) : Fact;

/// <summary>The broker removed records by retention.</summary>
/// <param name="Partition">Where.</param>
/// <param name="LogStart">First offset kept.</param>
public sealed record Retained(TopicPartition Partition, long LogStart) : Fact;

/// <summary>A partition was compacted: records that a newer committed one of the same key supersedes may be missing from here on.</summary>
/// <param name="Partition">Which.</param>
/// <param name="CleanedTo">First offset that was not looked at.</param>
/// <param name="LogEndBefore">The log end before.</param>
/// <param name="LogEndAfter">The log end after; the same.</param>
public sealed record Compacted(TopicPartition Partition, long CleanedTo, long LogEndBefore, long LogEndAfter) : Fact;

/// <summary>The broker aborted a transaction by itself: it was open for too long, its producer was fenced, or its process died.</summary>
/// <param name="Transaction">Which.</param>
/// <param name="Reason">For people.</param>
public sealed record TransactionAborted(long Transaction, string Reason) : Fact;

/// <summary>A member may read and commit partitions from now on.</summary>
/// <param name="Group">The group.</param>
/// <param name="Member">The member, in the generation that gave it to it.</param>
/// <param name="Partitions">Those it has now, all of them.</param>
public sealed record Assigned(string Group, GroupMembership Member, IReadOnlyList<TopicPartition> Partitions) : Fact;

/// <summary>A member gave partitions up, left, or was removed.</summary>
/// <param name="Group">The group.</param>
/// <param name="Member">The member.</param>
/// <param name="Partitions">Those it no longer has.</param>
public sealed record Revoked(string Group, GroupMembership Member, IReadOnlyList<TopicPartition> Partitions) : Fact;

/// <summary>All clients are gone and time has passed: nothing may be open or in motion any more (I15).</summary>
/// <param name="OpenTransactions">Transactions still open.</param>
/// <param name="UnstablePartitions">Partitions whose last stable offset is not their end.</param>
/// <param name="UnstableGroups">Groups that still rebalance.</param>
public sealed record Quiesced(int OpenTransactions, int UnstablePartitions, int UnstableGroups) : Fact;

/// <summary>The logical state after a recovery, as a hash (I16): recovering the same directory again must give the same one.</summary>
/// <param name="Directory">Names the directory image that was recovered.</param>
/// <param name="Hash">The hash.</param>
public sealed record RecoveredState(string Directory, ulong Hash) : Fact;

/// <summary>A derived structure was rebuilt from the log and compared with the one that was loaded (I17).</summary>
/// <param name="Structure">Which: the producer table, an index, the group table.</param>
/// <param name="IsEqual">Whether they were the same.</param>
/// <param name="Difference">For people.</param>
public sealed record DerivedStateCompared(string Structure, bool IsEqual, string? Difference = null) : Fact;

/// <summary>A resource was measured (I23).</summary>
/// <param name="Resource">Memory, handles, disk.</param>
/// <param name="Amount">How much.</param>
/// <param name="Bound">The stated bound.</param>
public sealed record ResourceMeasured(string Resource, long Amount, long Bound) : Fact;
