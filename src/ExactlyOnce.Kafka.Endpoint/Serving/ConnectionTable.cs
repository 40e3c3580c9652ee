using System.Net;

namespace ExactlyOnce.Kafka.Endpoint.Serving;

/// <summary>
/// The connections that are open: how many there may be, and whose time is up. One timer looks after all of them, and only while there are any: a thousand idle
/// connections cost a look at a number once a second.
/// </summary>
internal sealed class ConnectionTable(KafkaEndpointOptions options, TimeProvider time)
{
    private static readonly TimeSpan s_lookEvery = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private readonly HashSet<KafkaConnection> _open = [];
    private readonly Dictionary<IPAddress, int> _perAddress = [];
    private ITimer? _timer;

    public int Count
    {
        get
        {
            lock (_lock)
                return _open.Count;
        }
    }

    /// <summary>Milliseconds of a clock that only runs forward.</summary>
    public long NowMs => (long)time.GetElapsedTime(0).TotalMilliseconds;

    /// <summary>False when there are too many.</summary>
    public bool TryAdd(KafkaConnection connection)
    {
        lock (_lock)
        {
            var fromThere = _perAddress.GetValueOrDefault(connection.RemoteAddress);
            if (_open.Count >= options.MaxConnections || fromThere >= options.MaxConnectionsPerAddress)
                return false;
            _open.Add(connection);
            _perAddress[connection.RemoteAddress] = fromThere + 1;
            _timer ??= time.CreateTimer(static table => ((ConnectionTable)table!).CloseOverdue(), this, s_lookEvery, s_lookEvery);
            return true;
        }
    }

    public void Remove(KafkaConnection connection)
    {
        lock (_lock)
        {
            if (!_open.Remove(connection))
                return;
            if (--_perAddress[connection.RemoteAddress] == 0)
                _perAddress.Remove(connection.RemoteAddress);
            if (_open.Count > 0)
                return;
            _timer?.Dispose();
            _timer = null;
        }
    }

    private void CloseOverdue()
    {
        var nowMs = NowMs;
        List<KafkaConnection>? overdue = null;
        lock (_lock)
            foreach (var connection in _open)
                if (connection.IsOverdue(nowMs))
                    (overdue ??= []).Add(connection);
        foreach (var connection in overdue ?? [])
            connection.Abort();
    }
}
