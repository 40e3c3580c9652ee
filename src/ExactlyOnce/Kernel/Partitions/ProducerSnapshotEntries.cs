using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Partitions;

/// <summary>
/// The producers of a partition that have a batch or a marker in the log, the longest idle first. Walks live state: under the owner's lock only. A
/// producer that is merely enrolled is left out, as Kafka's partitions have not heard of it.
/// </summary>
internal readonly struct ProducerSnapshotEntries
{
    private readonly ProducerEntry? _leastRecent;

    internal ProducerSnapshotEntries(ProducerEntry? leastRecent) => _leastRecent = leastRecent;

    public Enumerator GetEnumerator() => new(_leastRecent);

    public struct Enumerator
    {
        private ProducerEntry? _next;

        internal Enumerator(ProducerEntry? first)
        {
            _next = first;
            Current = default;
        }

        public ProducerSnapshotEntry Current { get; private set; }

        public bool MoveNext()
        {
            while (_next is { Epoch: ProducerIdentity.NoEpoch })
                _next = _next.MoreRecent;
            if (_next is null)
                return false;
            Current = ProducerSnapshotEntry.Of(_next);
            _next = _next.MoreRecent;
            return true;
        }
    }
}
