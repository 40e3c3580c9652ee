using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Transactions;

namespace ExactlyOnce.Testing.Simulation.Clients;

/// <summary>Positions of a group that are committed with a transaction.</summary>
/// <param name="Group">The group.</param>
/// <param name="Offsets">As the broker is told.</param>
/// <param name="Named">As the history names the partitions.</param>
internal sealed record TransactionPositions(
    string Group, IReadOnlyDictionary<TopicPartition, CommittedOffset> Offsets, IReadOnlyDictionary<TopicPartition, long> Named);

/// <summary>An identity, boxed: what taking an id is answered.</summary>
internal sealed record HeldIdentity(long Id, short Epoch);

/// <summary>How a transactional producer reaches the broker. Holds the identity.</summary>
internal abstract class TransactionDoor
{
    /// <summary>The two generations never share an id.</summary>
    public abstract string Prefix { get; }

    public abstract bool SurvivesBroker { get; }

    public abstract bool RestartsSequences { get; }

    public abstract bool CanPrepare { get; }

    public abstract ProducerIdentity Identity { get; }

    /// <summary>Null behind a connection.</summary>
    public abstract ProducerSession? Producer { get; }

    public abstract ValueTask<HeldIdentity> InitAsync(SimulatedBroker broker, string id, TimeSpan timeout);

    public abstract void Send(SimulatedBroker broker, string id, SentBatch.Delivery delivery);

    public abstract ValueTask EndAsync(SimulatedBroker broker, string id, bool commit, TransactionPositions? positions);

    protected abstract TransactionClient Client(string id);

    /// <summary>
    /// Asks for the same end once more, as after a lost answer. Answers the refusal, which nothing but a namesake that has taken the id since can explain; null
    /// when there is none.
    /// </summary>
    public string? RefusalOfRepeatedEnd(SimulatedBroker broker, string id, ProducerIdentity ended, bool commit)
    {
        if (broker.Engine.State.Transactions.TryGet(id)?.Identity != Identity)
            return null;
        var decision = broker.Engine.Transactions.End(id, ended, commit, [], Client(id), broker.Engine.NowMs, out _).Decision;
        return decision.IsRefused ? decision.Verdict.ToString() : null;
    }

    public abstract ValueTask<string> PrepareAsync(SimulatedBroker broker);
}
