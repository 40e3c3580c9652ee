using System.Globalization;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Transactions;

/// <summary>Why a call was refused: what became of the caller's transaction, when, why and by whom, and who holds the id now.</summary>
/// <param name="Verdict">The answer.</param>
/// <param name="Identity">The identity the caller presented.</param>
/// <param name="Outcome">What became of the transaction of that identity; Unknown when nothing is remembered.</param>
/// <param name="Current">The identity that holds the id now; None when the id is not known.</param>
/// <param name="Owner">Who initialised or fenced it last.</param>
/// <param name="OwnedSinceMs">When that was, broker time.</param>
internal sealed record TransactionRefusal(
    TransactionVerdict Verdict, ProducerIdentity Identity, RememberedOutcome Outcome, ProducerIdentity Current, string Owner, long OwnedSinceMs)
{
    /// <summary>The reason as one sentence for an exception's message or a log.</summary>
    public string Describe()
    {
        if (Outcome.Outcome != TransactionOutcome.Unknown)
            return string.Create(CultureInfo.InvariantCulture, $"The transaction of producer {Identity} is {Outcome.Outcome} since {Time(Outcome.AtMs)} by {Outcome.By}{Because(Outcome.Why)}.");
        if (Current.IsNone)
            return string.Create(CultureInfo.InvariantCulture, $"Producer {Identity} is not known here.");
        if (Identity.IsNone || Identity == Current)
            return string.Create(CultureInfo.InvariantCulture, $"Producer {Current}, initialised by {Owner} at {Time(OwnedSinceMs)}, is not in a state for this{Because(Outcome.Why)}.");
        return string.Create(CultureInfo.InvariantCulture, $"Producer {Identity} was refused; {Current} holds the id, taken by {Owner} at {Time(OwnedSinceMs)}{Because(Outcome.Why)}.");
    }

    private static string Because(string why) => why.Length == 0 ? "" : ": " + why;

    private static string Time(long ms) => DateTimeOffset.FromUnixTimeMilliseconds(ms).ToString("yyyy-MM-dd HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
}
