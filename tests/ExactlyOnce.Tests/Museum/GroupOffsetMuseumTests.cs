using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Kernel.Groups;
using ExactlyOnce.Kernel.Groups.Classic;
using ExactlyOnce.Kernel.Groups.Offsets;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Tests.Engine.Recovery;
using ExactlyOnce.Tests.Engine.Semantics;
using ExactlyOnce.Tests.Kernel.Groups;
using static ExactlyOnce.Tests.Engine.Semantics.TestBroker;

namespace ExactlyOnce.Tests.Museum;

/// <summary>Family G: committed offsets, plain and in transactions.</summary>
public sealed class GroupOffsetMuseumTests
{
    private static readonly TimeSpan s_month = TimeSpan.FromDays(30);

    // KAFKA-15784: a transaction's offset commit changed the cache and not the log, or the other way round. Here the journal fails under the commit, in its
    // write or its sync: nobody is shown the new offset or kept waiting for it, and after reopening the offset and the output are there together or not at all.
    [Theory]
    [InlineData(1, FaultKind.IoError)]
    [InlineData(1, FaultKind.NoSpace)]
    [InlineData(2, FaultKind.IoError)]
    [InlineData(2, FaultKind.NoSpace)]
    public void Museum_G01_OffsetCommitNotAtomic(int operation, FaultKind kind)
    {
        for (var seed = 1; seed <= 12; seed++)
        {
            var disk = new SimulatedDisk();
            var broker = OpenWithOffset(disk, 5, out var identity);
            broker.AppendIn("t", identity, "out", 0, 0, ("k", "output"));
            disk.FailAt(disk.Operations + operation, kind);
            broker.End("t", identity, commit: true, broker.OffsetOf("g", "orders", 0, 10));

            broker.Engine.Journal.Failure.Should().NotBeNull();
            broker.Invoking(now => now.Run(() => now.Broker.Admin.GetGroupOffsetsAsync("g", "orders"))).Should().Throw<StorageException>();
            var reopened = StepBroker.Open(disk.Crash(seed % 2 == 0 ? CrashProfile.AllSurvive : CrashProfile.LostSectors, seed));
            var outputs = reopened.Values("out").Count;
            reopened.CommittedOf("g", "orders").Should().Be(outputs == 1 ? 10 : 5);
        }
    }

    // KAFKA-16371: one of several partitions of a transactional commit had too long metadata; the others stayed pending for ever. Here it is refused as a whole
    // in the broker, and partition by partition in the group's rules: a stable fetch afterwards answers at once.
    [Fact]
    public async Task Museum_G02_FailedPartialCommitPending()
    {
        await using var broker = await OpenAsync(partitions: 3);
        for (var partition = 0; partition < 3; partition++)
            await broker.Admin.ResetGroupOffsetAsync("g", new TopicPartition("orders", partition), 1);
        var producer = await SignedProducer.OpenAsync(broker, "t");
        await producer.WriteAsync(new TopicPartition("invoices", 0), 0, "output");
        var offsets = Enumerable.Range(0, 3).ToDictionary(
            partition => new TopicPartition("orders", partition), partition => new CommittedOffset(7, partition == 1 ? new string('m', 5_000) : ""));

        (await FluentActions.Awaiting(() => producer.EndAsync(commit: true, new TransactionOffsets("g", null, offsets))).Should().ThrowAsync<BrokerException>())
            .Which.Code.Should().Be(ErrorCode.OffsetMetadataTooLarge);
        var fetching = broker.Admin.GetGroupOffsetsAsync("g", "orders");
        fetching.IsCompleted.Should().BeTrue();
        (await fetching).Values.Should().OnlyContain(offset => offset.Offset == 1);
        await producer.EndAsync(commit: false);

        var world = new GroupWorld();
        var request = new OffsetCommitRequest
        {
            Group = "g",
            Offsets = [.. Enumerable.Range(0, 3).Select(index => new OffsetValue(new PartitionKey(1, index), 7, Metadata: index == 1 ? new string('m', 5_000) : ""))],
        };
        world.Run(world.State.DecideTransactionalOffsetCommit(new ProducerIdentity(7, 0), request, world.NowMs)).PartitionVerdicts[1].Should().Be(GroupVerdict.OffsetMetadataTooLarge);
        world.State.Fetch("g", new PartitionKey(1, 1), requireStable: true).Status.Should().Be(FetchStatus.None, "what was refused is not pending");
        world.Run(world.State.DecideTransactionEnd(7, isCommit: true));
        world.State.Fetch("g", new PartitionKey(1, 0), requireStable: true).Stored.Offset.Should().Be(7);
    }

    // KAFKA-17507: the end of a transaction was applied before the record of the next one's offsets was there, which then counted as completed. Here one
    // producer runs six transactions back to back, each begun and ended while the one before is still being written; the power fails at every operation.
    [Fact]
    public void Museum_G03_CompletionAppliedTooEarly()
    {
        const int Transactions = 6;
        var cuts = PowerCuts.AtEach(
            () => new List<int>(),
            (disk, acknowledged) =>
            {
                var watched = new WatchedDisk(disk);
                var broker = OpenWithOffset(watched, 0, out var identity);
                var (begun, isEnding) = (0, false);
                void Next()
                {
                    isEnding = false;
                    begun++;
                    broker.AppendIn("t", identity, "out", 0, 0, ("k", $"{begun}"));
                    identity = broker.EndUndriven("t", identity, commit: true, broker.OffsetOf("g", "orders", 0, begun)).Decision.Identity;
                    isEnding = true;
                    broker.Engine.Journal.Drive();
                }
                watched.Before = (_, path) =>
                {
                    if (isEnding && begun < Transactions && path.Contains("/journal/", StringComparison.Ordinal))
                        Next();
                };
                Next();
                if (broker.Engine.Journal.Failure is not null)
                    return;
                begun.Should().Be(Transactions);
                acknowledged.Add((int)broker.CommittedOf("g", "orders")!);
            },
            (_, _, line) => line.Contains("/journal/", StringComparison.Ordinal),
            PowerCuts.AllProfiles,
            (disk, acknowledged) =>
            {
                var broker = StepBroker.Open(disk);
                if (broker.Broker.Admin.DescribeTopic("out") is null)
                    return;
                var outputs = broker.Values("out").Count;
                Promises.Require((broker.CommittedOf("g", "orders") ?? 0) == outputs, $"{outputs} outputs, and offset {broker.CommittedOf("g", "orders")}.");
                if (acknowledged.Count > 0)
                    outputs.Should().Be(Transactions);
            });
        cuts.Should().BeGreaterThan(30);
    }

    // Redpanda #9571: offsets were read before the commit was applied, and the partition's next owner produced duplicates. Here a worker hands partitions over
    // to another that joins right in front of its commits, again and again, on real threads: one output for each input, and no fetch after an acknowledged
    // commit is older than it.
    [Fact]
    public async Task Museum_G04_OffsetsReadBeforeCommitApplied()
    {
        const int Inputs = 240;
        await using var broker = await OpenAsync(partitions: 4);
        for (var i = 0; i < Inputs; i++)
            await broker.Broker.PublishAsync(Orders, new ProducerRecord<string, string>("k", $"{i}") { Partition = i % 4 });
        using var stop = new CancellationTokenSource(Soon);
        var (done, others) = (0, new List<Task>());

        async Task WorkAsync(string id, int batches, Func<int, Task> beforeCommit)
        {
            await using var producer = await broker.TransactionalAsync(id);
            await using var consumer = broker.Broker.CreateConsumer(Orders).InGroup("g").WithBatch(3).Build();
            await foreach (var batch in consumer.ReadBatchesAsync(stop.Token))
            {
                await using var transaction = await producer.BeginTransactionAsync();
                foreach (var record in batch)
                    await transaction.SendAsync(Invoices, record.Key, record.Value);
                transaction.AddOffsets(consumer, batch);
                var (partition, next, count) = (batch.TopicPartition, batch.NextOffset, batch.Count);
                await beforeCommit(batches);
                await transaction.CommitAsync();
                (await consumer.CommittedAsync(partition))!.Value.Offset.Should().BeGreaterThanOrEqualTo(next);
                if (Interlocked.Add(ref done, count) >= Inputs)
                    await stop.CancelAsync();
                if (--batches == 0)
                    return;
            }
        }

        async Task HandOverAsync(int left)
        {
            if (left % 9 != 0)
                return;
            var joined = new TaskCompletionSource();
            others.Add(Task.Run(async () =>
            {
                await using var joining = broker.Broker.CreateConsumer(Orders).InGroup("g").Build();
                await joining.GetLagAsync();
                joined.SetResult();
                await joining.DisposeAsync();
                await WorkAsync($"other-{left}", 4, _ => Task.CompletedTask);
            }));
            await joined.Task;
        }

        await FluentActions.Awaiting(() => WorkAsync("worker", int.MaxValue, HandOverAsync)).Should().ThrowAsync<OperationCanceledException>();
        foreach (var other in others)
            await FluentActions.Awaiting(() => other.WaitAsync(Soon)).Should().NotThrowAsync<BrokerException>();
        done.Should().Be(Inputs);
        others.Count.Should().BeGreaterThan(2);
        (await broker.ReadAsync(Invoices)).Should().BeEquivalentTo(Enumerable.Range(0, Inputs).Select(i => $"{i}"));
    }

    // The rule behind KIP-447 and KAFKA-9346/9365: an offset that an open transaction holds is neither shown nor passed over. Here it is held by a prepared
    // transaction, over a restart behind each step: a stable fetch waits, an unstable one says the old value; then the old one after an abort, the new one
    // after a commit.
    [Theory]
    [InlineData(true, 0)]
    [InlineData(true, 1)]
    [InlineData(true, 2)]
    [InlineData(false, 0)]
    [InlineData(false, 1)]
    [InlineData(false, 2)]
    public async Task Museum_G05_PendingOffsetVisible(bool isCommit, int restartBehind)
    {
        await using var broker = await OpenAsync(Place.Folder);
        for (var i = 0; i < 10; i++)
            await broker.Broker.PublishAsync(Orders, "k", $"{i}");
        await broker.Admin.ResetGroupOffsetAsync("billing", First, 3);
        var token = await OffsetTests.PrepareWithOffsetAsync(broker);
        if (restartBehind == 1)
            await broker.ReopenAsync();
        var fetching = broker.Admin.GetGroupOffsetsAsync("billing", "orders");
        await Task.Yield();
        fetching.IsCompleted.Should().BeFalse("the offset may be about to change");
        var key = broker.Engine.Partitions.Find(First)!.Key;
        lock (broker.Engine.State.Lock)
            broker.Engine.State.Groups.Fetch("billing", key, requireStable: false).Stored.Offset.Should().Be(3);

        await (isCommit ? broker.Admin.CommitPreparedAsync(token) : broker.Admin.AbortPreparedAsync(token));

        (await fetching.WaitAsync(Soon))[First].Offset.Should().Be(isCommit ? 10 : 3);
        if (restartBehind == 2)
            await broker.ReopenAsync();
        (await broker.Admin.GetGroupOffsetsAsync("billing", "orders").WaitAsync(Soon))[First].Offset.Should().Be(isCommit ? 10 : 3);
    }

    // KAFKA-19163 and 19164: a group was deleted by the expiry although an open transaction held offsets for it. Here a group has no members and nothing
    // committed, only what a prepared transaction holds; a month and a sweep later it is committed, and the offset is there.
    [Fact]
    public async Task Museum_G07_GroupDeletedWithPendingOffsets()
    {
        await using var broker = await OpenAsync();
        await broker.Broker.PublishAsync(Orders, "k", "1");
        var token = await OffsetTests.PrepareWithOffsetAsync(broker);
        broker.Clock.Advance(s_month);
        broker.Engine.ExpireIdle(broker.Engine.NowMs);
        broker.Engine.ExpireIdle(broker.Engine.NowMs);

        await broker.Admin.CommitPreparedAsync(token);

        broker.Admin.ListGroups().Should().Equal("billing");
        (await broker.Admin.GetGroupOffsetsAsync("billing", "orders").WaitAsync(Soon))[First].Offset.Should().Be(1);
    }

    // KAFKA-4682, 13636 and 8069: offsets expired under a group that was alive, rebalancing or just loaded with a wrong time. Here a month passes over an idle
    // group with a member, and over one that is rebalancing; a group that was left loses its offsets a week after it was left, counted over restarts. (There is
    // one version of the record.)
    [Fact]
    public async Task Museum_G08_OffsetsExpiredWhileGroupLives()
    {
        await using var broker = await OpenAsync();
        await broker.Broker.PublishAsync(Orders, "k", "1");
        await using (var member = broker.Broker.CreateConsumer(Orders).InGroup("billing").Build())
        {
            await foreach (var _ in member.ReadToEndAsync())
                await member.CommitAsync();
            broker.Clock.Advance(s_month);
            broker.Engine.ExpireIdle(broker.Engine.NowMs);
            (await member.CommittedAsync(First))!.Value.Offset.Should().Be(1);
        }
        broker.Clock.Advance(TimeSpan.FromDays(6.9));
        broker.Engine.ExpireIdle(broker.Engine.NowMs);
        (await broker.Admin.GetGroupOffsetsAsync("billing", "orders")).Should().HaveCount(1, "a week counts from when the last member left");
        broker.Clock.Advance(TimeSpan.FromDays(0.2));
        broker.Engine.ExpireIdle(broker.Engine.NowMs);
        (await broker.Admin.GetGroupOffsetsAsync("billing", "orders")).Should().BeEmpty();

        var world = new GroupWorld();
        world.Run(world.State.DecideOffsetCommit(Commit("g", 1, 7), world.NowMs));
        JoinClassic(world, "a");
        world.State.StateOf("g").Should().Be(GroupState.CompletingRebalance);
        world.Run(world.State.DecideExpiry(world.NowMs + (long)s_month.TotalMilliseconds)).Records.Should().BeEmpty("the group is rebalancing");
        world = new GroupWorld();
        world.Run(world.State.DecideOffsetCommit(Commit("g", 1, 7), world.NowMs));
        for (var day = 0; day < 7; day++, world.NowMs += 86_400_000)
        {
            world.Run(world.State.DecideExpiry(world.NowMs)).Records.Should().BeEmpty($"day {day}");
            _ = day % 2 == 0 ? world.RestartFromJournal() : world.RestartFromSnapshot();
        }
        world.Run(world.State.DecideExpiry(world.NowMs)).Records.Should().NotBeEmpty("the time of the commit was kept over the restarts");
    }

    // KAFKA-17306 and KAFKA-4704: a tombstone for something unknown broke the loading of a compacted group log. Here such records, and commits of several
    // groups, are replayed in each of the 720 orders of six: none throws, and all lead to one state.
    [Fact]
    public void Museum_G12_TombstoneForUnknown()
    {
        GroupRecord[] records =
        [
            new OffsetsCommitted("g", 5, [new OffsetValue(new PartitionKey(1, 0), 7)]),
            new OffsetsCommitted("h", 5, [new OffsetValue(new PartitionKey(1, 1), 8)]),
            new OffsetsDeleted("g", [new PartitionKey(2, 0)]),
            new OffsetsDeleted("unknown", [new PartitionKey(1, 0)]),
            new GroupDeleted("unknown"),
            new TransactionOffsetsEnded(99, IsCommit: true),
        ];
        var states = new HashSet<string>();
        var orders = 0;
        foreach (var order in OrdersOf(records))
        {
            var state = new GroupCoordinatorState(GroupSettings.Default);
            foreach (var record in order)
                state.Apply(GroupRecordCodec.Read(GroupWorld.Encode(record)), lsn: 1);
            state.AssertInvariants();
            state.Fetch("g", new PartitionKey(1, 0), requireStable: true).Stored.Offset.Should().Be(7);
            var groups = state.Groups.Select(group => group.Id).Where(id => id != "unknown").Order().ToList();
            states.Add(string.Join(',', groups) + state.Fetch("h", new PartitionKey(1, 1), requireStable: true).Stored.Offset);
            orders++;
        }
        orders.Should().Be(720);
        states.Should().Equal("g,h8");
    }

    // KAFKA-4081: a negative offset could be committed. Here -1, -2 and the smallest there is are refused, plain and in a transaction, leaving what was there;
    // an offset behind the log's end is kept as it is, and a consumer that starts from it does as its options say.
    [Theory]
    [InlineData(-1)]
    [InlineData(-2)]
    [InlineData(long.MinValue)]
    public async Task Museum_G15_NegativeOffset(long offset)
    {
        var world = new GroupWorld();
        world.Run(world.State.DecideOffsetCommit(Commit("g", 1, 7), world.NowMs));
        var plain = world.Run(world.State.DecideOffsetCommit(Commit("g", 1, offset), world.NowMs));
        plain.PartitionVerdicts.Should().Equal(GroupVerdict.InvalidRequest);
        world.Run(world.State.DecideTransactionalOffsetCommit(new ProducerIdentity(7, 0), Commit("g", 1, offset), world.NowMs)).PartitionVerdicts.Should().Equal(GroupVerdict.InvalidRequest);
        world.State.Fetch("g", new PartitionKey(1, 0), requireStable: true).Stored.Offset.Should().Be(7);

        await using var broker = await OpenAsync();
        await broker.Broker.PublishAsync(Orders, "k", "1");
        await FluentActions.Awaiting(() => broker.Admin.ResetGroupOffsetAsync("g", First, offset)).Should().ThrowAsync<ArgumentOutOfRangeException>();
        await broker.Admin.ResetGroupOffsetAsync("g", First, 1_000);
        (await broker.Admin.GetGroupOffsetsAsync("g", "orders"))[First].Offset.Should().Be(1_000);
        await using var consumer = broker.Broker.CreateConsumer(Orders).InGroup("g").Build();
        var given = new List<string>();
        await foreach (var record in consumer.ReadToEndAsync())
            given.Add(record.Value);
        given.Should().Equal(["1"], "an offset that the log does not hold goes on at the earliest");
    }

    // Pulsar #18236: after a reset the wrong position was persisted. Here a consumer has committed 3 and seeks to 1, or a group is reset to 1, and the power
    // fails before the next commit: the seek alone is forgotten, the reset is not, and a commit behind a seek stores where the seek went.
    [Theory]
    [InlineData(false, false, 3)]
    [InlineData(true, false, 1)]
    [InlineData(false, true, 1)]
    public void Museum_G16_WrongPositionAfterReset(bool isReset, bool isCommitted, long expected)
    {
        var disk = new SimulatedDisk();
        var broker = OpenWithOffset(disk, 3, out _);
        for (var i = 0; i < 5; i++)
            broker.Append("orders", 0, ("k", $"{i}"));
        broker.Run(async () =>
        {
            if (isReset)
                await broker.Broker.Admin.ResetGroupOffsetAsync("g", First, 1);
            var consumer = broker.Broker.CreateConsumer(Orders).InGroup("g").Build();
            await consumer.SeekAsync(First, 1);
            if (isCommitted)
                await consumer.CommitAsync();
        });

        // The consumer is still there when the power fails.
        disk = disk.Crash(CrashProfile.LostSectors, 6);
        broker = StepBroker.Open(disk);
        broker.CommittedOf("g", "orders").Should().Be(expected);
        broker.Run(async () =>
        {
            await using var consumer = broker.Broker.CreateConsumer(Orders).InGroup("g").Build();
            await foreach (var record in consumer.ReadToEndAsync())
            {
                record.Offset.Should().Be(expected);
                break;
            }
        });
    }

    private static StepBroker OpenWithOffset(IDisk disk, long offset, out ProducerIdentity identity)
    {
        var broker = StepBroker.Open(disk);
        broker.CreateTopic("orders");
        broker.CreateTopic("out");
        broker.Engine.Groups.Commit(broker.OffsetOf("g", "orders", 0, offset), broker.NowMs).Decision.Verdict.Should().Be(GroupVerdict.None);
        broker.Engine.Journal.Drive();
        identity = broker.InitProducer("t");
        return broker;
    }

    private static OffsetCommitRequest Commit(string group, int topic, long offset) => new() { Group = group, Offsets = [new OffsetValue(new PartitionKey(topic, 0), offset)] };

    private static void JoinClassic(GroupWorld world, string member) => world.Run(world.State.DecideClassicJoin(
        new ClassicJoinRequest
        {
            Group = "g",
            NewMemberId = member,
            ProtocolType = "consumer",
            Protocols = [new ClassicProtocol("range", new byte[] { 1 })],
            RequiresKnownMemberId = false,
        },
        world.NowMs));

    private static IEnumerable<GroupRecord[]> OrdersOf(GroupRecord[] records) => records.Length == 1
        ? [records]
        : records.SelectMany((first, index) => OrdersOf([.. records.Where((_, other) => other != index)]).Select(rest => (GroupRecord[])[first, .. rest]));
}
