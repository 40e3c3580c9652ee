namespace ExactlyOnce.Testing;

/// <summary>
/// What is to go wrong in a <see cref="TestBroker"/>, and where. Faults strike by count, never by chance or time, so a test does the same thing every time.
/// Thread-safe.
/// <code>
/// test.Faults.At(FaultPoint.BeforeCommit).CrashOnce();
/// </code>
/// </summary>
public sealed class FaultPlan
{
    private readonly Lock _lock = new();
    private List<FaultRule>? _begun;
    private List<FaultRule>? _rules;
    private volatile bool _isEmpty = true;

    internal FaultPlan()
    {
    }

    /// <summary>
    /// What has not struck yet, one line each, and what was begun and lacks its last word. Worth an assertion at the end of a test: a fault that never struck
    /// has tested nothing.
    /// </summary>
    public IReadOnlyList<string> Pending
    {
        get
        {
            lock (_lock)
                return [.. (_begun ?? []).Concat(_rules ?? []).Where(rule => rule.IsPending).Select(rule => rule.ToString())];
        }
    }

    /// <summary>Begins a fault at this point; what is said last plans it.</summary>
    /// <param name="point">Where it strikes.</param>
    public FaultRule At(FaultPoint point)
    {
        if (!Enum.IsDefined(point))
            throw new ArgumentOutOfRangeException(nameof(point), point, "Not a point of a fault plan.");
        var rule = new FaultRule(this, point);
        lock (_lock)
            (_begun ??= []).Add(rule);
        return rule;
    }

    /// <summary>The rule has had its last word.</summary>
    internal void Add(FaultRule rule)
    {
        lock (_lock)
        {
            _begun!.Remove(rule);
            if (_rules?.Contains(rule) != true)
                (_rules ??= []).Add(rule);
        }
        _isEmpty = false;
    }

    /// <summary>Somebody passes a point: the first fault that is due there, if any.</summary>
    internal FaultRule? Pass(FaultPoint point, string? topic, string? client, bool mayFence)
    {
        if (_isEmpty)
            return null;
        lock (_lock)
        {
            foreach (var rule in _rules!)
                if (rule.Point == point && rule.TryStrike(topic, client, mayFence))
                    return rule;
        }
        return null;
    }

    /// <summary>Whether a fault is planned for this point, without passing it.</summary>
    internal bool Wants(FaultPoint point, string? topic, string? client)
    {
        if (_isEmpty)
            return false;
        lock (_lock)
            return _rules!.Exists(rule => rule.Point == point && rule.Matches(topic, client, mayFence: true));
    }
}
