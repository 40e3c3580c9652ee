using System.Collections.Immutable;
using CsCheck;
using ExactlyOnce.Kernel.Groups.Assignment;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Tests.Kernel.Groups.Assignment;

public class AssignorTests
{
    private static readonly Gen<int[]> s_partitionsPerTopic = Gen.Int[0, 9].Array[1, 4];
    private static readonly Gen<int> s_memberCount = Gen.Int[1, 6];

    [Theory]
    [InlineData(Assignors.Uniform)]
    [InlineData(Assignors.Range)]
    public void Every_partition_has_exactly_one_owner_that_subscribed_to_it(string assignor) =>
        Gen.Select(s_partitionsPerTopic, Gen.Int[1, 15].Array[1, 6], Gen.Int).Sample((sizes, subscriptions, _) =>
        {
            var members = subscriptions.Select((mask, i) => Member(i, [.. Enumerable.Range(0, sizes.Length).Where(topic => (mask >> topic & 1) == 1)])).ToArray();
            var shares = Assignors.Assign(assignor, members, Counts(sizes));

            var wanted = Partitions(sizes).Where(partition => members.Any(member => member.IsSubscribedTo(partition.Topic)));
            shares.SelectMany(share => share).Order().Should().Equal(wanted);
            for (var i = 0; i < members.Length; i++)
            {
                shares[i].Where(partition => !members[i].IsSubscribedTo(partition.Topic)).Should().BeEmpty();
                shares[i].Should().BeInAscendingOrder();
            }
        }, iter: 300);

    [Fact]
    public void Uniform_loads_are_within_one_of_each_other_whatever_the_assignment_before() =>
        Gen.Select(s_partitionsPerTopic, s_memberCount, Gen.Int[0, 6].Array[40]).Sample((sizes, count, owners) =>
        {
            var before = new List<PartitionKey>[count];
            for (var i = 0; i < count; i++)
                before[i] = [];
            foreach (var (partition, owner) in Partitions(sizes).Zip(owners))
            {
                if (owner < count)
                    before[owner].Add(partition);
            }
            var members = before.Select((current, i) => Member(i, AllTopics(sizes)) with { Current = [.. current] }).ToArray();

            var loads = UniformAssignor.Assign(members, Counts(sizes)).Select(share => share.Length).ToArray();

            (loads.Max() - loads.Min()).Should().BeLessThanOrEqualTo(1);
        }, iter: 300);

    [Fact]
    public void Uniform_moves_only_the_partitions_of_a_member_that_left() =>
        Gen.Select(s_partitionsPerTopic, Gen.Int[2, 6], Gen.Int[0, 5]).Sample((sizes, count, leaver) =>
        {
            var members = Settle(sizes, count);
            var stayed = members.Where((_, i) => i != leaver % count).ToArray();

            var shares = UniformAssignor.Assign(stayed, Counts(sizes));

            for (var i = 0; i < stayed.Length; i++)
                stayed[i].Current.Except(shares[i]).Should().BeEmpty();
        }, iter: 300);

    [Fact]
    public void Uniform_moves_to_a_new_member_only_what_makes_its_fair_share() =>
        Gen.Select(s_partitionsPerTopic, s_memberCount).Sample((sizes, count) =>
        {
            var members = Settle(sizes, count);

            var shares = UniformAssignor.Assign([.. members, Member(count, AllTopics(sizes))], Counts(sizes));

            for (var i = 0; i < count; i++)
                shares[i].Except(members[i].Current).Should().BeEmpty("an old member never gets another old member's partition");
            shares[count].Length.Should().BeInRange(sizes.Sum() / (count + 1), sizes.Sum() / (count + 1) + 1);
        }, iter: 300);

    [Fact]
    public void Uniform_changes_nothing_when_nothing_changed() =>
        Gen.Select(s_partitionsPerTopic, s_memberCount).Sample((sizes, count) =>
        {
            var members = Settle(sizes, count);
            UniformAssignor.Assign(members, Counts(sizes)).Select(share => share.ToArray()).Should().BeEquivalentTo(
                members.Select(member => member.Current.ToArray()), options => options.WithStrictOrdering());
        }, iter: 100);

    [Fact]
    public void Range_brings_equal_indexes_of_equal_topics_to_the_same_member()
    {
        var shares = RangeAssignor.Assign([Member(1, [0, 1]), Member(0, [0, 1])], Counts([3, 3]));

        shares[1].Should().Equal(new PartitionKey(0, 0), new PartitionKey(0, 1), new PartitionKey(1, 0), new PartitionKey(1, 1));
        shares[0].Should().Equal(new PartitionKey(0, 2), new PartitionKey(1, 2));
    }

    [Fact]
    public void A_partition_that_no_longer_exists_is_given_to_nobody()
    {
        var member = Member(0, [0]) with { Current = [new PartitionKey(0, 0), new PartitionKey(0, 5), new PartitionKey(7, 0)] };
        UniformAssignor.Assign([member], Counts([2]))[0].Should().Equal(new PartitionKey(0, 0), new PartitionKey(0, 1));
    }

    private static AssignmentMember[] Settle(int[] sizes, int count)
    {
        var members = Enumerable.Range(0, count).Select(i => Member(i, AllTopics(sizes))).ToArray();
        var shares = UniformAssignor.Assign(members, Counts(sizes));
        return [.. members.Select((member, i) => member with { Current = shares[i] })];
    }

    private static AssignmentMember Member(int number, ImmutableArray<int> topics) => new($"m{number}", topics, []);

    private static ImmutableArray<int> AllTopics(int[] sizes) => [.. Enumerable.Range(0, sizes.Length)];

    private static IEnumerable<PartitionKey> Partitions(int[] sizes) =>
        sizes.SelectMany((size, topic) => Enumerable.Range(0, size).Select(index => new PartitionKey(topic, index)));

    private static PartitionCounts Counts(int[] sizes)
    {
        var counts = new PartitionCounts();
        for (var topic = 0; topic < sizes.Length; topic++)
            counts[topic] = sizes[topic];
        return counts;
    }
}
