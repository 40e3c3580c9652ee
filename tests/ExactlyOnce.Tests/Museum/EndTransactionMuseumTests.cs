using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Kernel.Partitions;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Kernel.Transactions;
using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Tests.Engine.Semantics;
using ExactlyOnce.Tests.Kernel.Transactions;
using static ExactlyOnce.Tests.Engine.Semantics.TestBroker;

namespace ExactlyOnce.Tests.Museum;

/// <summary>Ends of transactions that were late, repeated, refused, empty or failed.</summary>
public sealed class EndTransactionMuseumTests
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(30);

    // KAFKA-17754, KIP-890; Jepsen on Bufstream 2024. EndTxn named the producer and not the transaction, so a delayed copy ended the next one. Here the request
    // is held, its retry succeeds, one to five transactions later the held one arrives in the middle.
    [Theory]
    [MemberData(nameof(HeldEnds))]
    public async Task Museum_T01_DelayedEndTxn(bool heldCommit, bool nextCommit, int later)
    {
        await using var broker = await OpenAsync();
        var producer = await SignedProducer.OpenAsync(broker, "t");
        await producer.WriteAsync(First, 0, "1");
        var held = producer.As(producer.Identity);
        await producer.EndAsync(heldCommit);
        for (var between = 1; between < later; between++)
        {
            await producer.WriteAsync(First, 0, $"between {between}");
            await producer.EndAsync(commit: true);
        }

        await producer.WriteAsync(First, 0, "a");
        await FluentActions.Awaiting(() => held.EndAsync(heldCommit)).Should().ThrowAsync<BrokerException>();
        await producer.WriteAsync(First, 1, "b");
        await producer.EndAsync(nextCommit);
        if (later > 1)
            await FluentActions.Awaiting(() => held.EndAsync(heldCommit)).Should().ThrowAsync<BrokerException>("nor can it be answered when nothing is open");

        string[] expected =
            [.. heldCommit ? ["1"] : Array.Empty<string>(), .. Enumerable.Range(1, later - 1).Select(between => $"between {between}"), .. nextCommit ? ["a", "b"] : Array.Empty<string>()];
        (await broker.ReadAsync()).Should().Equal(expected);
    }

    // The same without a network: CommitAsync is on its way to the disk when its caller gives up. It goes on, and nothing of this producer can begin before it
    // has ended.
    [Fact]
    public async Task Museum_T01_DelayedEndTxn_CommitWhoseCallerCancelled()
    {
        await using var held = await HeldBroker.OpenAsync();
        await using var producer = await held.Broker.TransactionalAsync();
        using var cancellation = new CancellationTokenSource();
        var first = await producer.BeginTransactionAsync();
        await first.SendAsync(Orders, "k", "1");
        held.Disk.Hold();
        var committing = first.CommitAsync(cancellation.Token).AsTask();
        held.Disk.AwaitArrival();
        await cancellation.CancelAsync();

        await FluentActions.Awaiting(async () => await producer.BeginTransactionAsync()).Should().ThrowAsync<InvalidOperationException>("the first is still being ended");
        await FluentActions.Awaiting(async () => await first.AbortAsync()).Should().ThrowAsync<InvalidOperationException>();
        committing.IsCompleted.Should().BeFalse("it is not known yet how it ends");
        held.Disk.Release();
        await committing.WaitAsync(Soon);
        await using (var second = await producer.BeginTransactionAsync())
            await second.SendAsync(Orders, "k", "a");

        (await held.Broker.ReadAsync()).Should().Equal("1");
    }

    // KAFKA-9600. Relaxed checks let a client end a transaction with an epoch it never was given. Every call is tried with every epoch nearby and a stranger's
    // id, in every state.
    [Theory]
    [InlineData("Empty")]
    [InlineData("Ongoing")]
    [InlineData("CompleteCommit")]
    [InlineData("CompleteAbort")]
    public async Task Museum_T09_EndWithAWrongEpoch(string state)
    {
        await using var broker = await OpenAsync(partitions: 2);
        var transactions = broker.Engine.Transactions;
        for (var bump = 0; bump < 3; bump++)
            await SignedProducer.OpenAsync(broker, "t");
        var producer = await SignedProducer.OpenAsync(broker, "t");
        if (state != "Empty")
            await producer.WriteAsync(First, 0, "a");
        if (state.StartsWith("Complete", StringComparison.Ordinal))
            await producer.EndAsync(commit: state == "CompleteCommit");
        var (id, epoch) = producer.Identity;
        var offsets = new TransactionOffsets("g", null, new Dictionary<TopicPartition, CommittedOffset> { [Second] = new(7) });

        foreach (var wrong in new ProducerIdentity[] { new(id, (short)(epoch - 1)), new(id, (short)(epoch + 1)), new(id, (short)(epoch + 2)), new(id + 1, epoch) })
        {
            SignedProducer Stranger() => producer.As(wrong);
            var before = (LiveCoordinator.Snapshot(broker.Engine.State.Transactions), broker.Offsets(First), broker.Offsets(Second));
            (await Stranger().AppendAsync(First, 0, "x")).Error.Should().NotBe(ErrorCode.None);
            (await Stranger().AppendAsync(Second, 0, "x")).Error.Should().NotBe(ErrorCode.None);
            foreach (var commit in new[] { true, false })
            {
                if (wrong.Id == id && wrong.Epoch == epoch - 1 && state == (commit ? "CompleteCommit" : "CompleteAbort"))
                    await Stranger().EndAsync(commit);
                else
                    await FluentActions.Awaiting(() => Stranger().EndAsync(commit)).Should().ThrowAsync<BrokerException>();
            }
            await FluentActions.Awaiting(() => Stranger().EndAsync(commit: true, offsets)).Should().ThrowAsync<BrokerException>();
            await FluentActions.Awaiting(async () => await broker.Backend.PrepareTransactionAsync(Stranger().Session, [offsets])).Should().ThrowAsync<BrokerException>();
            if (wrong.Epoch > epoch || wrong.Id != id)
                transactions.InitProducer(new InitProducerCommand("t", TransactionClient.InProcess("x")) { Expected = wrong }, broker.Engine.NowMs)
                    .Decision.Verdict.Should().Be(TransactionVerdict.ProducerFenced);
            var after = (LiveCoordinator.Snapshot(broker.Engine.State.Transactions), broker.Offsets(First), broker.Offsets(Second));
            after.Should().BeEquivalentTo(before, $"{wrong} is not {producer.Identity}");
        }
        (await broker.Admin.GetGroupOffsetsAsync("g", "orders")).Should().BeEmpty();
    }

    // KAFKA-6119, and again in Redpanda 2024. A timed-out transaction was aborted, its producer was not fenced, went on, and committed the rest. Also with the
    // timeout between the first look at the next batch and its append.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Museum_T10_TimeoutWithoutFencing(bool betweenValidationAndAppend)
    {
        await using var broker = await OpenAsync(partitions: 2);
        var producer = await SignedProducer.OpenAsync(broker, "t", s_timeout);
        await producer.WriteAsync(First, 0, "r1");
        var target = broker.Engine.Partitions.Find(Second)!;
        var (header, batch) = SignedProducer.Batch(producer.Identity, 0, broker.Engine.NowMs, BatchAttributes.Transactional, "r2");

        if (betweenValidationAndAppend)
            target.Append(header, batch, AppendOrigin.Client, broker.Engine.NowMs).NeedsEnrolment.Should().BeTrue();
        broker.Clock.Advance(s_timeout + TimeSpan.FromMilliseconds(1));
        var receipt = broker.Engine.Transactions.EnrolAndAppend(target, "t", TransactionClient.InProcess("t"), header, batch, broker.Engine.NowMs, out _, out _);

        receipt.Error.Should().Be(ErrorCode.TransactionTimedOut);
        await FluentActions.Awaiting(() => producer.EndAsync(commit: true)).Should().ThrowAsync<TransactionTimedOutException>();
        (await broker.ReadAsync()).Should().BeEmpty();
        (await broker.ReadAsync(isolation: IsolationLevel.ReadUncommitted)).Should().Equal("r1");
    }

    // KAFKA-20785. A commit that came a moment after the coordinator's own abort was told "invalid state", which is fatal, in the place of "fenced", after
    // which one can begin anew.
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Museum_T18_CommitRacingACoordinatorAbort(int generation)
    {
        await using var broker = await OpenAsync(partitions: 2);
        var client = new NetworkProducer(broker.Engine, "network", (TransactionGeneration)generation);
        client.Init(timeoutMs: (int)s_timeout.TotalMilliseconds);
        client.Append(First, 0, "late").Error.Should().Be(ErrorCode.None);
        var local = await SignedProducer.OpenAsync(broker, "local", s_timeout);
        await local.WriteAsync(First, 0, "late too");

        broker.Clock.Advance(s_timeout + TimeSpan.FromMilliseconds(1));
        client.End(commit: true).Verdict.Should().Be(TransactionVerdict.ProducerFenced);
        var told = (await FluentActions.Awaiting(() => local.EndAsync(commit: true)).Should().ThrowAsync<TransactionTimedOutException>()).Which;

        told.Recovery.Should().Be(ErrorRecovery.AbortTransaction, "in process one hears that it was not fenced by another");
        client.Init().IsRefused.Should().BeFalse();
        client.Append(First, 0, "again").Error.Should().Be(ErrorCode.None);
        client.End(commit: true).IsRefused.Should().BeFalse();
        await local.EndAsync(commit: false);
        await local.WriteAsync(First, 0, "again too");
        await local.EndAsync(commit: true);
        (await broker.ReadAsync()).Should().Equal("again", "again too");
    }

    // Redpanda ff95615cdc and 2835bb000c. After a crash in the middle of a commit its retry was refused, or a completed one answered "invalid state". The power
    // fails at every disk operation of the commit, the client asks three times.
    [Theory]
    [InlineData(CrashProfile.Prefix)]
    [InlineData(CrashProfile.LostSectors)]
    [InlineData(CrashProfile.Torn)]
    [InlineData(CrashProfile.AllSurvive)]
    public void Museum_T25_CommitRepeatedAfterACrash(CrashProfile profile)
    {
        var survived = 0;
        for (var operation = 1; ; operation++)
        {
            var broker = SteppedBroker.Create();
            var client = new NetworkProducer(broker.Engine, "t");
            client.Init();
            client.Append(First, 0, "a").Error.Should().Be(ErrorCode.None);
            client.Append(Second, 0, "b").Error.Should().Be(ErrorCode.None);
            broker.Disk.CrashAt(broker.Disk.Operations + operation);
            var before = client.Identity;
            var isAcknowledged = broker.Try(() => Task.FromResult(client.End(commit: true))) is null;
            if (!broker.Disk.HasCrashed)
                break;

            var next = broker.Revive(profile, operation);
            survived += next.Read().Count > 0 ? 1 : 0;
            var again = client.On(next.Engine);
            for (var attempt = 0; attempt < 3; attempt++)
            {
                again.Identity = before;
                again.End(commit: true).Verdict.Should().Be(TransactionVerdict.None, $"operation {operation}, attempt {attempt}");
                again.Identity.Should().Be(before with { Epoch = (short)(before.Epoch + 1) });
            }
            next.Read().Should().BeEquivalentTo(["a", "b"]);
            next.AssertNothingHangs();
            isAcknowledged.Should().BeFalse();
            operation.Should().BeLessThan(50);
        }
        if (profile == CrashProfile.AllSurvive)
            survived.Should().BePositive("some of the commits were on disk when the process died");
    }

    // Redpanda 38970376d0. Abort looked for data only and left a begun transaction alive; a late batch then found it. Also empty commits, empty aborts, and
    // offsets alone.
    [Fact]
    public async Task Museum_T26_TransactionWithoutData()
    {
        var live = new LiveCoordinator();
        var identity = live.Init("t", LiveCoordinator.V2).Identity;
        live.Enrol("t", identity, LiveCoordinator.V2);
        live.End("t", identity, commit: false, LiveCoordinator.V2).Identity.Should().Be(identity with { Epoch = 1 });
        live.Enrol("t", identity, LiveCoordinator.V2).Verdict.Should().Be(TransactionVerdict.InvalidProducerEpoch, "the late batch asks for its enrolment");
        live.State.TryGet("t")!.State.Should().Be(TransactionState.CompleteAbort);

        await using var broker = await OpenAsync(partitions: 2);
        var producer = await SignedProducer.OpenAsync(broker, "t");
        foreach (var commit in new[] { true, false, false, true })
            await producer.EndAsync(commit);
        broker.Offsets(First).HighWatermark.Should().Be(0);
        foreach (var commit in new[] { false, true })
        {
            var late = producer.As(producer.Identity);
            await producer.EndAsync(commit, Offset(commit ? 5 : 4));
            if (commit)
                (await late.AppendAsync(First, 0, "late")).Error.Should().NotBe(ErrorCode.None);
        }
        (await broker.Admin.GetGroupOffsetsAsync("g", "orders"))[Second].Offset.Should().Be(5);
        (broker.Offsets(First).LastStable, broker.Offsets(First).HighWatermark).Should().Be((0, 0));
    }

    // librdkafka 1.6.0, franz-go 1.21.4. A refused commit was told as a success, and the consumer's position moved. The disk fails at every operation of a
    // commit, in both ways.
    [Theory]
    [InlineData(FaultKind.IoError)]
    [InlineData(FaultKind.NoSpace)]
    public void Museum_T31_FailedCommitToldAsSuccess(FaultKind kind)
    {
        for (var operation = 1; ; operation++)
        {
            var broker = SteppedBroker.Create();
            var producer = broker.Run(() => SignedProducer.OpenAsync(broker.Backend, "t"));
            broker.Run(() => producer.WriteAsync(First, 0, "a"));
            var last = broker.Disk.Operations + operation;
            broker.Disk.FailAt(last, kind);
            var failure = broker.Try(() => producer.EndAsync(commit: true, new TransactionOffsets(
                SteppedBroker.Group, null, new Dictionary<TopicPartition, CommittedOffset> { [Second] = new(9) })));
            if (broker.Disk.Operations < last)
            {
                failure.Should().BeNull();
                break;
            }
            failure.Should().NotBeNull($"operation {operation} failed");
            failure!.Code.Should().Be(ErrorCode.OutcomeUnknown);
            broker.Read().Should().BeEmpty("nothing is shown that is not known to be durable");

            var next = broker.Revive(CrashProfile.LostSectors, operation);
            next.CommittedOffset(Second).Should().Be(next.Read().Count > 0 ? 9 : null, "the position moves with the records or not at all");
            next.AssertNothingHangs();
        }
    }

    // In the public API "unknown" and "failed" are two types: after the first the records may be there, after the second never.
    [Theory]
    [InlineData(FaultKind.IoError)]
    [InlineData(FaultKind.NoSpace)]
    public void Museum_T31_FailedCommitToldAsSuccess_UnknownIsNotFailed(FaultKind kind)
    {
        var unknown = 0;
        for (var operation = 1; ; operation++)
        {
            var broker = SteppedBroker.Create();
            var producer = broker.Run(() => broker.Broker.CreateTransactionalProducerAsync("t"));
            var last = broker.Disk.Operations + operation;
            broker.Disk.FailAt(last, kind);
            var failure = broker.Try(async () =>
            {
                var transaction = await producer.BeginTransactionAsync();
                await transaction.SendAsync(Orders, "k", "a");
                await transaction.CommitAsync();
            });
            if (broker.Disk.Operations < last)
                break;
            failure.Should().NotBeNull();
            foreach (var profile in new[] { CrashProfile.LostSectors, CrashProfile.AllSurvive })
            {
                var found = broker.Revive(profile, operation).Read();
                if (failure is not TransactionOutcomeUnknownException)
                    found.Should().BeEmpty($"{failure!.GetType().Name} says that it was not committed");
            }
            unknown += failure is TransactionOutcomeUnknownException ? 1 : 0;
        }
        unknown.Should().BePositive();
    }

    [Fact]
    public async Task Museum_T31_FailedCommitToldAsSuccess_FencedOrTimedOut()
    {
        await using var broker = await OpenAsync();
        var fenced = await SignedProducer.OpenAsync(broker, "t", s_timeout);
        await fenced.WriteAsync(First, 0, "fenced");
        var late = await SignedProducer.OpenAsync(broker, "t", s_timeout);
        await late.WriteAsync(First, 0, "late");
        await FluentActions.Awaiting(() => fenced.EndAsync(commit: true, Offset(1))).Should().ThrowAsync<ProducerFencedException>();
        broker.Clock.Advance(s_timeout + TimeSpan.FromMilliseconds(1));
        await FluentActions.Awaiting(() => late.EndAsync(commit: true, Offset(2))).Should().ThrowAsync<TransactionTimedOutException>();

        (await broker.ReadAsync()).Should().BeEmpty();
        (await broker.Admin.GetGroupOffsetsAsync("g", "orders")).Should().BeEmpty();
    }

    public static TheoryData<bool, bool, int> HeldEnds()
    {
        var ends = new TheoryData<bool, bool, int>();
        foreach (var heldCommit in new[] { true, false })
            foreach (var nextCommit in new[] { true, false })
                for (var later = 1; later <= 5; later++)
                    ends.Add(heldCommit, nextCommit, later);
        return ends;
    }

    private static TransactionOffsets Offset(long offset) =>
        new("g", null, new Dictionary<TopicPartition, CommittedOffset> { [offset is 1 or 2 ? First : Second] = new(offset) });
}
