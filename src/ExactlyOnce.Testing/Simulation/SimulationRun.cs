using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Testing.History;
using ExactlyOnce.Testing.Simulation.Clients;

namespace ExactlyOnce.Testing.Simulation;

/// <summary>
/// One run: the steps of a list, one after the other, on one thread; then the liveness phase. Throws <see cref="SimulationFailedException"/> when something is
/// wrong, from wherever it is seen. Used once.
/// </summary>
internal sealed class SimulationRun
{
    private static readonly FaultKind[] s_faults = [FaultKind.IoError, FaultKind.IoError, FaultKind.NoSpace, FaultKind.QuotaExceeded, FaultKind.ReadOnly, FaultKind.Stall];

    private readonly SimulationPlan _plan;
    private readonly SimulatedBroker _broker;
    private readonly SimulatedLives _lives;
    private readonly List<SimulatedClient> _clients;
    private bool _isLifeOver;

    public SimulationRun(SimulationPlan plan, IHistory history, SimulationTrace trace, ISet<string> compactedTopics)
    {
        _plan = plan;
        _broker = new SimulatedBroker(plan, history, trace, compactedTopics);
        var random = new SimulationRandom(plan.Seed ^ 0xC1137);
        var transactions = new TransactionLedger();
        var sources = new SourceLedger();
        _clients = [.. plan.Clients.Select((kind, index) => Make(kind, index, transactions, sources, random))];
        _lives = new SimulatedLives(_broker, _clients, transactions, sources);
    }

    public SimulatedBroker Broker => _broker;

    public SimulationCounts Counts => _lives.Counts with { Operations = _broker.Operations };

    public void Execute(IReadOnlyList<SimulationStep> steps)
    {
        try
        {
            _lives.Begin();
            foreach (var step in steps)
                if (!_broker.IsBeyondPromise || step.Kind != StepKind.Life)
                    Execute(step);
                else
                    break;
            if (_broker.IsBeyondPromise)
                _lives.EndDamaged(new SimulationRandom(_plan.Seed ^ 0xDA3A));
            else
                _lives.Quiesce();
        }
        finally
        {
            _broker.LetGo();
        }
    }

    private void Execute(SimulationStep step)
    {
        if (_isLifeOver && step.Kind != StepKind.Life)
            return;
        var random = new SimulationRandom(step.Chance);
        NoteStep(step);
        try
        {
            Take(step, random);
        }
        catch (Exception exception) when (_broker.Device.HasCrashed && exception is not SimulationFailedException)
        {
            // Whatever a process does while its machine dies under it.
        }
        Look();
    }

    private void NoteStep(SimulationStep step)
    {
        _broker.Trace.Mix((long)step.Kind, step.Chance);
        if (_broker.Trace.KeepsLines)
            _broker.Trace.Write($"{step}  {step.Kind}");
    }

    private void Take(SimulationStep step, SimulationRandom random)
    {
        switch (step.Kind)
        {
            case StepKind.Turn:
                TakeTurn(step.Argument, random);
                break;
            case StepKind.Work:
                Work(random);
                break;
            case StepKind.Journal:
                for (var count = step.Argument; count > 0; count--)
                    _broker.Engine.Journal.Step();
                break;
            case StepKind.Advance:
                _broker.Clock.Advance(TimeSpan.FromMilliseconds(step.Argument), _broker.Queue);
                break;
            case StepKind.Jump:
                _broker.Clock.Jump(TimeSpan.FromMilliseconds(step.Argument));
                break;
            case StepKind.Fault:
                _broker.Device.FailAt(_broker.Device.Operations + step.Argument, random.Pick(s_faults));
                break;
            case StepKind.Life:
                _isLifeOver = false;
                _lives.Next(step.Argument, random);
                break;
            default:
                SimulatedUpkeep.Take(step.Kind, _broker);
                break;
        }
    }

    /// <summary>A client that waits lets the broker work instead, so that every turn is a step forward for somebody.</summary>
    private void TakeTurn(int client, SimulationRandom random)
    {
        if (!_clients[client].IsBusy)
            _clients[client].Turn(random);
        else if (_broker.Queue.Count > 0)
            Work(random);
        else
            _broker.Engine.Journal.Step();
    }

    private void Work(SimulationRandom random)
    {
        if (_broker.Queue.Count > 0)
            _broker.Queue.Run(_plan.Policy == ChoicePolicy.Fifo ? 0 : random.Below(_broker.Queue.Count));
    }

    private void Look()
    {
        _broker.CheckThreads();
        _broker.NoteTime();
        if (_broker.Device.HasCrashed)
        {
            _isLifeOver = true;
            return;
        }
        _broker.NoteFailure();
        foreach (var client in _clients)
            client.ThrowIfWrong();
    }

    private SimulatedClient Make(ClientKind kind, int index, TransactionLedger transactions, SourceLedger sources, SimulationRandom random) => kind switch
    {
        ClientKind.Plain => new PlainClient(_broker),
        ClientKind.Named => new NamedClient(_broker, sources, random),
        ClientKind.Transactional => new TransactionalClient(_broker, new InProcessDoor(), transactions, random),
        ClientKind.NetworkTransactional => new TransactionalClient(_broker, new NetworkDoor(), transactions, random),
        ClientKind.Consumer => new ConsumerClient(_broker, random),
        ClientKind.Member => new MemberClient(_broker, random),
        ClientKind.Pipeline => new PipelineClient(_broker, transactions, index),
        ClientKind.MessageIds => new MessageIdClient(_broker),
        _ => new AdministratorClient(_broker),
    };
}
