using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Partitions;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Kernel.Transactions;
using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Tests.Engine.Semantics;
using ExactlyOnce.Tests.Kernel.Partitions;
using static ExactlyOnce.Tests.Engine.Semantics.TestBroker;

namespace ExactlyOnce.Tests.Museum;

/// <summary>Batches and offsets that reach their partition after, before or beside the transaction they belong to.</summary>
public sealed class LateBatchMuseumTests
{
    // KAFKA-14402. A batch delayed past the marker of its transaction opened another one that nobody ended; the last stable offset stood still for ever.
    [Theory]
    [InlineData(Place.Memory)]
    [InlineData(Place.Folder)]
    public async Task Museum_T02_ProduceAfterTheAbortMarker(Place place)
    {
        await using var broker = await OpenAsync(place, partitions: 2);
        var producer = await SignedProducer.OpenAsync(broker, "t");
        var held = producer.As(producer.Identity);
        await producer.WriteAsync(First, 0, "r1");
        await producer.EndAsync(commit: false);

        (await held.AppendAsync(First, 1, "r2")).Error.Should().BeOneOf(ErrorCode.InvalidProducerEpoch, ErrorCode.ProducerFenced);
        (await held.AppendAsync(Second, 0, "r2 elsewhere")).Error.Should().NotBe(ErrorCode.None);
        broker.Clock.Advance(TimeSpan.FromSeconds(10));

        foreach (var partition in new[] { First, Second })
        {
            broker.Offsets(partition).LastStable.Should().Be(broker.Offsets(partition).HighWatermark);
            var found = broker.Engine.Partitions.Find(partition)!;
            using (found.Lock.Enter())
                (found.State.OpenTransactions.Count, found.State.FirstUnstableOffset).Should().Be((0, null));
        }
    }

    // KAFKA-14884. The transaction was found open, an abort marker slipped in, then the data was appended. Every order of {look, enrol and append, abort} of
    // two producers.
    [Fact]
    public async Task Museum_T03_CheckThenAppendRace()
    {
        await using var broker = await OpenAsync(partitions: 2);
        var schedules = 0;
        foreach (var schedule in Schedules())
        {
            var one = await RacingProducer.OpenAsync(broker, $"one {schedules}");
            var two = await RacingProducer.OpenAsync(broker, $"two {schedules}");
            foreach (var step in schedule)
                await (step < 3 ? one : two).StepAsync(step % 3);
            schedules++;
            foreach (var producer in new[] { one, two })
                producer.WasAppended.Should().Be(producer.AppendedBeforeAbort, $"schedule {string.Join("", schedule)}");
            broker.Offsets(First).LastStable.Should().Be(broker.Offsets(First).HighWatermark, "whatever came in was ended");
        }
        schedules.Should().Be(180);
        (await broker.ReadAsync()).Should().BeEmpty();
    }

    // KAFKA-14904, KAFKA-14920. The second of two pipelined batches was taken as the first of a fresh partition, and the retry of the first was refused for
    // ever.
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Museum_T04_LaterBatchOvertakes(int generation)
    {
        await using var broker = await OpenAsync(partitions: 2);
        var client = new NetworkProducer(broker.Engine, "t", (TransactionGeneration)generation);
        client.Init();
        string[] first = [.. Enumerable.Range(0, 10).Select(value => $"{value}")], second = [.. Enumerable.Range(10, 10).Select(value => $"{value}")];

        client.Append(First, 10, second).Error.Should().Be(ErrorCode.OutOfOrderSequence, "the first was bounced and is on its way again");
        client.Append(First, 0, first).Error.Should().Be(ErrorCode.None);
        client.Append(First, 10, second).Error.Should().Be(ErrorCode.None);
        client.End(commit: true).IsRefused.Should().BeFalse();

        (await broker.ReadAsync()).Should().Equal([.. first, .. second]);
    }

    // KAFKA-15449. The same hole for offsets: sent after the abort they were pending for ever, and the group could not be asked for a stable position.
    [Fact]
    public async Task Museum_T05_OffsetsAfterTheAbort()
    {
        await using var broker = await OpenAsync(partitions: 2);
        var producer = await SignedProducer.OpenAsync(broker, "t");
        var held = producer.As(producer.Identity);
        var offsets = new TransactionOffsets("billing", null, new Dictionary<TopicPartition, CommittedOffset> { [First] = new(1) });
        await producer.WriteAsync(First, 0, "a");
        await producer.EndAsync(commit: false);

        await FluentActions.Awaiting(() => held.EndAsync(commit: true, offsets)).Should().ThrowAsync<BrokerException>();
        await FluentActions.Awaiting(async () => await broker.Backend.PrepareTransactionAsync(held.Session, [offsets])).Should().ThrowAsync<BrokerException>();

        var fetching = broker.Backend.FetchOffsetsAsync("billing", [First], CancellationToken.None);
        fetching.IsCompletedSuccessfully.Should().BeTrue("the group's position is stable at once");
        (await fetching).Should().BeEmpty();
    }

    // KAFKA-18575. The first batch of the next transaction came while the one before was being ended and was attached to it. The end is decided and not yet on
    // disk.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Museum_T16_NewTransactionRacesTheEndOfTheOld(bool firstCommits)
    {
        await using var held = await HeldBroker.OpenAsync();
        var broker = held.Broker;
        var client = new NetworkProducer(broker.Engine, "t");
        client.Init();
        client.Append(First, 0, "1").Error.Should().Be(ErrorCode.None);
        var old = client.On(broker.Engine);
        held.Disk.Hold();
        var ending = broker.Engine.Transactions.End(
            "t", client.Identity, firstCommits, [], TransactionClient.Network(TransactionGeneration.V2, "kafka"), broker.Engine.NowMs, out _);
        held.Disk.AwaitArrival();

        old.Append(First, 1, "late").Error.Should().Be(ErrorCode.InvalidProducerEpoch, "it belongs to a transaction that has ended");
        client.Identity = ending.Decision.Identity;
        client.Append(First, 0, "2").Error.Should().Be(ErrorCode.None);
        client.IsAnswered(ending.Lsn).Should().BeFalse();
        held.Disk.Release();
        client.End(commit: !firstCommits).IsRefused.Should().BeFalse();

        (await broker.ReadAsync()).Should().Equal(firstCommits ? "1" : "2");
    }

    // Redpanda 1a301657fd. Data was acknowledged before it was durable and a transaction began by itself: after a failover the coordinator began another and
    // committed the second half. The power fails at every disk operation of the first batch; the client sends it again, then offsets, then commits.
    [Theory]
    [InlineData(CrashProfile.Prefix)]
    [InlineData(CrashProfile.LostSectors)]
    [InlineData(CrashProfile.Torn)]
    [InlineData(CrashProfile.AllSurvive)]
    public void Museum_T27_BeginLostAndHalfCommitted(CrashProfile profile)
    {
        for (var operation = 1; ; operation++)
        {
            var broker = SteppedBroker.Create();
            var client = new NetworkProducer(broker.Engine, "t");
            client.Init();
            var local = broker.Run(() => SignedProducer.OpenAsync(broker.Backend, "local"));
            broker.Run(() => local.WriteAsync(First, 0, "of a dead process"));
            broker.Disk.CrashAt(broker.Disk.Operations + operation);
            var receipt = client.Append(First, 0, "first half");
            if (!broker.Disk.HasCrashed)
            {
                client.IsAnswered(receipt.Lsn).Should().BeTrue();
                break;
            }
            client.IsAnswered(receipt.Lsn).Should().BeFalse("nothing is acknowledged before it is durable");

            var next = broker.Revive(profile, operation);
            var again = client.On(next.Engine);
            if (!next.Read(isolation: IsolationLevel.ReadUncommitted).Contains("first half"))
                again.End(commit: true).IsRefused.Should().BeTrue("what it began is gone, and a client that does not know has to be told");
            again.Append(First, 0, "first half").Error.Should().Be(ErrorCode.None, "appended, or found");
            again.End(commit: true, offset: 5).IsRefused.Should().BeFalse();
            next.Read().Should().Equal("first half");
            next.CommittedOffset(Second).Should().Be(5);
            next.Try(() => local.On(next.Backend).EndAsync(commit: true)).Should().NotBeNull("what died with its process was aborted");
            next.AssertNothingHangs();
        }
    }

    // Redpanda 996e138f08. Evicting what was known of an old epoch took the fence of the newest one along.
    [Fact]
    public async Task Museum_T28_EvictionRemovesTheFence()
    {
        await using var broker = await OpenAsync(partitions: 2);
        var zombie = await SignedProducer.OpenAsync(broker, "t");
        await zombie.WriteAsync(First, 0, "0");
        var newer = await SignedProducer.OpenAsync(broker, "t");
        await newer.WriteAsync(First, 0, "1");
        await newer.EndAsync(commit: true);

        broker.Clock.Advance(TimeSpan.FromDays(2));
        broker.Engine.ExpireIdle(broker.Engine.NowMs);
        broker.Engine.Partitions.Find(First)!.State.ProducerCount.Should().Be(0, "the partition has forgotten both");

        foreach (var partition in new[] { First, Second })
            (await zombie.AppendAsync(partition, 0, "zombie")).Error.Should().Be(ErrorCode.ProducerFenced);
        await FluentActions.Awaiting(() => zombie.EndAsync(commit: true)).Should().ThrowAsync<ProducerFencedException>();
        (await broker.ReadAsync()).Should().Equal("1");

        var small = new PartitionUnderTest(new PartitionRules(maximumProducers: 1));
        small.Produce(PartitionUnderTest.Data(7, 0, 0, 1));
        small.Produce(PartitionUnderTest.Data(7, 1, 0, 1));
        small.Produce(PartitionUnderTest.Data(7, 0, 1, 1)).Verdict.Should().Be(AppendVerdict.InvalidProducerEpoch);
        small.Produce(PartitionUnderTest.Data(8, 0, 0, 1)).IsAppend.Should().BeTrue("it takes the place of the idle one");
        small.Produce(PartitionUnderTest.Data(7, 0, 0, 1, transactional: true)).Verdict.Should().Be(AppendVerdict.NotEnrolled, "and the coordinator knows the newest epoch");
    }

    // Redpanda 8cd0bc66ed. A client used the number of an aborted batch for another record; it was answered with the aborted one's offset and never written.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Museum_T29_SequenceReusedAfterAnAbort(bool isNetworkClient)
    {
        await using var broker = await OpenAsync(partitions: 2);
        if (isNetworkClient)
        {
            var client = new NetworkProducer(broker.Engine, "t");
            client.Init();
            client.Append(First, 0, "aborted").BaseOffset.Should().Be(0);
            client.Append(First, 43, "refused").Error.Should().Be(ErrorCode.OutOfOrderSequence);
            client.End(commit: false);
            var receipt = client.Append(First, 0, "another");
            (receipt.Error, receipt.IsDuplicate, receipt.BaseOffset).Should().Be((ErrorCode.None, false, 2));
            client.End(commit: true);
        }
        else
        {
            var producer = await SignedProducer.OpenAsync(broker, "t");
            await producer.WriteAsync(First, 0, "aborted");
            (await producer.AppendAsync(First, 43, "refused")).Error.Should().Be(ErrorCode.OutOfOrderSequence);
            await producer.EndAsync(commit: false);
            var outcome = await producer.AppendAsync(First, 0, "another");
            (outcome.Error, outcome.IsDuplicate, outcome.BaseOffset).Should().Be((ErrorCode.None, false, 2));
            await producer.EndAsync(commit: true);
        }
        (await broker.ReadAsync()).Should().Equal("another");
    }

    /// <summary>The orders of 0, 1, 2 and 3, 4, 5 in which 0 comes before 1 and 3 before 4: look, append, and at any time abort.</summary>
    private static IEnumerable<int[]> Schedules() => Permutations([], [0, 1, 2, 3, 4, 5])
        .Where(steps => Array.IndexOf(steps, 0) < Array.IndexOf(steps, 1) && Array.IndexOf(steps, 3) < Array.IndexOf(steps, 4));

    private static IEnumerable<int[]> Permutations(int[] begun, int[] rest) => rest.Length == 0
        ? [begun]
        : rest.SelectMany(next => Permutations([.. begun, next], [.. rest.Where(other => other != next)]));

    /// <summary>A producer whose transaction is open in one partition and about to reach another, step by step.</summary>
    private sealed class RacingProducer(TestBroker broker, SignedProducer producer, ProducerIdentity identity)
    {
        private AppendReceipt _look;
        private bool _isAborted;

        public bool WasAppended { get; private set; }

        public bool AppendedBeforeAbort { get; private set; }

        public static async Task<RacingProducer> OpenAsync(TestBroker broker, string id)
        {
            var producer = await SignedProducer.OpenAsync(broker, id);
            await producer.WriteAsync(Second, 0, "elsewhere");
            return new RacingProducer(broker, producer, producer.Identity);
        }

        public async Task StepAsync(int step)
        {
            var (partition, nowMs) = (broker.Engine.Partitions.Find(First)!, broker.Engine.NowMs);
            var (header, batch) = SignedProducer.Batch(identity, 0, nowMs, BatchAttributes.Transactional, "racing");
            if (step == 0)
            {
                _look = partition.Append(header, batch, AppendOrigin.Client, nowMs);
                _look.NeedsEnrolment.Should().BeTrue();
            }
            else if (step == 1)
            {
                var id = producer.Session.TransactionalId!;
                var receipt = broker.Engine.Transactions.EnrolAndAppend(partition, id, TransactionClient.InProcess(id), header, batch, nowMs, out _, out _);
                WasAppended = receipt.Error == ErrorCode.None;
                AppendedBeforeAbort = !_isAborted;
            }
            else
            {
                await producer.EndAsync(commit: false);
                _isAborted = true;
            }
        }
    }
}
