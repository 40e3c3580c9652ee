using ExactlyOnce.Clients.Producing;

namespace ExactlyOnce.Engine.Backend;

/// <summary>The transactional producers that live in this process, as long as somebody holds them: an idle one must not lose its identity.</summary>
internal sealed class LiveProducers
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, WeakReference<ProducerSession>> _byId = new(StringComparer.Ordinal);

    public void Add(ProducerSession session)
    {
        if (session.TransactionalId is not { } id)
            return;
        lock (_lock)
            _byId[id] = new WeakReference<ProducerSession>(session);
    }

    public HashSet<string> TransactionalIds()
    {
        var live = new HashSet<string>(StringComparer.Ordinal);
        lock (_lock)
        {
            foreach (var (id, session) in _byId)
                if (session.TryGetTarget(out _))
                    live.Add(id);
                else
                    _byId.Remove(id);
        }
        return live;
    }
}
