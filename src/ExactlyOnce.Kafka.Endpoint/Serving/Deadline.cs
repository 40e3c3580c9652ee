namespace ExactlyOnce.Kafka.Endpoint.Serving;

/// <summary>When a connection's time for what it is doing is up. Set by the connection, looked at by the table's timer.</summary>
internal sealed class Deadline(ConnectionTable table)
{
    private const long Never = long.MaxValue;

    private long _atMs = Never;

    public void Set(TimeSpan timeout) => Volatile.Write(ref _atMs, table.NowMs + (long)timeout.TotalMilliseconds);

    public void SetAt(long atMs) => Volatile.Write(ref _atMs, atMs);

    public void Clear() => Volatile.Write(ref _atMs, Never);

    public bool IsOver(long nowMs) => nowMs >= Volatile.Read(ref _atMs);
}
