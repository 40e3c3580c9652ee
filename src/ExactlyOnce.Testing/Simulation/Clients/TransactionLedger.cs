using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Testing.Simulation.Clients;

/// <summary>
/// What outlives transactional producers: their ids, which anybody may take, and the tokens of prepared transactions, which somebody has to decide.
/// </summary>
internal sealed class TransactionLedger
{
    public SortedSet<string> Ids { get; } = new(StringComparer.Ordinal);

    /// <summary>Token → transaction.</summary>
    public SortedDictionary<string, long> Prepared { get; } = new(StringComparer.Ordinal);

    /// <summary>Decides a prepared transaction, as an operator who has its token does.</summary>
    public async Task ResolveAsync(SimulatedBroker broker, int process, string token, bool commit)
    {
        var end = broker.Invoke(process, new EndTransaction(Prepared[token], commit));
        try
        {
            await broker.Backend.ResolvePreparedAsync(token, commit, CancellationToken.None);
            broker.Complete(process, end, Outcome.Ok);
            Prepared.Remove(token);
        }
        catch (BrokerException exception)
        {
            broker.Complete(process, end, SimulatedBroker.OutcomeOf(exception), error: exception.Code.ToString());
        }
    }
}
