using System.Text;
using CsCheck;
using ExactlyOnce.Kernel.Groups;
using ExactlyOnce.Kernel.Groups.Classic;

namespace ExactlyOnce.Tests.Kernel.Groups;

/// <summary>Classic clients that join, sync, fall silent and come back in any order.</summary>
public class ClassicModelTests
{
    private static readonly Gen<(int Verb, int Client, int Chance)[]> s_steps =
        Gen.Select(Gen.Int[0, 9], Gen.Int[0, 3], Gen.Int[0, 99]).Array[1, 80];

    [Fact]
    public void Every_wait_is_answered_once_and_generations_only_grow() => s_steps.Sample(steps =>
    {
        var simulation = new Simulation();
        foreach (var (verb, client, chance) in steps)
            simulation.Execute(verb, client, chance);
        simulation.AssertDrains();
    }, iter: 200);

    private sealed class Client(int number)
    {
        public int Number { get; } = number;

        /// <summary>The odd ones are static members.</summary>
        public string? Instance => Number % 2 == 1 ? $"i{Number}" : null;

        public string Id { get; set; } = "";

        public int Generation { get; set; }

        /// <summary>Requests without an answer yet; a new one does not take an old one back.</summary>
        public HashSet<ClassicWait> Waits { get; } = [];
    }

    private sealed class Simulation
    {
        private readonly GroupWorld _world = new(GroupSettings.Default with { InitialRebalanceDelayMs = 500 });
        private readonly Client[] _clients = [new(0), new(1), new(2), new(3)];
        private int _ids;
        private int _generation;

        public void Execute(int verb, int number, int chance)
        {
            var client = _clients[number];
            switch (verb)
            {
                case 0 or 1 or 2:
                    Join(client);
                    break;
                case 3 or 4 when client is { Id.Length: > 0, Waits.Count: 0 }:
                    Sync(client);
                    break;
                case 5 when client.Id.Length > 0:
                    Run(_world.State.DecideClassicHeartbeat("g", client.Id, client.Instance, client.Generation, _world.NowMs));
                    break;
                case 6 when client.Id.Length > 0:
                    Run(_world.State.DecideClassicLeave("g", client.Id, client.Instance, _world.NowMs));
                    client.Id = "";
                    break;
                case 7:
                    // The process behind it is another one, which knows nothing of the old id.
                    client.Id = "";
                    client.Waits.Clear();
                    break;
                case 8 when chance < 20:
                    Restart(chance);
                    break;
                default:
                    Wait(chance * 100);
                    break;
            }
            AssertGenerationGrows();
        }

        private void Join(Client client)
        {
            var request = new ClassicJoinRequest
            {
                Group = "g",
                MemberId = client.Id,
                NewMemberId = $"m{_ids++}",
                InstanceId = client.Instance,
                SessionTimeoutMs = 6_000,
                RebalanceTimeoutMs = 3_000,
                ProtocolType = "consumer",
                Protocols = [new ClassicProtocol("range", Encoding.UTF8.GetBytes($"{client.Number}"))],
                Topics = [1],
            };
            client.Waits.Remove(ClassicWait.Join);
            var decision = _world.State.DecideClassicJoin(request, _world.NowMs);
            if (decision.MustWait)
            {
                client.Id = client.Id.Length > 0 ? client.Id : request.NewMemberId;
                client.Waits.Add(ClassicWait.Join);
            }
            Run(decision);
            if (decision.Own is { } own)
                TakeJoin(client, own);
        }

        private void Sync(Client client)
        {
            var group = _world.State.TryGetGroup("g")?.Classic ?? ClassicGroup.None;
            var request = new ClassicSyncRequest
            {
                Group = "g",
                MemberId = client.Id,
                InstanceId = client.Instance,
                Generation = client.Generation,
                Assignments = [.. group.Members.Select(member => new ClassicAssignment(member.Id, Encoding.UTF8.GetBytes($"{client.Generation}:{member.Id}")))],
            };
            var decision = _world.State.DecideClassicSync(request, _world.NowMs);
            if (decision.MustWait)
                client.Waits.Add(ClassicWait.Sync);
            Run(decision);
            if (decision.Own is { } own)
                TakeSync(client, own);
        }

        private void Wait(int ms)
        {
            _world.NowMs += ms;
            Run(_world.State.DecideTimeouts(_world.Counts, _world.NowMs));
            _world.State.NextDeadlineMs.Should().BeGreaterThan(_world.NowMs);
        }

        private void Restart(int chance)
        {
            foreach (var client in _clients)
                client.Waits.Clear();
            _ = chance % 2 == 0 ? _world.RestartFromJournal() : _world.RestartFromSnapshot();
        }

        private void Run(GroupDecision decision)
        {
            _world.RunUnproven(decision);
            foreach (var answer in decision.Completed)
            {
                // A client that was replaced does not hear it.
                if (Array.Find(_clients, client => client.Id == answer.MemberId) is not { } client)
                    continue;
                client.Waits.Remove(answer.Wait).Should().BeTrue("nobody is answered who does not wait");
                if (answer.Wait == ClassicWait.Join)
                    TakeJoin(client, answer);
                else
                    TakeSync(client, answer);
            }
        }

        private void TakeJoin(Client client, ClassicAnswer answer)
        {
            var keepsId = answer.Verdict is GroupVerdict.None or GroupVerdict.MemberIdRequired;
            client.Id = keepsId ? answer.MemberId : "";
            if (answer.Verdict != GroupVerdict.None)
                return;
            answer.Generation.Should().Be(_world.State.TryGetGroup("g")!.Generation);
            client.Generation = answer.Generation;
        }

        private static void TakeSync(Client client, ClassicAnswer answer)
        {
            if (answer.Verdict == GroupVerdict.None && answer.Assignment.Length > 0 && client.Instance is null)
                Encoding.UTF8.GetString(answer.Assignment.Span).Should().Be($"{client.Generation}:{client.Id}", "a share belongs to one member of one generation");
            if (answer.Verdict is GroupVerdict.UnknownMemberId or GroupVerdict.FencedInstanceId)
                client.Id = "";
        }

        private void AssertGenerationGrows()
        {
            var generation = _world.State.TryGetGroup("g")?.Generation ?? 0;
            generation.Should().BeGreaterThanOrEqualTo(_generation);
            _generation = generation;
        }

        public void AssertDrains()
        {
            for (var i = 0; i < 1_000 && _world.State.NextDeadlineMs != long.MaxValue; i++)
                Wait(checked((int)(_world.State.NextDeadlineMs - _world.NowMs)));
            _clients.Should().OnlyContain(client => client.Waits.Count == 0, "a wait ends at the latest with its timeout");
            if (_world.State.TryGetGroup("g") is { } group)
                group.State.Should().Be(GroupState.Empty);
            _world.Prove();
        }
    }
}
