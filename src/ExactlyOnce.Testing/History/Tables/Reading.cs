namespace ExactlyOnce.Testing.History.Tables;

/// <summary>One partition's part of an answer to a read.</summary>
/// <param name="Number">Counts them.</param>
/// <param name="Call">The call.</param>
/// <param name="Log">The partition.</param>
/// <param name="Part">What was read.</param>
/// <param name="IsCommitted">read_committed.</param>
/// <param name="From">From where on it has to be complete: the consumer's position before, or where the scan began.</param>
internal sealed record Reading(long Number, RunningCall Call, PartitionLog Log, PartitionRead Part, bool IsCommitted, long From)
{
    /// <summary>The rows of <see cref="PartitionRead.Records"/>; −1 for a value that is not what was written there.</summary>
    public int[] Rows { get; } = new int[Part.Records.Count];

    /// <summary>Whether a consumer begins in front of where it had come to.</summary>
    public bool Repeats { get; init; }

    public string Reader => Call.Invoked.Call switch
    {
        Poll poll => $"consumer {poll.Consumer} ({Isolation})",
        _ => $"the {Isolation} scan of process {Call.Invoked.Process}",
    };

    private string Isolation => IsCommitted ? "read_committed" : "read_uncommitted";
}
