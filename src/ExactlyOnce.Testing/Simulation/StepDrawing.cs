namespace ExactlyOnce.Testing.Simulation;

/// <summary>Draws the list of steps of a run: who comes when, by the plan's policy, in one life of the broker after the other.</summary>
internal sealed class StepDrawing
{
    private const int Work = -1;
    private const int Journal = -2;
    private const int Upkeep = -3;

    private readonly SimulationPlan _plan;
    private readonly SimulationRandom _random;
    private readonly int[] _everybody;
    private readonly double[] _weights;
    private readonly List<SimulationStep> _steps = [];
    private int _turn;

    private StepDrawing(SimulationPlan plan)
    {
        _plan = plan;
        _random = new SimulationRandom(plan.Seed ^ 0x5DEECE66D);
        _everybody = [.. Enumerable.Range(0, plan.Clients.Count), Work, Journal, Upkeep];
        _weights = new double[_everybody.Length];
    }

    /// <param name="plan">The run's plan.</param>
    /// <param name="stepsMax">How many steps at most.</param>
    public static IReadOnlyList<SimulationStep> Draw(SimulationPlan plan, int stepsMax = 20_000)
    {
        var drawing = new StepDrawing(plan);
        for (var life = 0; life < plan.Lives && drawing._steps.Count < stepsMax; life++)
            drawing.DrawLife();
        return drawing._steps;
    }

    private void DrawLife()
    {
        Add(StepKind.Life, _random.LogBetween(1, 250));
        SetWeights();
        var count = _random.LogBetween(5, _plan.StepsPerLifeMax);
        for (var step = 0; step < count; step++)
        {
            if (_plan.Policy is ChoicePolicy.Priorities or ChoicePolicy.StarveOne && _random.OneIn(1 + count / 3))
                SetWeights();
            if (_plan.HasDiskFaults && _random.OneIn(40))
                Add(StepKind.Fault, _random.LogBetween(1, 40));
            Add(_plan.Policy == ChoicePolicy.Fifo ? _everybody[_turn++ % _everybody.Length] : Choose());
        }
    }

    private void SetWeights()
    {
        Array.Fill(_weights, 1);
        // A group takes four steps of the journal, and most answers an item of the queue.
        _weights[^3] = _weights[^2] = Math.Max(2, _plan.Clients.Count / 2.0);
        if (_plan.Policy == ChoicePolicy.StarveOne)
            _weights[_random.Below(_weights.Length)] = 0.01;
        if (_plan.Policy != ChoicePolicy.Priorities)
            return;
        for (var place = _weights.Length - 1; place > 0; place--)
            _weights[place] = Math.Pow(2.5, -_random.Below(_weights.Length));
    }

    private int Choose()
    {
        var at = _random.Below(1 << 20) / (double)(1 << 20) * _weights.Sum();
        for (var index = 0; index < _weights.Length; index++)
        {
            at -= _weights[index];
            if (at < 0)
                return _everybody[index];
        }
        return _everybody[0];
    }

    private void Add(int who)
    {
        if (who >= 0)
            Add(StepKind.Turn, who);
        else if (who == Work)
            Add(StepKind.Work, 0);
        else if (who == Journal)
            Add(StepKind.Journal, _random.OneIn(3) ? 4 : _random.Between(1, 3));
        else
            AddUpkeep();
    }

    private void AddUpkeep()
    {
        switch (_random.Below(16))
        {
            case < 5:
                Add(StepKind.Advance, _random.LogBetween(1, 120_000));
                break;
            case < 8:
                Add(StepKind.Housekeep, 0);
                break;
            case < 11:
                Add(StepKind.Checkpoint, 0);
                break;
            case 11:
                Add(StepKind.Retain, 0);
                break;
            case 12 or 13:
                Add(StepKind.Compact, 0);
                break;
            case 14:
                Add(StepKind.Expire, 0);
                break;
            default:
                if (_plan.HasClockJumps)
                    Add(StepKind.Jump, (_random.OneIn(2) ? 1 : -1) * _random.LogBetween(1, 3_600_000));
                else
                    Add(StepKind.Advance, _random.LogBetween(1, 1_800_000));
                break;
        }
    }

    private void Add(StepKind kind, int argument) => _steps.Add(new SimulationStep(kind, argument, (uint)_random.Next()));
}
