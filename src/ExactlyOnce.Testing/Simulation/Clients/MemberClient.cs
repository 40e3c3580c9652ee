using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Testing.Simulation.Clients;

/// <summary>
/// A member of a group that reads what it is given and commits its positions, joins and leaves, and now and then sleeps until it is a zombie.
/// </summary>
internal sealed class MemberClient(SimulatedBroker broker, SimulationRandom random) : SimulatedClient(broker)
{
    private readonly GroupReading _reading = new(broker, $"readers-{random.Below(2)}");
    private int _turnsAsleep;

    public override void OnDeath()
    {
        base.OnDeath();
        _reading.Forget();
    }

    protected override async Task TurnAsync(SimulationRandom random)
    {
        if (_turnsAsleep-- > 0)
            return;
        try
        {
            if (!_reading.IsMember)
                await JoinAsync(random);
            else if (_reading.IsChangePending && random.Percent(70))
                await _reading.ReconcileAsync(Process);
            else
                await GoOnAsync(random);
        }
        catch (BrokerException)
        {
            _reading.Forget();
        }
    }

    private async Task JoinAsync(SimulationRandom random)
    {
        var topics = Broker.Backend.ListTopics().Where(topic => !topic.IsInternal).Select(topic => topic.Name).ToArray();
        if (topics.Length > 0)
            await _reading.JoinAsync(Process, [random.Pick(topics)], TimeSpan.FromSeconds(random.LogBetween(1, 120)));
    }

    private async Task GoOnAsync(SimulationRandom random)
    {
        switch (random.Below(20))
        {
            case 0:
                await _reading.LeaveAsync(Process);
                break;
            case 1:
                _turnsAsleep = random.LogBetween(1, 80);
                break;
            case < 6:
                await CommitAsync();
                break;
            default:
                _reading.Poll(Process, random.LogBetween(1, 4096), null, random);
                break;
        }
    }

    private async Task CommitAsync()
    {
        if (_reading.Positions() is not { Count: > 0 } positions)
            return;
        var (call, offsets) = _reading.Commit(positions, null);
        await AskAsync(call, async () =>
        {
            await _reading.Session!.CommitAsync(offsets, CancellationToken.None);
            return _reading;
        });
    }
}
