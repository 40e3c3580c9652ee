namespace ExactlyOnce.Hosting;

/// <summary>
/// One broker of an application. Bound from the section <c>ExactlyOnce</c> (<c>ExactlyOnce:Brokers:name</c> for a named broker), where every property of
/// <see cref="BrokerOptions"/> can stand as well, and from <c>ConnectionStrings:ExactlyOnce</c> (<c>ConnectionStrings:name</c>). What the code sets wins over
/// the configuration. Validated when the host starts.
/// </summary>
public sealed class ExactlyOnceOptions
{
    /// <summary>Which broker: <c>mode=memory</c>, or <c>mode=durable;path=data/shop</c>. Null when <see cref="BrokerOptions.Directory"/> says it.</summary>
    public string? ConnectionString { get; set; }

    /// <summary>How the broker works.</summary>
    public BrokerOptions Broker { get; } = new();

    /// <summary>
    /// How long a stopping host waits for batches that are being worked on; then they are aborted, to be done after the next start. Default 20 seconds. Keep it
    /// below <c>HostOptions.ShutdownTimeout</c> (30 seconds by default), which ends the waiting in any case.
    /// </summary>
    public TimeSpan DrainTimeout { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>How old an open or prepared transaction is when the health check begins to complain: readers wait behind it. Default 1 minute.</summary>
    public TimeSpan StuckTransactionAfter { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>What the configuration says and cannot mean; reported together when the host starts.</summary>
    internal List<string> Mistakes { get; } = [];
}
