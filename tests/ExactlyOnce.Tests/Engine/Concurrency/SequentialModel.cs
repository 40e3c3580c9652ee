namespace ExactlyOnce.Tests.Engine.Concurrency;

/// <summary>What a subject should answer when it is asked one thing after the other. Knows nothing of the engine.</summary>
internal abstract class SequentialModel<TStep>
    where TStep : class
{
    private readonly List<(TStep Step, string Answer)> _taken = [];

    public IReadOnlyList<(TStep Step, string Answer)> Taken => _taken;

    public abstract string State { get; }

    public void Take(TStep step) => _taken.Add((step, Answer(step)));

    public override string ToString() => string.Join("; ", _taken.Select(taken => $"{taken.Step} → {taken.Answer}")) + $"; finally {State}";

    protected abstract string Answer(TStep step);
}
