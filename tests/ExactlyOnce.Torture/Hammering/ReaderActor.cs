using ExactlyOnce.Clients;
using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Torture.Hammering;

/// <summary>
/// Reads partitions forward, a little at a time, in one isolation level; looks for another place now and then, and whenever its place was deleted.
/// </summary>
internal sealed class ReaderActor(HammeredBroker broker, Random random, bool isCommitted) : HammerActor(broker, random)
{
    private BackendPartition? _partition;
    private int _consumer;
    private long _position;

    protected override async Task TurnAsync(CancellationToken stop)
    {
        if (_partition is null || Random.Next(100) == 0)
            Seek();
        var poll = Invoke(new Poll(_consumer, isCommitted));
        try
        {
            var read = Hammered.Read(_partition!, _partition!.Id, _position, isCommitted, Random.Next(1, 16 << 10));
            _position = read.End;
            Complete(poll, new RecordsAnswer([read]));
            if (read.Records.Count == 0)
                await Task.Delay(1, stop);
        }
        catch (BrokerException exception) when (exception.Code == ErrorCode.OffsetOutOfRange)
        {
            Fail(poll, exception);
            if (_position >= _partition!.ReadableFrom)
                History.Complain($"{_partition.Id}@{_position} is told to be out of range, but the log begins at {_partition.ReadableFrom}.");
            _partition = null;
        }
    }

    private void Seek()
    {
        _partition = Hammered.Partition(new TopicPartition(Pick(HammerTopics.All).Name, Random.Next(HammerTopics.Partitions)));
        var offsets = _partition.Offsets;
        var start = _partition.ReadableFrom;
        History.NoteLogStart(_partition.Id, start);
        var limit = isCommitted ? offsets.LastStable : offsets.HighWatermark;
        _position = Random.Next(3) == 0 ? start : start + Random.NextInt64(Math.Max(limit - start, 0) + 1);
        _consumer = History.NewNumber();
    }
}
