namespace ExactlyOnce.Testing.History.Tables;

/// <summary>What is known of one transaction: its writes W(t), its offsets O(t) and its fate. About 200 bytes and 4 bytes per record.</summary>
internal sealed class TransactionRow(int index, long number)
{
    public int Index => index;

    public long Number => number;

    /// <summary>The session, or −1 when its begin is not in the history.</summary>
    public int Session { get; set; } = -1;

    public int BeganAt { get; set; } = -1;

    public List<int> Rows { get; } = [];

    public List<(string Group, TopicPartition Partition, long Offset)> Offsets { get; } = [];

    public bool IsPrepared { get; set; }

    /// <summary>The first call that asked for a commit, or −1.</summary>
    public int CommitInvokedAt { get; set; } = -1;

    /// <summary>Calls for a commit that are running or whose outcome is unknown.</summary>
    public int PossibleCommits { get; set; }

    /// <summary>When the commit was acknowledged, or −1.</summary>
    public int CommittedAt { get; set; } = -1;

    public int AbortedAt { get; set; } = -1;

    /// <summary>When a read_committed reader first saw one of its writes, or −1; the row it saw.</summary>
    public int SeenAt { get; set; } = -1;

    public int SeenRow { get; set; } = -1;

    /// <summary>When a read_committed reader went past one of its writes without seeing it, or −1; the row it did not see.</summary>
    public int MissedAt { get; set; } = -1;

    public int MissedRow { get; set; } = -1;

    /// <summary>When it was over, whatever it had been: from then on it holds no reader back.</summary>
    public int OverAt { get; set; } = int.MaxValue;

    /// <summary>The life of the broker in which its commit was last confirmed.</summary>
    public int ConfirmedLife { get; set; }

    /// <summary>A power cut that was allowed to take its commit took it.</summary>
    public bool IsLost { get; set; }

    public bool IsCommitted => CommittedAt >= 0;

    public bool IsAborted => AbortedAt >= 0 || IsLost;

    /// <summary>Whether a read_committed reader may see it.</summary>
    public bool MayBeVisible => !IsAborted && (IsCommitted || (CommitInvokedAt >= 0 && PossibleCommits > 0));

    /// <summary>E(v): whether it must have committed.</summary>
    public bool MustBeVisible => !IsLost && (IsCommitted || SeenAt >= 0);

    public override string ToString() => $"transaction {Number}";
}
