namespace ExactlyOnce.Tests.Engine.Concurrency;

/// <summary>What was posted waits, in order, for the next send or flush, and goes in front of it.</summary>
internal sealed class AccumulatorModel : SequentialModel<AccumulatorStep>
{
    private readonly List<string> _log = [];
    private readonly List<string> _posted = [];

    public override string State => Read(_log.Concat(_posted));

    protected override string Answer(AccumulatorStep step)
    {
        switch (step)
        {
            case AccumulatorStep.Send:
                Flush();
                _log.Add(step.Value);
                return $"at {_log.Count - 1}";
            case AccumulatorStep.Post:
                _posted.Add(step.Value);
                return "posted";
            case AccumulatorStep.Flush:
                Flush();
                return "flushed";
            default:
                return Read(_log);
        }
    }

    private void Flush()
    {
        _log.AddRange(_posted);
        _posted.Clear();
    }

    private static string Read(IEnumerable<string> log) => string.Join(' ', log.Select((value, offset) => $"{offset}:{value}"));
}
