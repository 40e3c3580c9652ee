using CsCheck;
using ExactlyOnce.Kernel.Groups;
using ExactlyOnce.Kernel.Groups.Classic;
using ExactlyOnce.Kernel.Groups.Consumers;
using ExactlyOnce.Kernel.Groups.Offsets;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Tests.Engine.Semantics;
using ExactlyOnce.Tests.Kernel.Groups;
using static ExactlyOnce.Tests.Engine.Semantics.TestBroker;

namespace ExactlyOnce.Tests.Museum;

/// <summary>Family G: who is a member, who owns what, and who is a zombie.</summary>
public sealed class GroupMembershipMuseumTests
{
    private const int SessionMs = 45_000;
    private const int RebalanceMs = 60_000;

    // KIP-447, KAFKA-9823: a zombie of an old generation committed over its successor. Here worker A sleeps through its session, B takes over and commits, A
    // wakes up: its commits, plain and in a transaction, are refused; and in a broker, where A sleeps through the time to give up a partition, its transaction
    // is aborted with all it wrote.
    [Fact]
    public async Task Museum_G06_ZombieGenerationCommits()
    {
        var world = NewWorld(partitions: 1);
        Join(world, "a");
        world.NowMs += SessionMs;
        world.Run(world.State.DecideTimeouts(world.Counts, world.NowMs)).Fenced.Select(fenced => fenced.MemberId).Should().Equal("a");
        var owner = Join(world, "b");
        owner.Partitions.Should().HaveCount(1);
        world.Run(world.State.DecideOffsetCommit(Commit("b", owner.MemberEpoch, 20), world.NowMs)).Verdict.Should().Be(GroupVerdict.None);

        world.Run(world.State.DecideOffsetCommit(Commit("a", 1, 10), world.NowMs)).Verdict.Should().Be(GroupVerdict.UnknownMemberId);
        world.Run(world.State.DecideTransactionalOffsetCommit(new ProducerIdentity(7, 0), Commit("a", 1, 10), world.NowMs)).Verdict.Should().Be(GroupVerdict.UnknownMemberId);
        world.State.Fetch("g", new PartitionKey(1, 0), requireStable: true).Stored.Offset.Should().Be(20);

        await using var broker = await OpenAsync(partitions: 2);
        await broker.Broker.PublishAsync(Orders, "k", "1");
        await using var producer = await broker.TransactionalAsync(timeout: TimeSpan.FromMinutes(10));
        await using var sleeping = broker.Broker.CreateConsumer(Orders).InGroup("g").Build();
        await using var loop = sleeping.ReadBatchesAsync().GetAsyncEnumerator();
        await loop.MoveNextAsync();
        var transaction = await producer.BeginTransactionAsync();
        await transaction.SendAsync(Invoices, "k", "zombie");
        transaction.AddOffsets(sleeping, loop.Current);
        await using var successor = broker.Broker.CreateConsumer(Orders).InGroup("g").Build();
        await successor.GetLagAsync();
        broker.Clock.Advance(TimeSpan.FromSeconds(61));
        await foreach (var _ in successor.ReadToEndAsync())
            await successor.CommitAsync();

        await FluentActions.Awaiting(async () => await transaction.CommitAsync()).Should().ThrowAsync<ClientInvalidatedException>();
        await FluentActions.Awaiting(async () => await sleeping.CommitAsync()).Should().ThrowAsync<ClientInvalidatedException>();
        await transaction.DisposeAsync();
        (await broker.ReadAsync(Invoices)).Should().BeEmpty();
        (await broker.Admin.GetGroupOffsetsAsync("g", "orders")).Values.Sum(offset => offset.Offset).Should().Be(1);
    }

    // KAFKA-16147: one partition was owned by two members. Here members of both origins join, leave, fall silent and come back at random: no partition is ever
    // read by two, a partition is given only when its former owner has given it up, and no commit of an earlier epoch is accepted from one who lost it.
    [Fact]
    public void Museum_G09_PartitionOwnedTwice() => Gen.Select(Gen.Int[0, 6], Gen.Int[0, 3]).Array[1, 80].Sample(
        steps =>
        {
            var world = NewWorld(partitions: 5);
            var members = new Dictionary<string, Member>();
            var count = 0;
            foreach (var (verb, number) in steps)
            {
                var member = members.Values.ElementAtOrDefault(number);
                if (verb == 0 && members.Count < 4)
                    members.Add($"m{++count}", new Member($"m{count}", Join(world, $"m{count}", unproven: true)));
                else if (verb == 1 && member is not null && members.Remove(member.Id))
                    world.RunUnproven(world.State.DecideLeave("g", member.Id, null, world.Counts, world.NowMs));
                else if (verb == 2)
                    Sweep(world, members, passedMs: 20_000);
                else if (member is not null)
                    member.Beat(world);
                members.Values.SelectMany(owner => owner.Reads).Should().OnlyHaveUniqueItems();
                foreach (var former in members.Values)
                    foreach (var other in members.Values.Where(other => other != former))
                        foreach (var partition in other.Reads)
                            world.State.DecideOffsetCommit(Commit(former.Id, former.Epoch, 1, partition.Index) with { AllOrNothing = true }, world.NowMs)
                                .Verdict.Should().NotBe(GroupVerdict.None);
            }
        },
        iter: 120);

    // KAFKA-9752, 12890 and 7610: members vanished in the middle of a rebalance and the group never came out of it; unknown members piled up. Here one of three
    // members vanishes at every step of joining and sharing out: within its time and one sweep the others own everything. First joins that never come back are
    // bounded, and gone after their session.
    [Fact]
    public void Museum_G10_GroupStuckInRebalance()
    {
        for (var vanishing = 0; vanishing < 3; vanishing++)
            for (var at = 0; at < 12; at++)
                VanishAndSettle(vanishing, at);

        var world = new GroupWorld(GroupSettings.Default with { InitialRebalanceDelayMs = 0, MembersMax = 5 });
        for (var i = 0; i < 100; i++)
            world.Run(world.State.DecideClassicJoin(FirstJoin($"unknown-{i}", knowsId: false), world.NowMs)).Own!.Verdict
                .Should().Be(i < 5 ? GroupVerdict.MemberIdRequired : GroupVerdict.GroupMaxSizeReached);
        world.State.TryGetGroup("g")!.Classic.PendingMembers.Length.Should().Be(5);
        world.NowMs += SessionMs;
        world.Run(world.State.DecideTimeouts(world.Counts, world.NowMs));
        world.State.TryGetGroup("g")!.Classic.PendingMembers.Should().BeEmpty();

        world = new GroupWorld();
        world.Run(world.State.DecideClassicJoin(FirstJoin("vanishes"), world.NowMs)).MustWait.Should().BeFalse();
        world.Run(world.State.DecideClassicJoin(FirstJoin("waits"), world.NowMs)).MustWait.Should().BeTrue("the first one is to join again");
        world.NowMs += SessionMs;
        var swept = world.Run(world.State.DecideTimeouts(world.Counts, world.NowMs));
        swept.Completed.Should().ContainSingle(answer => answer.MemberId == "waits" && answer.Generation == 2);
    }

    // KAFKA-10284: the new id of a static member that had come back was not persisted, and after a restart the old one was let in. Here a static member comes
    // back under another id and the broker dies, with its journal or its snapshot: the old id is fenced, the new one commits.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Museum_G11_StaticMemberNotPersisted(bool fromJournal)
    {
        var world = NewWorld(partitions: 1);
        Join(world, "old", instance: "one");
        world.Run(world.State.DecideLeaveTemporarily("g", "old", "one", world.NowMs)).Verdict.Should().Be(GroupVerdict.None);
        var epoch = Join(world, "new", instance: "one").MemberEpoch;

        _ = fromJournal ? world.RestartFromJournal() : world.RestartFromSnapshot();

        world.Run(world.State.DecideOffsetCommit(Commit("old", epoch, 10) with { InstanceId = "one" }, world.NowMs)).Verdict.Should().Be(GroupVerdict.FencedInstanceId);
        world.Run(world.State.DecideOffsetCommit(Commit("old", epoch, 10), world.NowMs)).Verdict.Should().Be(GroupVerdict.UnknownMemberId);
        world.Run(world.State.DecideOffsetCommit(Commit("new", epoch, 20) with { InstanceId = "one" }, world.NowMs)).Verdict.Should().Be(GroupVerdict.None);
        world.State.Fetch("g", new PartitionKey(1, 0), requireStable: true).Stored.Offset.Should().Be(20);
    }

    // KAFKA-13126 and 17415: the largest timeouts overflowed, and what should have waited for ever was over at once. Here every duration a client or a group
    // may give is the largest there is, or infinite: it works as a very long time, or is refused with a reason; nothing is over at once.
    [Fact]
    public async Task Museum_G13_TimeoutOverflow()
    {
        var world = NewWorld(partitions: 2);
        world.NowMs = 253_402_300_799_999;
        Join(world, "a", rebalanceTimeoutMs: int.MaxValue);
        Join(world, "b", rebalanceTimeoutMs: int.MaxValue);
        world.State.NextDeadlineMs.Should().BeGreaterThan(world.NowMs);
        world.Run(world.State.DecideTimeouts(world.Counts, world.NowMs)).Fenced.Should().BeEmpty();
        var classic = FirstJoin("c") with { Group = "classic", RebalanceTimeoutMs = int.MaxValue };
        world.Run(world.State.DecideClassicJoin(classic with { SessionTimeoutMs = int.MaxValue }, world.NowMs)).Own!.Verdict.Should().Be(GroupVerdict.InvalidSessionTimeout);
        world.Run(world.State.DecideClassicJoin(classic, world.NowMs)).Own!.Verdict.Should().Be(GroupVerdict.None);
        world.Run(world.State.DecideTimeouts(world.Counts, world.NowMs)).Fenced.Should().BeEmpty();

        foreach (var timeout in new[] { TimeSpan.MaxValue, TimeSpan.FromMilliseconds(int.MaxValue), TimeSpan.FromMilliseconds(uint.MaxValue), TimeSpan.FromDays(5_000), Timeout.InfiniteTimeSpan })
        {
            foreach (var configure in BrokerDurations(timeout))
                await WorksOrIsRefusedAsync(configure, _ => { }, TimeSpan.FromSeconds(60));
            foreach (var configure in TopicDurations(timeout))
                await WorksOrIsRefusedAsync(_ => { }, configure, TimeSpan.FromSeconds(60));
            await WorksOrIsRefusedAsync(options => options.MaxTransactionTimeout = options.ProducerExpiry = TimeSpan.MaxValue, _ => { }, timeout);
        }
    }

    // KAFKA-6042: two groups waited for each other's locks. Here all groups have one lock, in front of the partitions' in one order; two groups on the same
    // partitions join, leave and commit, plainly and in transactions that carry the offsets of both, on real threads, and all get through.
    [Fact]
    public async Task Museum_G14_DeadlockBetweenGroups()
    {
        await using var broker = await OpenAsync(partitions: 2);
        for (var i = 0; i < 20; i++)
            await broker.Broker.PublishAsync(Orders, new ProducerRecord<string, string>("k", $"{i}") { Partition = i % 2 });
        var threads = new List<Task>();
        foreach (var (mine, others) in new[] { ("one", "two"), ("two", "one") })
        {
            threads.Add(Task.Run(async () =>
            {
                for (var round = 0; round < 40; round++)
                {
                    await using var consumer = broker.Broker.CreateConsumer(Orders).InGroup(mine).Build();
                    await consumer.GetLagAsync();
                    await consumer.CommitAsync();
                }
            }));
            threads.Add(Task.Run(async () =>
            {
                var producer = await SignedProducer.OpenAsync(broker, mine);
                for (var round = 0; round < 40; round++)
                {
                    await producer.WriteAsync(mine == "one" ? First : Second, 0, "v");
                    await producer.WriteAsync(mine == "one" ? Second : First, 0, "v");
                    var offsets = new Dictionary<TopicPartition, CommittedOffset> { [First] = new(round), [Second] = new(round) };
                    await producer.EndAsync(commit: true, new($"{mine} beside", null, offsets), new($"{others} beside", null, offsets));
                }
            }));
        }
        await Task.WhenAll(threads).WaitAsync(Soon);
        (await broker.Admin.GetGroupOffsetsAsync("one beside", "orders")).Values.Should().OnlyContain(offset => offset.Offset == 39);
    }

    // KAFKA-17267, 15459 and 16386: a timeout was answered with an error that clients do not try again, and producers died of it. Here what Kafka's clients try
    // again is tried again here, and what they take for the end of the producer is no retry; a transaction that was too slow is aborted and its producer goes
    // on. (The codes on the wire, by version, are the endpoint's.)
    [Fact]
    public void Museum_G17_TimeoutMappedToFatal()
    {
        ErrorCode[] retriable =
        [
            ErrorCode.CoordinatorLoadInProgress, ErrorCode.CoordinatorNotAvailable, ErrorCode.RebalanceInProgress, ErrorCode.ConcurrentTransactions, ErrorCode.UnstableOffsetCommit,
        ];
        ErrorCode[] fatal =
        [
            ErrorCode.ProducerFenced, ErrorCode.InvalidProducerEpoch, ErrorCode.TransactionCoordinatorFenced, ErrorCode.FencedInstanceId, ErrorCode.InvalidProducerIdMapping,
            ErrorCode.OutOfOrderSequence, ErrorCode.UnknownProducerId, ErrorCode.TransactionalIdAuthorizationFailed,
        ];
        foreach (var code in retriable)
            ErrorTable.ToException(code, "why").Recovery.Should().Be(ErrorRecovery.Retry, $"{code} passes");
        foreach (var code in fatal)
            ErrorTable.ToException(code, "why").Recovery.Should().NotBe(ErrorRecovery.Retry, $"{code} does not pass");
        ErrorTable.ToException(ErrorCode.TransactionTimedOut, "why").Recovery.Should().Be(ErrorRecovery.AbortTransaction);
        ErrorTable.ToException(ErrorCode.TransactionAbortable, "why").Recovery.Should().Be(ErrorRecovery.AbortTransaction);
    }

    private static async Task WorksOrIsRefusedAsync(Action<BrokerOptions> configure, Action<TopicOptions> topic, TimeSpan transactionTimeout)
    {
        try
        {
            await using var broker = await OpenAsync(configure: configure, topic: topic);
            await using var producer = await broker.TransactionalAsync(timeout: transactionTimeout);
            await using var transaction = await producer.BeginTransactionAsync();
            await transaction.SendAsync(Orders, "k", "v");
            broker.Clock.Advance(TimeSpan.FromSeconds(1));
            await transaction.CommitAsync();
            (await broker.ReadAsync()).Should().Equal("v");
        }
        catch (Exception refused) when (refused is InvalidRequestException or ArgumentException and not ArgumentNullException)
        {
            refused.Message.Should().MatchRegex("(?i)timeout|expiry|interval|retention|delay|lag|window|age|retain|ahead", "the refusal names the option");
        }
    }

    private static Action<BrokerOptions>[] BrokerDurations(TimeSpan time) =>
    [
        options => options.ProducerExpiry = time,
        options => options.TransactionalIdExpiry = time,
        options => options.OffsetsRetention = time,
        options => options.CheckpointInterval = time,
        options => options.SyncInterval = time,
        options => options.CloseTimeout = time,
        options => options.CommitDelay = time,
    ];

    private static Action<TopicOptions>[] TopicDurations(TimeSpan time) =>
    [
        options => options.RetainFor = time,
        options => options.SegmentAge = time,
        options => options.TimestampMaxAhead = time,
        options => options.MinCompactionLag = time,
        options => options.DeleteRetention = time,
        options => options.MessageIdWindow = time,
    ];

    private static void VanishAndSettle(int vanishing, int at)
    {
        var world = NewWorld(partitions: 6);
        var members = new Dictionary<string, Member>();
        for (var step = 0; step < at + 3; step++)
        {
            if (step < 3)
                members.Add($"m{step}", new Member($"m{step}", Join(world, $"m{step}", unproven: true)));
            var beating = members.Values.ElementAtOrDefault(step % 3);
            if (step != at || beating?.Id != $"m{vanishing}")
                beating?.Beat(world);
            if (step >= at)
                members.Remove($"m{vanishing}");
        }
        for (var passed = 0; passed < SessionMs + RebalanceMs; passed += 5_000)
        {
            Sweep(world, members, 5_000);
            foreach (var member in members.Values)
                member.Beat(world);
        }
        Sweep(world, members, 0);
        foreach (var member in members.Values)
            member.Beat(world);
        members.Values.SelectMany(member => member.Reads).Should().HaveCount(6, $"member {vanishing} vanished at step {at}");
        world.State.StateOf("g").Should().Be(GroupState.Stable);
        world.State.TryGetGroup("g")!.Consumer!.Members.Should().HaveCount(2);
    }

    private static void Sweep(GroupWorld world, Dictionary<string, Member> members, int passedMs)
    {
        world.NowMs += passedMs;
        foreach (var fenced in world.RunUnproven(world.State.DecideTimeouts(world.Counts, world.NowMs)).Fenced)
            members.Remove(fenced.MemberId);
    }

    private static GroupWorld NewWorld(int partitions)
    {
        var world = new GroupWorld();
        world.Counts[1] = partitions;
        return world;
    }

    private static ConsumerAssignment Join(GroupWorld world, string member, string? instance = null, int rebalanceTimeoutMs = RebalanceMs, bool unproven = false)
    {
        var request = new ConsumerJoinRequest
        {
            Group = "g",
            MemberId = member,
            InstanceId = instance,
            Origin = MemberOrigin.Network,
            Topics = [1],
            RebalanceTimeoutMs = rebalanceTimeoutMs,
        };
        var decision = world.State.DecideJoin(request, world.Counts, world.NowMs);
        return (unproven ? world.RunUnproven(decision) : world.Run(decision)).Assignment!;
    }

    private static ClassicJoinRequest FirstJoin(string member, bool knowsId = true) => new()
    {
        Group = "g",
        NewMemberId = member,
        ProtocolType = "consumer",
        SessionTimeoutMs = SessionMs,
        RebalanceTimeoutMs = 300_000,
        Protocols = [new ClassicProtocol("range", new byte[] { 1 })],
        RequiresKnownMemberId = !knowsId,
    };

    private static OffsetCommitRequest Commit(string member, int epoch, long offset, int partition = 0) =>
        new() { Group = "g", MemberId = member, Generation = epoch, Offsets = [new OffsetValue(new PartitionKey(1, partition), offset)] };

    /// <summary>A consumer elsewhere: reads what it was given, and has given up what is missing from its heartbeat.</summary>
    private sealed class Member(string id, ConsumerAssignment joined)
    {
        public string Id => id;

        public int Epoch { get; private set; } = joined.MemberEpoch;

        public HashSet<PartitionKey> Reads { get; private set; } = [.. joined.Partitions];

        public void Beat(GroupWorld world)
        {
            var request = new ConsumerHeartbeatRequest { Group = "g", MemberId = id, MemberEpoch = Epoch, Owned = [.. Reads] };
            var assignment = world.RunUnproven(world.State.DecideHeartbeat(request, world.Counts, world.NowMs)).Assignment!;
            (Epoch, Reads) = (assignment.MemberEpoch, [.. assignment.Partitions]);
        }
    }
}
