using ExactlyOnce.Engine.Backend;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Partitions;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Transactions;
using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Tests.Engine.Semantics;
using ExactlyOnce.Tests.Kernel.Partitions;
using ExactlyOnce.Tests.Kernel.Transactions;
using static ExactlyOnce.Tests.Engine.Semantics.TestBroker;

namespace ExactlyOnce.Tests.Museum;

/// <summary>How a decided transaction becomes a complete one: lost, doubled, stale and repeated completions, failed log writes, and loading.</summary>
public sealed class CompletionMuseumTests
{
    // KAFKA-9777, KAFKA-8334. Whoever met a held lock left the completion to somebody else, and nobody did it. Each partition of the transaction is held by a
    // thread of its own while the commit runs, and let go in every order.
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(0, 1)]
    [InlineData(1, 0)]
    public async Task Museum_T06_LastCompletionLost(params int[] order)
    {
        await using var broker = await OpenAsync(partitions: 2);
        var producer = await SignedProducer.OpenAsync(broker, "t");
        await producer.WriteAsync(First, 0, "a");
        await producer.WriteAsync(Second, 0, "b");
        var holders = order.ToDictionary(index => index, index => new LockHolder(broker.Engine.Partitions.Find(new TopicPartition("orders", index))!));

        var committing = Task.Run(() => producer.EndAsync(commit: true));
        foreach (var index in order)
        {
            committing.IsCompleted.Should().BeFalse("a partition of it is held");
            holders[index].Release();
        }
        await committing.WaitAsync(Soon);

        (await broker.ReadAsync()).Should().BeEquivalentTo(["a", "b"]);
        foreach (var partition in new[] { First, Second })
            broker.Offsets(partition).LastStable.Should().Be(broker.Offsets(partition).HighWatermark);
    }

    // KAFKA-16352. The late completion of one transaction removed what was noted for the next, which stood in prepare for ever.
    [Fact]
    public void Museum_T07_StaleCompletion()
    {
        var live = new LiveCoordinator();
        var first = live.Init("t", LiveCoordinator.V2).Identity;
        live.Enrol("t", first, LiveCoordinator.V2);
        var second = live.End("t", first, commit: true, LiveCoordinator.V2, hold: true).Identity;
        live.Enrol("t", second, LiveCoordinator.V2).Verdict.Should().Be(TransactionVerdict.ConcurrentTransactions, "the first is not complete");
        live.Complete("t", 1);
        live.Enrol("t", second, LiveCoordinator.V2).Verdict.Should().Be(TransactionVerdict.None);

        var stale = live.State.DecideComplete("t", 2);

        (stale.Verdict, stale.Records.Length).Should().Be((TransactionVerdict.InvalidTransactionState, 0));
        live.State.TryGet("t")!.State.Should().Be(TransactionState.Ongoing);
        live.End("t", second, commit: true, LiveCoordinator.V2).Verdict.Should().Be(TransactionVerdict.None);
        live.State.TryGet("t")!.State.Should().Be(TransactionState.CompleteCommit);
    }

    // KAFKA-10080. Two threads completed the same transaction; the second record, behind the begin of the next one, could end it. Threads commit the same
    // transaction at the same time, and whoever is answered first begins the next.
    [Fact]
    public async Task Museum_T08_CompletedTwice()
    {
        await using var broker = await OpenAsync();
        var producer = new NetworkProducer(broker.Engine, "t");
        producer.Init();
        for (var round = 0; round < 200; round++)
        {
            producer.Append(First, 0, $"{round}").Error.Should().Be(ErrorCode.None);
            using var start = new Barrier(3);
            var began = 0;
            var ends = Enumerable.Range(0, 3).Select(_ => Task.Factory.StartNew(() =>
            {
                var own = producer.On(broker.Engine);
                start.SignalAndWait();
                own.End(commit: true).Verdict.Should().BeOneOf([TransactionVerdict.None, TransactionVerdict.ProducerFenced], "the next one may be open already");
                if (own.Identity != producer.Identity && Interlocked.Exchange(ref began, 1) == 0)
                    own.Append(First, 0, $"next of {round}").Error.Should().Be(ErrorCode.None);
                return own.Identity;
            }, TaskCreationOptions.LongRunning)).ToArray();

            producer.Identity = (await Task.WhenAll(ends)).Where(identity => identity != producer.Identity).Distinct().Should().ContainSingle().Which;
            broker.Engine.State.Transactions.TryGet("t")!.State.Should().Be(TransactionState.Ongoing, "the next one is open");
            broker.Offsets(First).HighWatermark.Should().Be((round * 4) + 3, "one marker each");
            producer.End(commit: false).IsRefused.Should().BeFalse();
        }
        (await broker.ReadAsync()).Should().Equal(Enumerable.Range(0, 200).Select(round => $"{round}"));
    }

    // KAFKA-19999. After a crash between the markers and "complete" the same markers were refused as stale, so the transaction was in prepare for ever. In the
    // kernel the crash comes behind each of three markers; on disk, where decision and markers are one frame, at every operation.
    [Fact]
    public void Museum_T15_MarkerRepeatedAfterACrash()
    {
        for (var written = 0; written <= 3; written++)
        {
            var live = new LiveCoordinator();
            var identity = live.Init("t", LiveCoordinator.V2).Identity;
            live.Enrol("t", identity, LiveCoordinator.V2);
            live.End("t", identity, commit: true, LiveCoordinator.V2, hold: true);
            PartitionUnderTest[] partitions = [.. Enumerable.Range(0, 3).Select(_ => new PartitionUnderTest(PartitionRules.Default))];
            foreach (var partition in partitions)
                partition.Produce(PartitionUnderTest.Data(identity.Id, identity.Epoch, 0, 1, transactional: true), AppendOrigin.ClientEnrolledV2);
            foreach (var partition in partitions[..written])
                partition.Marker(identity.Id, (short)(identity.Epoch + 1), commit: true, MarkerGeneration.V2).IsAppend.Should().BeTrue();

            live.Reload();
            var again = live.State.DecideAfterRestart(5).Should().ContainSingle().Which;
            foreach (var partition in partitions)
            {
                partition.Restart();
                partition.Marker(again.Markers!.Identity.Id, again.Markers.Identity.Epoch, again.Markers.Commit, MarkerGeneration.V2).IsAppend.Should().BeTrue("a repeated marker is harmless");
                (partition.State.OpenTransactions.Count, partition.State.LastStableOffset).Should().Be((0, partition.State.LogEndOffset));
                partition.State.Aborted.Published.Entries.Length.Should().Be(0);
            }
            live.Do(again, 5);
            live.State.TryGet("t")!.State.Should().Be(TransactionState.CompleteCommit);
            live.State.DecideAfterRestart(6).Should().BeEmpty();
        }
    }

    [Theory]
    [InlineData(CrashProfile.Prefix)]
    [InlineData(CrashProfile.LostSectors)]
    [InlineData(CrashProfile.Torn)]
    [InlineData(CrashProfile.AllSurvive)]
    public void Museum_T15_MarkerRepeatedAfterACrash_OnDisk(CrashProfile profile)
    {
        for (var operation = 1; ; operation++)
        {
            var broker = SteppedBroker.Create();
            var producer = broker.Run(() => SignedProducer.OpenAsync(broker.Backend, "t"));
            foreach (var partition in new[] { First, Second, new TopicPartition("invoices", 0) })
                broker.Run(() => producer.WriteAsync(partition, 0, "x"));
            broker.Disk.CrashAt(broker.Disk.Operations + operation);
            broker.Try(() => producer.EndAsync(commit: true));
            if (!broker.Disk.HasCrashed)
                break;
            var next = broker.Revive(profile, operation);
            var (orders, invoices) = (next.Read().Count, next.Read(Invoices).Count);
            (orders, invoices).Should().BeOneOf((0, 0), (2, 1));
            next.AssertNothingHangs();
            next.Run(() => SignedProducer.OpenAsync(next.Backend, "t")).Identity.Epoch.Should().BePositive("the id is usable");
        }
    }

    // KAFKA-18227. After an upgrade partitions were attached to the last old-style transaction. A transaction is begun in one generation, or under one set of
    // rules, and goes on under the other after a restart.
    [Theory]
    [InlineData(1, 2, false)]
    [InlineData(2, 1, false)]
    [InlineData(1, 2, true)]
    [InlineData(2, 1, true)]
    public void Museum_T17_UpgradeInsideATransaction(int first, int second, bool commits)
    {
        var (before, after) = ((TransactionGeneration)first, (TransactionGeneration)second);
        foreach (var clean in new[] { true, false })
        {
            var broker = SteppedBroker.Create(SteppedBroker.Small with { StrictKafka = before == TransactionGeneration.V1 });
            var client = new NetworkProducer(broker.Engine, "t", before);
            client.Init();
            client.Append(First, 0, "old style").Error.Should().Be(ErrorCode.None);
            var options = broker.Options with { StrictKafka = after == TransactionGeneration.V1 };
            var next = clean ? broker.Reopen(options) : broker.Revive(options: options);

            var upgraded = client.On(next.Engine, after);
            upgraded.Append(First, 1, "new style");
            upgraded.Append(Second, 0, "new style, elsewhere");
            var end = upgraded.End(commits);

            var all = next.Read();
            if (end.IsRefused || !commits)
                all.Should().BeEmpty();
            else
                all.Should().BeEquivalentTo(["old style", "new style", "new style, elsewhere"], "it is one transaction");
            next.AssertNothingHangs();
            upgraded.Init().IsRefused.Should().BeFalse();
        }
    }

    // KAFKA-5351, KAFKA-7519. A failed write of the transaction log left a transition pending, and every later call was told to come back, until the next
    // restart. Each disk operation of a producer's life fails once.
    [Fact]
    public void Museum_T19_PendingAfterAFailedLogWrite()
    {
        var stopped = 0;
        for (var operation = 1; ; operation++)
        {
            var broker = SteppedBroker.Create();
            var last = broker.Disk.Operations + operation;
            broker.Disk.FailAt(last, operation % 2 == 0 ? FaultKind.IoError : FaultKind.NoSpace);
            var failure = broker.Try(() => LiveAsync(broker.Backend));
            if (broker.Disk.Operations < last)
            {
                failure.Should().BeNull();
                operation.Should().BeGreaterThan(20);
                break;
            }
            if (failure is not null)
            {
                stopped++;
                for (var again = 0; again < 3; again++)
                    broker.Try(() => LiveAsync(broker.Backend))!.Recovery.Should().Be(ErrorRecovery.Stop, "nobody is told to come back to a broker that has stopped");
            }
            var next = broker.Revive(CrashProfile.LostSectors, operation);
            next.AssertNothingHangs();
            next.Try(() => LiveAsync(next.Backend)).Should().BeNull("the id is as good as new");
        }
        stopped.Should().BePositive();
    }

    // KAFKA-9065. With nothing between the last record and the end of the log the loader never arrived. Here the journal ends in empty groups, and a compacted
    // segment in an aborted transaction of which only the marker is left.
    [Fact]
    public void Museum_T23_InfiniteLoopWhileLoading()
    {
        var broker = SteppedBroker.Create(topic: options =>
        {
            options.Cleanup = CleanupPolicy.Compact;
            options.SegmentBytes = 32 << 10;
        });
        broker.Run(() => broker.Broker.CreateProducer(Orders).Build().SendAsync(new ProducerRecord<string, string>("k", "first") { Partition = 0 }).AsTask());
        var plain = broker.Run(() => SignedProducer.OpenAsync(broker.Backend));
        var aborting = broker.Run(() => SignedProducer.OpenAsync(broker.Backend, "t"));
        for (var sequence = 0; sequence < 150; sequence++)
            broker.Run(() => aborting.WriteAsync(First, sequence, new string('x', 1_000)));
        broker.Run(() => aborting.EndAsync(commit: false));
        broker.Engine.Checkpoint();
        broker.Engine.CompactLogs(broker.Engine.NowMs);
        var end = broker.Offsets(First).HighWatermark;
        end.Should().Be(152);
        for (var run = 0; run < 3; run++)
        {
            broker.Engine.Journal.VouchIfIdle();
            broker.Engine.Journal.VouchIfIdle();
            broker = run == 1 ? broker.Reopen() : broker.Revive(CrashProfile.AllSurvive, run);
            broker.Offsets(First).HighWatermark.Should().Be(end);
            broker.Run(() => plain.On(broker.Backend).WriteAsync(First, run, "next")).Should().Be(end++);
        }
        broker.Read().Should().Equal("first", "next", "next", "next");
    }

    // KAFKA-9307, KAFKA-10614. A coordinator that was loaded again refused what it had in memory, or missed an unload that came late. Here it is loaded once
    // per opening: five openings in a row, by crash and clean, and a second opening beside the first.
    [Fact]
    public void Museum_T24_ReloadOverOldState()
    {
        var broker = SteppedBroker.Create();
        var client = new NetworkProducer(broker.Engine, "t");
        client.Init();
        for (var run = 0; run < 6; run++)
        {
            client.Append(First, 0, $"{run}").Error.Should().Be(ErrorCode.None);
            client.End(commit: run % 2 == 0).IsRefused.Should().BeFalse();
            client.Append(Second, 0, "open").Error.Should().Be(ErrorCode.None);
            var before = LiveCoordinator.Snapshot(broker.Engine.State.Transactions);
            FluentActions.Invoking(() => SteppedBroker.Open(broker.Disk)).Should().Throw<StorageException>().Which.Code.Should().Be(ErrorCode.DirectoryInUse);

            broker = run % 3 == 1 ? broker.Reopen() : broker.Revive(CrashProfile.LostSectors, run);
            LiveCoordinator.Snapshot(broker.Engine.State.Transactions).Should().Equal(before, "what was loaded is what was there");
            client = client.On(broker.Engine);
            client.End(commit: false).IsRefused.Should().BeFalse("the open one is the client's still");
        }
        broker.Read().Should().Equal("0", "2", "4");
    }

    private static async Task LiveAsync(EngineBackend backend)
    {
        var producer = await SignedProducer.OpenAsync(backend, "t");
        for (var transaction = 0; transaction < 4; transaction++)
        {
            await WriteAsync(producer, First, 0);
            await WriteAsync(producer, Second, 0);
            await WriteAsync(producer, First, 1);
            await producer.EndAsync(commit: transaction % 2 == 0);
        }
    }

    private static async Task WriteAsync(SignedProducer producer, TopicPartition partition, int sequence)
    {
        var outcome = await producer.AppendAsync(partition, sequence, "x");
        if (outcome.Exception is { } exception)
            throw exception;
    }

    /// <summary>A thread that holds a partition's lock, as a reader of its state would.</summary>
    private sealed class LockHolder
    {
        private readonly ManualResetEventSlim _release = new();
        private readonly Thread _thread;

        public LockHolder(Partition partition)
        {
            using var held = new ManualResetEventSlim();
            _thread = new Thread(() =>
            {
                using (partition.Lock.Enter())
                {
                    held.Set();
                    _release.Wait();
                }
            });
            _thread.Start();
            held.Wait();
        }

        public void Release()
        {
            _release.Set();
            _thread.Join();
        }
    }
}
