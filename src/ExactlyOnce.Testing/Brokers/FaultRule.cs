using System.Globalization;
using ExactlyOnce.Testing.Brokers;

namespace ExactlyOnce.Testing;

/// <summary>
/// One fault of a <see cref="FaultPlan"/>: where it strikes, and, said last, what it does. Without a last word it does nothing, and stays pending.
/// <code>
/// test.Faults.At(FaultPoint.AfterAppend).On(Topics.Invoices).Skip(2).LoseAcknowledgementOnce();
/// </code>
/// </summary>
public sealed class FaultRule
{
    private readonly FaultPlan _plan;
    private string? _topic;
    private string? _client;
    private int _skip;
    private int _times;

    internal FaultRule(FaultPlan plan, FaultPoint point) => (_plan, Point) = (plan, point);

    internal FaultPoint Point { get; }

    /// <summary>Null before the last word.</summary>
    internal FaultAction? Action { get; private set; }

    internal Exception? Exception { get; private set; }

    internal bool IsPending => Action is null || _times > 0;

    /// <summary>Strikes only where this topic's records are written or handled.</summary>
    /// <param name="topic">The topic.</param>
    public FaultRule On<TKey, TValue>(Topic<TKey, TValue> topic)
    {
        ArgumentNullException.ThrowIfNull(topic);
        return On(topic.Name);
    }

    /// <summary>Strikes only where records of the topic with this name are written or handled.</summary>
    /// <param name="topic">The topic's name.</param>
    /// <exception cref="InvalidOperationException">The point is a commit, which concerns all topics of its transaction.</exception>
    public FaultRule On(string topic)
    {
        ArgumentException.ThrowIfNullOrEmpty(topic);
        if (Point is FaultPoint.BeforeCommit or FaultPoint.AfterCommit)
            throw new InvalidOperationException($"A commit concerns all topics of its transaction: at {Point} choose the client instead, with By.");
        _topic = topic;
        return this;
    }

    /// <summary>Strikes only this client: a pipeline's name, a transactional id, or the name of a producer with an identity.</summary>
    /// <param name="client">The name. A pipeline's covers all its workers.</param>
    public FaultRule By(string client)
    {
        ArgumentException.ThrowIfNullOrEmpty(client);
        _client = client;
        return this;
    }

    /// <summary>Lets the first few pass.</summary>
    /// <param name="passes">How many.</param>
    public FaultRule Skip(int passes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(passes);
        _skip = passes;
        return this;
    }

    /// <summary>
    /// The process dies here, once, and starts again: everything that runs in it is gone, what the broker has acknowledged is there. See
    /// <see cref="TestBroker.Run(Func{Broker, Pipeline})"/>.
    /// </summary>
    public void CrashOnce() => Crash(times: 1);

    /// <summary>The process dies here, several times.</summary>
    /// <param name="times">How often.</param>
    public void Crash(int times) => Plan(FaultAction.Crash, times);

    /// <summary>
    /// It is done, and whoever asked is not told. The producer of a batch sends it again, as a client whose answer got lost; one with an identity stops, and
    /// knows when it is made anew how far it had come; a commit ends with <see cref="TransactionOutcomeUnknownException"/>.
    /// </summary>
    /// <exception cref="InvalidOperationException">Nothing is acknowledged at this point.</exception>
    public void LoseAcknowledgementOnce() => LoseAcknowledgement(times: 1);

    /// <summary>Acknowledgements are lost, several times.</summary>
    /// <param name="times">How often.</param>
    /// <exception cref="InvalidOperationException">Nothing is acknowledged at this point.</exception>
    public void LoseAcknowledgement(int times) => Plan(FaultAction.LoseAcknowledgement, times, FaultPoint.AfterAppend, FaultPoint.AfterCommit);

    /// <summary>The same comes a second time: a batch and a commit arrive twice; records are handled, rolled back, and handled again.</summary>
    /// <exception cref="InvalidOperationException">There is nothing yet at this point that could come again.</exception>
    public void DuplicateOnce() => Duplicate(times: 1);

    /// <summary>The same comes a second time, on several occasions.</summary>
    /// <param name="times">How often.</param>
    /// <exception cref="InvalidOperationException">There is nothing yet at this point that could come again.</exception>
    public void Duplicate(int times) => Plan(FaultAction.Duplicate, times, FaultPoint.AfterAppend, FaultPoint.AfterCommit, FaultPoint.AfterHandler);

    /// <summary>Somebody else takes over the transactional id: the client at this point is a zombie from here on. Passes clients by that have none.</summary>
    public void FenceMeOnce() => FenceMe(times: 1);

    /// <summary>The transactional id is taken over, several times.</summary>
    /// <param name="times">How often.</param>
    public void FenceMe(int times) => Plan(FaultAction.Fence, times);

    /// <summary>Virtual time passes until the broker aborts the transaction at this point, because it took too long.</summary>
    /// <exception cref="InvalidOperationException">No transaction is open at this point.</exception>
    public void TimeOutMyTransactionOnce() => TimeOutMyTransaction(times: 1);

    /// <summary>Transactions time out, several times.</summary>
    /// <param name="times">How often.</param>
    /// <exception cref="InvalidOperationException">No transaction is open at this point.</exception>
    public void TimeOutMyTransaction(int times) => Plan(FaultAction.TimeOut, times, FaultPoint.AfterAppend, FaultPoint.BeforeCommit);

    /// <summary>Throws this exception here, once: as the broker's refusal, or as the handler's failure.</summary>
    /// <param name="exception">The exception; a <see cref="BrokerException"/> anywhere but at handlers.</param>
    /// <exception cref="ArgumentException">The broker throws nothing of that kind.</exception>
    public void ThrowOnce(Exception exception) => Throw(exception, times: 1);

    /// <summary>Throws this exception here, several times.</summary>
    /// <param name="exception">The exception; a <see cref="BrokerException"/> anywhere but at handlers.</param>
    /// <param name="times">How often.</param>
    /// <exception cref="ArgumentException">The broker throws nothing of that kind.</exception>
    public void Throw(Exception exception, int times)
    {
        ArgumentNullException.ThrowIfNull(exception);
        if (Point is not (FaultPoint.BeforeHandler or FaultPoint.AfterHandler) && exception is not BrokerException)
            throw new ArgumentException($"At {Point} a broker refuses with a BrokerException; {exception.GetType().Name} is none. A handler may throw anything.", nameof(exception));
        if (Point is FaultPoint.AfterAppend or FaultPoint.AfterCommit)
            throw new ArgumentException("What has happened is not refused any more: refuse it before, or lose its acknowledgement.", nameof(exception));
        Exception = exception;
        Plan(FaultAction.Throw, times);
    }

    /// <summary>The fault as one line: where, what, how often it is still to strike.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Action?.ToString() ?? "Nothing"} at {Point}{(_topic is null ? "" : $" on '{_topic}'")}{(_client is null ? "" : $" by '{_client}'")}, {Outlook}");

    private string Outlook => Action is null ? "because the last word is missing: CrashOnce, for example"
        : string.Create(CultureInfo.InvariantCulture, $"{_times} more{(_skip == 0 ? "" : $" after {_skip} passes")}");

    /// <summary>Under the plan's lock. A rule that matches and is still to let some pass counts this one.</summary>
    internal bool TryStrike(string? topic, string? client, bool mayFence)
    {
        if (!Matches(topic, client, mayFence))
            return false;
        if (_skip > 0)
        {
            _skip--;
            return false;
        }
        _times--;
        return true;
    }

    internal bool Matches(string? topic, string? client, bool mayFence) =>
        _times > 0 && (_topic is null || _topic == topic) && IsClient(client) && (mayFence || Action is not (FaultAction.Fence or FaultAction.TimeOut));

    // The workers of pipeline "billing" are billing-0, billing-1 …; billing-archive is somebody else.
    private bool IsClient(string? client) => _client is null || (client is not null && client.StartsWith(_client, StringComparison.Ordinal) && IsWorker(client.AsSpan(_client.Length)));

    private static bool IsWorker(ReadOnlySpan<char> rest) => rest.IsEmpty || (rest.Length > 1 && rest[0] == '-' && !rest[1..].ContainsAnyExceptInRange('0', '9'));

    private void Plan(FaultAction action, int times, params ReadOnlySpan<FaultPoint> allowed)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(times, 1);
        if (allowed.Length > 0 && !allowed.Contains(Point))
            throw new InvalidOperationException($"{action} has no meaning at {Point}; it has at {string.Join(", ", allowed.ToArray())}.");
        (Action, _times) = (action, times);
        _plan.Add(this);
    }
}
