using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Engine.Backend;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Transactions;
using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Tests.Engine.Semantics;
using ExactlyOnce.Tests.Kernel.Transactions;
using static ExactlyOnce.Tests.Engine.Semantics.TestBroker;

namespace ExactlyOnce.Tests.Museum;

/// <summary>Epochs that are used up, bumped twice or bumped for nothing.</summary>
public sealed class EpochMuseumTests
{
    // KAFKA-9666. Every attempt to fence bumped the epoch in memory although the log could not be written, until none was left. The log fails at the first of
    // forty thousand.
    [Theory]
    [InlineData(FaultKind.IoError)]
    [InlineData(FaultKind.NoSpace)]
    public void Museum_T11_EpochExhaustedByFailingFences(FaultKind kind)
    {
        var broker = SteppedBroker.Create();
        var client = new NetworkProducer(broker.Engine, "t");
        var before = client.Init().Identity;
        broker.Disk.FailAt(broker.Disk.Operations + 1, kind);
        for (var attempt = 0; attempt < 40_000; attempt++)
        {
            try
            {
                client.Init();
                Assert.Fail("A fence that is not on disk was answered.");
            }
            catch (StorageException)
            {
            }
        }

        var next = broker.Revive();
        var after = client.On(next.Engine);
        after.Init().IsRefused.Should().BeFalse();
        after.Identity.Should().Be(before with { Epoch = (short)(before.Epoch + 1) });
    }

    // KAFKA-18660. At the last epoch the answer paired the old id with the new epoch, and the next transaction fenced itself. A thousand transactions go
    // through the change again and again, because each few of them begin three below the last epoch.
    [Fact]
    public async Task Museum_T12_RotationToANewProducerId()
    {
        await using var broker = await OpenAsync();
        var written = 0;
        var ids = new HashSet<long>();
        for (var round = 0; round < 250; round++)
        {
            Plant(broker.Engine, $"t{round}", ProducerIdentity.LastClientEpoch - 3);
            var producer = await SignedProducer.OpenAsync(broker, $"t{round}");
            var first = producer.Identity;
            for (var transaction = 0; transaction < 4; transaction++)
            {
                ids.Add(producer.Identity.Id);
                await producer.WriteAsync(First, 0, $"{written++}");
                var lost = producer.As(producer.Identity);
                await producer.EndAsync(commit: true);
                await lost.EndAsync(commit: true);
                lost.Identity.Should().Be(producer.Identity, "the answer is the same when it has to be asked for again");
            }
            producer.Identity.Id.Should().NotBe(first.Id);
            producer.Identity.Epoch.Should().Be(1, "the epochs begin anew");
        }

        written.Should().Be(1_000);
        ids.Should().HaveCount(500);
        (await broker.ReadAsync()).Should().Equal(Enumerable.Range(0, written).Select(value => $"{value}"));
        lock (broker.Engine.State.Lock)
            broker.Engine.State.Transactions.AssertInvariants();
    }

    // KAFKA-19367. InitProducerId bumped the epoch, and the abort that it caused bumped it again: 32766, 32767, negative. For every client, with and without
    // its old identity.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Museum_T13_BumpedTwice(bool strictKafka)
    {
        foreach (var client in new[] { LiveCoordinator.Local, LiveCoordinator.V1, LiveCoordinator.V2 })
            foreach (var epoch in new short[] { 32764, 32765, 32766 })
                foreach (var isKnown in new[] { false, true })
                {
                    var live = new LiveCoordinator(new TransactionRules { StrictKafka = strictKafka });
                    var old = live.Plant("t", epoch, client);
                    live.Enrol("t", old, client);
                    var taken = live.Init("t", client, expected: isKnown ? old : null);
                    if (taken.Verdict == TransactionVerdict.ConcurrentTransactions)
                        taken = live.Init("t", client, expected: isKnown ? old : null);

                    taken.Verdict.Should().Be(TransactionVerdict.None, $"{client}, epoch {epoch}");
                    live.Markers.Should().ContainSingle().Which.Commit.Should().BeFalse();
                    taken.Identity.Epoch.Should().BeInRange(0, ProducerIdentity.LastClientEpoch);
                    taken.Identity.Should().NotBe(old);
                    live.Enrol("t", taken.Identity, client).Verdict.Should().Be(TransactionVerdict.None);
                    live.End("t", taken.Identity, commit: true, client).Verdict.Should().Be(TransactionVerdict.None);
                    live.Enrol("t", old, client).IsRefused.Should().BeTrue("the old one is fenced");
                }
    }

    // KAFKA-20090. At the last epoch the timeout's abort forgot to rotate, and the client's own late abort was taken for its repetition: the transaction stayed
    // open.
    [Theory]
    [InlineData(1, 32765)]
    [InlineData(1, 32766)]
    [InlineData(2, 32765)]
    [InlineData(2, 32766)]
    public async Task Museum_T14_TimeoutAtTheLastEpoch(int version, short epoch)
    {
        var generation = (TransactionGeneration)version;
        await using var broker = await OpenAsync(partitions: 2);
        Plant(broker.Engine, "t", (short)(epoch - 1), generation);
        var client = new NetworkProducer(broker.Engine, "t", generation);
        client.Init(timeoutMs: 1_000).Identity.Epoch.Should().Be(epoch);
        client.Append(First, 0, "late").Error.Should().Be(ErrorCode.None);
        var old = client.Identity;
        broker.Clock.Advance(TimeSpan.FromMilliseconds(1_001));
        (broker.Offsets(First).LastStable, broker.Offsets(First).HighWatermark).Should().Be((2, 2), "the transaction has ended");

        var lateAbort = client.End(commit: false);
        client.Identity = old;
        client.End(commit: false).Verdict.Should().Be(lateAbort.Verdict, "asked again it says the same");

        (broker.Offsets(First).LastStable, broker.Offsets(First).HighWatermark).Should().Be((2, 2));
        client.Identity = old;
        client.Append(First, 1, "zombie").Error.Should().NotBe(ErrorCode.None);
        client.Init().IsRefused.Should().BeFalse();
        client.Identity.Epoch.Should().BeInRange(0, ProducerIdentity.LastClientEpoch);
        client.Identity.Should().NotBe(old);
        client.Append(First, 0, "next").Error.Should().Be(ErrorCode.None);
        client.End(commit: true).IsRefused.Should().BeFalse();
        (await broker.ReadAsync()).Should().Equal("next");
    }

    /// <summary>An id whose epoch thousands of transactions have driven up; in memory, where nobody replays how it came there.</summary>
    private static void Plant(BrokerEngine engine, string id, int epoch, TransactionGeneration generation = TransactionGeneration.V2)
    {
        lock (engine.State.Lock)
        {
            var created = engine.State.Transactions.DecideInitProducer(new InitProducerCommand(id, TransactionClient.Network(generation, "the past")), engine.NowMs);
            foreach (var record in created.Records)
                engine.State.Transactions.Apply(record is EntryRecord entry ? entry with { Identity = entry.Identity with { Epoch = (short)epoch } } : record);
        }
    }
}
