using ExactlyOnce.Clients;
using ExactlyOnce.Clients.Consuming;

namespace ExactlyOnce.Kafka.Endpoint.Serving;

/// <summary>
/// The readers of one connection's fetches, which remember their places from one fetch to the next, and what a fetch sleeps on. One fetch at a time.
/// </summary>
internal sealed class FetchReaders : IDisposable
{
    private const int PlacesMax = 10_000;
    private const int PlacesFew = 16;

    private readonly Dictionary<BackendPartition, Place> _places = [];
    private readonly List<RawReader> _used = [];
    private readonly ReadSignal _signal;
    private readonly Action _wake;
    private readonly ITimer _timer;
    private readonly TimeProvider _time;
    private readonly TimeSpan _patienceMax;
    private TimeSpan _patience;
    private long _began;
    private int _pass;
    private int _placesBeforeLook = PlacesFew;

    /// <param name="backend">Whose clock is used.</param>
    /// <param name="patienceMax">No fetch waits longer.</param>
    public FetchReaders(BrokerBackend backend, TimeSpan patienceMax)
    {
        _patienceMax = patienceMax;
        _time = backend.Time;
        _signal = new ReadSignal(backend.Completions);
        _wake = _signal.Set;
        _timer = _time.CreateTimer(static signal => ((ReadSignal)signal!).Set(), _signal, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    private TimeSpan Left => _patience - _time.GetElapsedTime(_began);

    /// <summary>Begins a fetch that may wait so long.</summary>
    public void Begin(int maxWaitMs)
    {
        var asked = TimeSpan.FromMilliseconds(Math.Max(0, maxWaitMs));
        _patience = asked < _patienceMax ? asked : _patienceMax;
        _began = _time.GetTimestamp();
    }

    /// <summary>Begins to read everything once more.</summary>
    public void BeginPass()
    {
        _used.Clear();
        _pass++;
    }

    /// <summary>The reader of a partition; null when this pass has used it.</summary>
    public RawReader? Take(BackendPartition partition)
    {
        if (!_places.TryGetValue(partition, out var place))
            place = Open(partition);
        if (place.Pass == _pass)
            return null;
        place.Pass = _pass;
        _used.Add(place.Reader);
        return place.Reader;
    }

    /// <summary>
    /// Sleeps until one of the readers used has more, or the patience is over, or the client is gone: then false. What was read is disposed before.
    /// </summary>
    public async ValueTask<bool> WaitAsync(CancellationToken cancelled)
    {
        if (Left is var left && left <= TimeSpan.Zero)
            return false;
        var registered = 0;
        try
        {
            while (registered < _used.Count && _used[registered].TryWait(_wake))
                registered++;
            if (registered < _used.Count)
                return true;
            _timer.Change(left, Timeout.InfiniteTimeSpan);
            await _signal.WaitAsync(cancelled).ConfigureAwait(false);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
        finally
        {
            _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            for (var i = 0; i < registered; i++)
                _used[i].StopWaiting(_wake);
        }
    }

    public void Dispose()
    {
        _timer.Dispose();
        foreach (var place in _places.Values)
            place.Reader.Dispose();
        _places.Clear();
    }

    private Place Open(BackendPartition partition)
    {
        if (_places.Count >= _placesBeforeLook)
            MakeRoom();
        return _places[partition] = new Place(partition.OpenRawReader());
    }

    /// <summary>
    /// Lets go of partitions that were deleted, with all that they hold, and of those that this pass does not use when there are very many. The next look is at
    /// twice as many, so that a place costs no more than a look or two.
    /// </summary>
    private void MakeRoom()
    {
        var isFull = _places.Count >= PlacesMax;
        foreach (var (partition, place) in _places)
        {
            if (place.Pass == _pass || !(isFull || partition.IsDeleted))
                continue;
            place.Reader.Dispose();
            _places.Remove(partition);
        }
        _placesBeforeLook = Math.Max(PlacesFew, 2 * _places.Count);
    }

    private sealed class Place(RawReader reader)
    {
        public RawReader Reader => reader;

        /// <summary>The pass that used it last.</summary>
        public int Pass { get; set; }
    }
}
