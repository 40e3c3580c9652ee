using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Testing.Simulation.Clients;

/// <summary>
/// A client of the broker that does one thing a turn. What it waits for is finished by other steps of the run; until then its turns do nothing. It dies with
/// the broker's process unless it says that it lives elsewhere.
/// </summary>
internal abstract class SimulatedClient(SimulatedBroker broker)
{
    /// <summary>Only the pipeline writes here.</summary>
    public const string OutputTopic = "out";

    /// <summary>What the pipeline reads; never deleted, cut or compacted.</summary>
    public const string InputTopic = "in";

    private static readonly string[] s_keys = ["a", "b", "c", "d", "e"];

    private Task? _running;

    /// <summary>Waits for the broker.</summary>
    public bool IsBusy => _running is { IsCompleted: false };

    protected SimulatedBroker Broker => broker;

    /// <summary>Who it is in the history; somebody else after each death.</summary>
    protected int Process { get; private set; } = broker.NewNumber();

    public void Turn(SimulationRandom random)
    {
        if (IsBusy)
            return;
        _running = TurnAsync(random);
        ThrowIfWrong();
    }

    /// <summary>A client lets no exception out that it expects.</summary>
    public void ThrowIfWrong()
    {
        if (_running is { IsFaulted: true } failed)
        {
            var cause = failed.Exception!.InnerException!;
            throw cause as SimulationFailedException ?? new SimulationFailedException("exception", $"{GetType().Name}: {cause}", cause);
        }
    }

    /// <summary>The broker is gone.</summary>
    public virtual void OnDeath()
    {
        _running = null;
        Process = broker.NewNumber();
    }

    protected abstract Task TurnAsync(SimulationRandom random);

    /// <summary>Asks for something and writes down what came of it. Null when it did not succeed.</summary>
    protected async Task<T?> AskAsync<T>(Call call, Func<ValueTask<T>> ask, Func<T, Answer?>? answer = null)
        where T : class
    {
        var operation = broker.Invoke(Process, call);
        var process = Process;
        try
        {
            var result = await ask();
            broker.Complete(process, operation, Outcome.Ok, answer?.Invoke(result));
            return result;
        }
        catch (BrokerException exception)
        {
            broker.Complete(process, operation, SimulatedBroker.OutcomeOf(exception), error: exception.Code.ToString());
            return null;
        }
    }

    /// <summary>A partition that anybody may write to; null while there is none.</summary>
    protected Partition? PickTarget(SimulationRandom random)
    {
        var partitions = Array.FindAll(broker.Partitions(), partition => partition.Name.Topic != OutputTopic);
        return partitions.Length == 0 ? null : random.Pick(partitions);
    }

    /// <summary>Up to as many records as the plan allows, for one partition.</summary>
    protected BatchDraft Draft(Partition partition, int session, long? transaction, SimulationRandom random)
    {
        var isCompacted = (partition.Options.Cleanup & CleanupPolicy.Compact) != 0;
        var writes = new Write[random.Between(1, broker.Plan.BatchRecordsMax)];
        for (var i = 0; i < writes.Length; i++)
        {
            var key = isCompacted || random.OneIn(2) ? random.Pick(s_keys) : null;
            writes[i] = new Write(partition.Name, broker.NewNumber(), session, transaction, key, IsTombstone: isCompacted && random.OneIn(8));
        }
        return new BatchDraft(partition, writes);
    }
}
