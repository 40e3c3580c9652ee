namespace ExactlyOnce.Testing.History.Tables;

/// <summary>The writes of one session to one partition: what order is promised in.</summary>
internal sealed class WriteStream(int session, PartitionLog log)
{
    public int Session => session;

    public PartitionLog Log => log;

    /// <summary>The newest call, or −1.</summary>
    public int LastRow { get; set; } = -1;

    /// <summary>The newest call that is acknowledged, or −1.</summary>
    public int LastAcknowledged { get; set; } = -1;

    /// <summary>The read that met this stream last, and the row it met: I8's memory.</summary>
    public (long Read, int Row) LastMet { get; set; } = (-1, -1);

    public long FirstOffset { get; set; } = long.MaxValue;

    public long LastOffset { get; set; } = -1;
}
