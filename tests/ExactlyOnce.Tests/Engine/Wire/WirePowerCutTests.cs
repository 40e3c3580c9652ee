using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Testing.Disks;
using Xunit.Abstractions;
using static ExactlyOnce.Tests.Engine.Wire.WireBroker;

namespace ExactlyOnce.Tests.Engine.Wire;

/// <summary>
/// The power fails at any disk operation while a network client reads, transforms and writes; the client goes on with the next run by sending again what it has
/// no answer for. What comes out is what it would have been.
/// </summary>
public sealed class WirePowerCutTests(ITestOutputHelper output)
{
    private const string Group = "billing";
    private const int Rounds = 4;

    private static readonly (CrashProfile Profile, int Seed)[] s_damages = [(CrashProfile.LostSectors, 2), (CrashProfile.Torn, 4)];

    [Theory]
    [InlineData(WireGeneration.V1, WireGeneration.V1)]
    [InlineData(WireGeneration.V2, WireGeneration.V2)]
    [InlineData(WireGeneration.V1, WireGeneration.V2)]
    public void Every_transaction_takes_effect_once_wherever_the_power_fails(object even, object odd)
    {
        var operation = 1L;
        while (CutAt(operation, (WireGeneration)even, (WireGeneration)odd))
            operation++;

        operation.Should().BeGreaterThan(50);
        output.WriteLine($"{(operation - 1) * s_damages.Length} power cuts");
    }

    /// <summary>False when the client was done before that operation.</summary>
    private static bool CutAt(long operation, WireGeneration even, WireGeneration odd)
    {
        foreach (var (profile, seed) in s_damages)
        {
            var client = new Client(even, odd);
            var disk = new SimulatedDisk();
            disk.CrashAt(operation);
            var hasCrashed = !client.GoOn(disk);
            if (hasCrashed)
            {
                disk = disk.Crash(profile, seed + (int)operation);
                client.GoOn(disk).Should().BeTrue();
            }
            client.AssertDone($"cut at {operation}, {profile}");
            if (!hasCrashed)
                return false;
        }
        return true;
    }

    /// <summary>A client of a library that retries: what it did not finish it begins again, with the same identity and sequences.</summary>
    private sealed class Client
    {
        private readonly List<Action> _steps = [];
        private WireBroker _broker = null!;
        private WireProducer _producer;
        private WireMember _member = null!;
        private int _next;
        private int _runs;

        public Client(WireGeneration even, WireGeneration odd)
        {
            _producer = new WireProducer(() => _broker, "checkout", even);
            _steps.Add(() => _producer.Init().Error.Should().Be(ErrorCode.None));
            _steps.Add(() => _member = new WireMember(_broker, Group, "i").Joined());
            for (var round = 0; round < Rounds; round++)
                AddRound(round, round % 2 == 0 ? even : odd, isChange: even != odd && round > 0);
        }

        private void AddRound(int round, WireGeneration generation, bool isChange)
        {
            if (isChange)
                _steps.Add(() => Change(generation));
            if (generation == WireGeneration.V1)
            {
                _steps.Add(() => _producer.Add(First, Second).Should().OnlyContain(error => error == ErrorCode.None));
                _steps.Add(() => _producer.AddOffsets(Group).Should().Be(ErrorCode.None));
            }
            _steps.Add(() => _producer.Send(First, $"first {round}").Should().Be(ErrorCode.None));
            _steps.Add(() => _producer.Send(Second, $"second {round}").Should().Be(ErrorCode.None));
            _steps.Add(() => _producer.Offsets(Group, new OffsetToCommit(First, round + 1), _member.Generation, _member.Id, "i").Should().Equal(ErrorCode.None));
            _steps.Add(() => _producer.End(commit: round % 3 != 1).Error.Should().Be(ErrorCode.None));
        }

        private void Change(WireGeneration generation)
        {
            var changed = _producer.As(generation);
            changed.Init(_producer.Identity).Error.Should().Be(ErrorCode.None);
            _producer = changed;
        }

        /// <summary>False when the disk was cut off before it was done.</summary>
        public bool GoOn(SimulatedDisk disk)
        {
            try
            {
                _broker = OpenOn(disk, ++_runs);
                for (; _next < _steps.Count; _next++)
                    _steps[_next]();
                return true;
            }
            catch (Exception) when (disk.HasCrashed)
            {
                return false;
            }
        }

        public void AssertDone(string when)
        {
            int[] committed = [.. Enumerable.Range(0, Rounds).Where(round => round % 3 != 1)];
            _broker.Read().Should().BeEquivalentTo(committed.SelectMany(round => new[] { $"first {round}", $"second {round}" }), when);
            _broker.Committed(Group, First).Offset.Should().Be(committed[^1] + 1, when);
            _broker.Offsets(First).LastStable.Should().Be(_broker.Offsets(First).HighWatermark, when);
            _broker.Run(() => _broker.Wire.DescribeTransactionsAsync(["checkout"])).Single()!.State.Should().Be("CompleteCommit", when);
        }
    }
}
