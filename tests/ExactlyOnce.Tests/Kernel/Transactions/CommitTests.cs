using CsCheck;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Transactions;
using static ExactlyOnce.Tests.Kernel.Transactions.LiveCoordinator;

namespace ExactlyOnce.Tests.Kernel.Transactions;

/// <summary>A commit in one record is enrolment, decision, outcome and completion one after the other.</summary>
public sealed class CommitTests
{
    private static readonly TransactionRules s_narrow = new() { PartitionsPerTransactionMax = 2, GroupsPerTransactionMax = 1 };

    [Fact]
    public void It_leads_to_the_state_that_the_steps_lead_to_and_is_refused_where_one_of_them_is() =>
        Gen.Int[0, int.MaxValue].Array[1, 60].Sample(Compare, iter: 200);

    private static void Compare(int[] commands)
    {
        var (stepped, atOnce) = (new LiveCoordinator(s_narrow), new LiveCoordinator(s_narrow));
        foreach (var live in new[] { stepped, atOnce })
            live.Plant("c", 32_763, V2);
        var (now, identity) = (0L, stepped.State.TryGet("c")!.Identity);
        foreach (var command in commands)
        {
            now += command % 13;
            // Now and then a zombie, a producer id of somebody else, or an id that nobody knows.
            var by = command % 29 == 0 ? identity with { Epoch = (short)Math.Max(0, identity.Epoch - 1) } : command % 31 == 0 ? new ProducerIdentity(999, 0) : identity;
            var id = command % 37 == 0 ? "unknown" : "c";
            if (command / 100 % 3 == 0)
                foreach (var live in new[] { stepped, atOnce })
                    live.Do(live.State.DecideEnrol(id, by, [new PartitionKey(1, command % 3)], Local, now), now);
            PartitionKey[] partitions = [.. Enumerable.Range(command % 3, 1 + (command / 7 % 2)).Select(index => new PartitionKey(1, index))];
            string[] groups = command % 5 == 0 ? ["g"] : command % 11 == 0 ? [""] : [];

            var commit = atOnce.State.TryGet(id) is { } entry ? atOnce.State.DecideCommit(entry, by, partitions, groups, Local, now) : default;
            var steps = Step(stepped, id, by, partitions, groups, now, apply: commit.IsAllowed);
            (steps is not null).Should().Be(commit.IsAllowed);
            if (steps is null)
                continue;
            if (commit.Block is { } block)
                atOnce.Apply(block);
            atOnce.Apply(commit.Record!);
            atOnce.Do(TransactionDecision.Nothing, now);
            commit.Next.Should().Be(steps.Identity);
            commit.Marked.Should().Be(steps.Markers!.Identity);
            identity = commit.Next;
            Snapshot(atOnce.State).Should().Equal(Snapshot(stepped.State));
        }
    }

    /// <summary>The decision of the end; null when any step is refused, and then nothing is applied.</summary>
    private static TransactionDecision? Step(
        LiveCoordinator live, string id, ProducerIdentity by, PartitionKey[] partitions, string[] groups, long now, bool apply)
    {
        var enrolment = live.State.DecideEnrol(id, by, partitions, Local, now);
        var enrolled = groups.Select(group => live.State.DecideEnrolGroup(id, by, group, Local, now)).ToList();
        if (enrolment.IsRefused || enrolled.Exists(decision => decision.IsRefused))
            return null;
        apply.Should().BeTrue("every step is allowed");
        live.Do(enrolment, now);
        foreach (var decision in enrolled)
            live.Do(decision, now);
        return live.End(id, by, commit: true, Local, now);
    }
}
