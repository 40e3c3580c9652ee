using System.Collections.Concurrent;
using ExactlyOnce.Threading;

namespace ExactlyOnce.Clients.Producing;

/// <summary>
/// The topics one producer has written to: their partitions, each with its open batch. Looked up without a lock; a topic that grows gets a new route under it.
/// Thread-safe.
/// </summary>
internal sealed class TopicRoutes(RecordAccumulator accumulator)
{
    private readonly ConcurrentDictionary<string, TopicRoute> _routes = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();
    private TopicRoute? _last;

    /// <summary>The same routes, to go over without an enumerator for each flush. Replaced under the lock.</summary>
    private TopicRoute[] _all = [];

    /// <summary>The topic's partitions when they are known and up to date.</summary>
    public TopicRoute? TryGet(string topic)
    {
        var route = Volatile.Read(ref _last);
        if (route is null || !string.Equals(route.Topic, topic, StringComparison.Ordinal))
        {
            if (!_routes.TryGetValue(topic, out route))
                return null;
            Volatile.Write(ref _last, route);
        }
        return route.IsCurrent ? route : null;
    }

    /// <summary>The route to a topic as it is described; partitions that were known keep what is open in them.</summary>
    public TopicRoute Build(TopicDescription description)
    {
        // Of an earlier topic of that name.
        if (_routes.TryGetValue(description.Name, out var known) && known.IsDeleted)
            Forget(description.Name);
        lock (_lock)
        {
            _routes.TryGetValue(description.Name, out var former);
            if (former is not null && former.Partitions.Length >= description.Partitions)
                return former;
            var partitions = new PartitionAccumulator[description.Partitions];
            for (var i = 0; i < partitions.Length; i++)
                partitions[i] = former is not null && i < former.Partitions.Length ? former.Partitions[i] : CreatePartition(description.Name, i);
            var route = new TopicRoute(description.Name, partitions, firstTurn: (int)(accumulator.Session!.Identity.Id & int.MaxValue));
            _routes[description.Name] = route;
            Volatile.Write(ref _all, [.. _routes.Values]);
            Volatile.Write(ref _last, route);
            return route;
        }
    }

    /// <summary>The topic is gone; one of that name that comes later is another. What is open is sent, so that whoever waits for it is told.</summary>
    public void Forget(string topic)
    {
        TopicRoute? forgotten;
        lock (_lock)
        {
            if (!_routes.TryGetValue(topic, out forgotten) || !forgotten.IsDeleted)
                return;
            _routes.TryRemove(topic, out _);
            Volatile.Write(ref _all, [.. _routes.Values]);
            Volatile.Write(ref _last, null);
        }
        forgotten.Abandon();
    }

    /// <summary>Does something with every partition.</summary>
    public void ForEach(Action<PartitionAccumulator> action)
    {
        foreach (var route in Volatile.Read(ref _all))
            foreach (var partition in route.Partitions)
                action(partition);
    }

    /// <summary>Sends the batches whose time has come; answers how long the next one still has to wait, null when none is open.</summary>
    public TimeSpan? SealDue(long now)
    {
        TimeSpan? soonest = null;
        foreach (var route in Volatile.Read(ref _all))
            foreach (var partition in route.Partitions)
                if (partition.SealIfDue(now) is { } wait && (soonest is null || wait < soonest))
                    soonest = wait;
        return soonest;
    }

    private PartitionAccumulator CreatePartition(string topic, int index)
    {
        var partition = accumulator.Backend.GetPartition(new TopicPartition(topic, index));
        var created = new PartitionAccumulator(accumulator, partition, accumulator.Source?.Guard ?? new ShortLock());
        accumulator.Source?.Add(created);
        return created;
    }
}
