using System.Collections.Immutable;
using CsCheck;
using ExactlyOnce.Kernel.Groups;
using ExactlyOnce.Kernel.Groups.Consumers;
using ExactlyOnce.Kernel.Groups.Offsets;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Tests.Kernel.Groups;

/// <summary>Simulated consumers that read what they were given and nothing else, in a group that changes all the time.</summary>
public class ConsumerModelTests
{
    private static readonly Gen<(int Verb, int Consumer, int Chance)[]> s_steps =
        Gen.Select(Gen.Int[0, 11], Gen.Int[0, 3], Gen.Int[0, 99]).Array[1, 60];

    [Fact]
    public void No_partition_is_ever_read_by_two_members_and_in_the_end_every_partition_by_one() => s_steps.Sample(steps =>
    {
        var simulation = new Simulation();
        foreach (var (verb, consumer, chance) in steps)
        {
            simulation.Execute(verb, consumer, chance);
            simulation.AssertNobodySharesAPartition();
        }
        simulation.AssertSettlesInBalance();
    }, iter: 150);

    [Fact]
    public void A_commit_is_accepted_if_and_only_if_the_member_still_reads_the_partition_since_that_epoch() => s_steps.Sample(steps =>
    {
        var simulation = new Simulation();
        foreach (var (verb, consumer, chance) in steps)
        {
            simulation.Execute(verb, consumer, chance);
            simulation.AssertCommitsAreFenced();
        }
    }, iter: 60);

    private sealed class Consumer(int number, MemberOrigin origin)
    {
        public string Id { get; set; } = "";

        public int Incarnations { get; set; }

        public int Number { get; } = number;

        public MemberOrigin Origin { get; } = origin;

        public int Epoch { get; set; }

        /// <summary>What it reads, each with the epoch it was given it at.</summary>
        public Dictionary<PartitionKey, int> Reads { get; } = [];

        public bool IsMember => Id.Length > 0;

        public void Take(ConsumerAssignment assignment)
        {
            foreach (var lost in Reads.Keys.Except(assignment.Partitions).ToArray())
                Reads.Remove(lost);
            foreach (var partition in assignment.Partitions)
                Reads.TryAdd(partition, assignment.MemberEpoch);
            Epoch = assignment.MemberEpoch;
        }

        public void Die()
        {
            Id = "";
            Reads.Clear();
        }
    }

    private sealed class Simulation
    {
        private readonly GroupWorld _world = new();
        private readonly Consumer[] _consumers =
            [new(0, MemberOrigin.InProcess), new(1, MemberOrigin.InProcess), new(2, MemberOrigin.Network), new(3, MemberOrigin.Network)];

        public Simulation() => _world.Counts[1] = 3;

        public void Execute(int verb, int number, int chance)
        {
            var consumer = _consumers[number];
            switch (verb)
            {
                case 0 or 1 when !consumer.IsMember:
                    Join(consumer);
                    break;
                case 2 when consumer.IsMember:
                    Run(_world.State.DecideLeave("g", consumer.Id, null, _world.Counts, _world.NowMs));
                    consumer.Die();
                    break;
                case 3 when consumer.IsMember:
                    Run(_world.State.DecideFence("g", consumer.Id, _world.Counts, _world.NowMs));
                    break;
                case 4:
                    _world.Counts[1] = Math.Min(12, _world.Counts[1] + chance % 3);
                    Run(_world.State.DecideTopicChange(1, _world.Counts, _world.NowMs));
                    break;
                case 5:
                    _world.NowMs += chance * 1_000;
                    Run(_world.State.DecideTimeouts(_world.Counts, _world.NowMs));
                    _world.State.NextDeadlineMs.Should().BeGreaterThan(_world.NowMs);
                    break;
                case 6 when chance < 30:
                    Restart(chance);
                    break;
                default:
                    Reconcile(consumer);
                    break;
            }
        }

        private void Join(Consumer consumer)
        {
            consumer.Id = $"c{consumer.Number}-{++consumer.Incarnations}";
            var request = new ConsumerJoinRequest { Group = "g", MemberId = consumer.Id, Origin = consumer.Origin, Topics = [1], RebalanceTimeoutMs = 60_000 };
            consumer.Take(Run(_world.State.DecideJoin(request, _world.Counts, _world.NowMs)).Assignment!);
        }

        private void Reconcile(Consumer consumer)
        {
            if (!consumer.IsMember)
                return;
            var decision = consumer.Origin == MemberOrigin.InProcess
                ? _world.State.DecideReconcile("g", consumer.Id, null, _world.NowMs)
                : _world.State.DecideHeartbeat(Heartbeat(consumer), _world.Counts, _world.NowMs);
            decision.Verdict.Should().Be(GroupVerdict.None, "whoever is fenced was told so");
            consumer.Take(Run(decision).Assignment!);
        }

        private static ConsumerHeartbeatRequest Heartbeat(Consumer consumer) => new()
        {
            Group = "g",
            MemberId = consumer.Id,
            MemberEpoch = consumer.Epoch,
            Owned = [.. consumer.Reads.Keys],
        };

        private void Restart(int chance)
        {
            foreach (var consumer in _consumers.Where(consumer => consumer.Origin == MemberOrigin.InProcess))
                consumer.Die();
            _ = chance % 2 == 0 ? _world.RestartFromJournal() : _world.RestartFromSnapshot();
        }

        private T Run<T>(T decision)
            where T : GroupDecision
        {
            _world.RunUnproven(decision);
            foreach (var fenced in decision.Fenced)
                _consumers.Single(consumer => consumer.Id == fenced.MemberId).Die();
            return decision;
        }

        public void AssertNobodySharesAPartition() =>
            _consumers.SelectMany(consumer => consumer.Reads.Keys).Should().OnlyHaveUniqueItems();

        public void AssertCommitsAreFenced()
        {
            foreach (var consumer in _consumers.Where(consumer => consumer.IsMember))
            {
                for (var index = 0; index < _world.Counts[1]; index++)
                {
                    for (var epoch = Math.Max(0, consumer.Epoch - 2); epoch <= consumer.Epoch + 1; epoch++)
                        AssertCommitIsFenced(consumer, new PartitionKey(1, index), epoch);
                }
            }
        }

        private void AssertCommitIsFenced(Consumer consumer, PartitionKey partition, int epoch)
        {
            var request = new OffsetCommitRequest
            {
                Group = "g",
                MemberId = consumer.Id,
                Generation = epoch,
                Offsets = [new OffsetValue(partition, 1)],
                AllOrNothing = true,
            };
            var reads = consumer.Reads.TryGetValue(partition, out var since) && since <= epoch && epoch <= consumer.Epoch;
            // What a network member was told to give up it may commit until it says that it has given it up.
            var member = _world.State.TryGetGroup("g")!.Consumer!.Members[consumer.Id];
            var isRevoking = member.Revoking.Any(revoking => revoking.Partition == partition && revoking.SinceEpoch <= epoch) && epoch <= consumer.Epoch;
            var verdict = _world.State.DecideOffsetCommit(request, _world.NowMs).Verdict;
            verdict.Should().Be(reads || isRevoking ? GroupVerdict.None : GroupVerdict.StaleMemberEpoch);
        }

        public void AssertSettlesInBalance()
        {
            if (!_consumers.Any(consumer => consumer.IsMember))
                Join(_consumers[0]);
            for (var round = 0; round < 3; round++)
            {
                foreach (var consumer in _consumers)
                    Reconcile(consumer);
            }
            AssertNobodySharesAPartition();
            _world.State.StateOf("g").Should().Be(GroupState.Stable);
            _consumers.SelectMany(consumer => consumer.Reads.Keys).Should().HaveCount(_world.Counts[1]);
            var loads = _consumers.Where(consumer => consumer.IsMember).Select(consumer => consumer.Reads.Count).ToArray();
            (loads.Max() - loads.Min()).Should().BeLessThanOrEqualTo(1);
            _world.Prove();
        }
    }
}
