using ExactlyOnce.Engine.Backend;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Testing.Simulation.Clients;

/// <summary>Reads one partition forward, a little at a time, and sometimes another one, or from another place.</summary>
internal sealed class ConsumerClient(SimulatedBroker broker, SimulationRandom random) : SimulatedClient(broker)
{
    private readonly bool _isCommitted = random.Percent(70);
    private Partition? _partition;
    private int _consumer;
    private long _position;
    private long _lastTimestampMs;

    public override void OnDeath()
    {
        base.OnDeath();
        _partition = null;
    }

    protected override Task TurnAsync(SimulationRandom random)
    {
        if (_partition is null || random.OneIn(25))
            Seek(random);
        if (_partition is null)
            return Task.CompletedTask;
        var poll = Broker.Invoke(Process, new Poll(_consumer, _isCommitted));
        try
        {
            var read = Broker.Read(_partition, _position, _isCommitted, random.LogBetween(1, 4096));
            _position = read.End;
            Broker.Complete(Process, poll, Outcome.Ok, new RecordsAnswer([read]));
            foreach (var record in read.Records)
                _lastTimestampMs = record.TimestampMs;
            if (random.OneIn(6))
                AskForTime(_partition, random);
        }
        catch (BrokerException exception)
        {
            Broker.Complete(Process, poll, Outcome.Failed, error: exception.Code.ToString());
            _partition = null;
            ThrowIfUnexpected(exception);
        }
        return Task.CompletedTask;
    }

    /// <summary>Where it begins at a time: that of a record it has seen, just in front of it or behind, or any other lately.</summary>
    private void AskForTime(Partition partition, SimulationRandom random)
    {
        var time = random.OneIn(2) ? _lastTimestampMs + random.Between(-1, 1) : Broker.Clock.WallMs - random.LogBetween(1, 3_600_000);
        var asked = Broker.Invoke(Process, new ListOffsets(Broker.NameOf(partition), time));
        try
        {
            var found = new EnginePartition(Broker.Engine, partition).FindOffset(time, _isCommitted ? IsolationLevel.ReadCommitted : IsolationLevel.ReadUncommitted);
            Broker.Complete(Process, asked, Outcome.Ok, new OffsetAnswer(found ?? -1));
        }
        catch (BrokerException exception)
        {
            Broker.Complete(Process, asked, Outcome.Failed, error: exception.Code.ToString());
            ThrowIfUnexpected(exception);
        }
    }

    /// <summary>Only a position that retention has overtaken, a topic that is gone, or a disk that fails.</summary>
    private void ThrowIfUnexpected(BrokerException exception)
    {
        if (!Broker.IsBeyondPromise && (exception is StorageException ? !Broker.Plan.HasDiskFaults : exception.Code is not (ErrorCode.OffsetOutOfRange or ErrorCode.UnknownTopicOrPartition or ErrorCode.BrokerClosed)))
            throw new SimulationFailedException("read", exception.Message, exception);
    }

    private void Seek(SimulationRandom random)
    {
        var partitions = Broker.Partitions();
        _partition = partitions.Length == 0 ? null : random.Pick(partitions);
        if (_partition is null)
            return;
        var start = _partition.View.LogStart;
        var limit = _isCommitted ? _partition.VisibleMark.LastStable : _partition.VisibleMark.LogEnd;
        _position = random.OneIn(2) ? start : Math.Max(start, start + random.Below((int)Math.Max(limit - start, 0) + 1));
        _consumer = Broker.NewNumber();
    }
}
