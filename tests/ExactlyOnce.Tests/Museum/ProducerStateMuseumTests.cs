using System.Globalization;
using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Engine.Backend;
using ExactlyOnce.Engine.Log;
using ExactlyOnce.Engine.Recovery;
using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Tests.Engine.Semantics;
using ExactlyOnce.Tests.Kernel.Partitions;
using static ExactlyOnce.Tests.Engine.Semantics.TestBroker;

namespace ExactlyOnce.Tests.Museum;

/// <summary>What a broker remembers of its producers, between memory and disk: snapshots, failed appends, truncation.</summary>
public sealed class ProducerStateMuseumTests
{
    // KAFKA-9892. The snapshot was closed and not synced: after a power cut it was empty or old, and the log had moved on. The power fails at every disk
    // operation of a checkpoint; what is recovered is what a scan of everything gives, and that is what was in memory.
    [Theory]
    [InlineData(CrashProfile.Prefix)]
    [InlineData(CrashProfile.LostSectors)]
    [InlineData(CrashProfile.Torn)]
    [InlineData(CrashProfile.AllSurvive)]
    public void Museum_P01_SnapshotNotSynced(CrashProfile profile)
    {
        for (var operation = 1; ; operation++)
        {
            var (broker, producers) = Filled();
            var expected = PartitionUnderTest.SnapshotOf(broker.Partition(First).State);
            broker.Disk.CrashAt(broker.Disk.Operations + operation);
            try
            {
                broker.Engine.Checkpoint();
                operation.Should().BeGreaterThan(5);
                break;
            }
            catch (Exception) when (broker.Disk.HasCrashed)
            {
            }
            var next = broker.Revive(profile, operation);
            PartitionUnderTest.SnapshotOf(next.Partition(First).State).Should().Equal(expected, $"{profile} at operation {operation}");
            foreach (var producer in producers)
                next.Run(() => producer.On(next.Backend).AppendAsync(First, 2, "2")).IsDuplicate.Should().BeTrue();
        }
    }

    // KAFKA-5747, KAFKA-5435. A broken snapshot was met with an exception nobody caught, or believed. Of our checkpoint every byte is flipped, cut off and
    // added to: it is told as damage and never read as another state. The snapshot files that lie there for Kafka's tools may be anything.
    [Fact]
    public void Museum_P02_CorruptSnapshot()
    {
        var (broker, _) = Filled(fillerBytes: 2_000);
        broker.Engine.Checkpoint();
        var root = broker.Disk.List(SteppedBroker.Root).Single(name => Directories.CheckpointNumber(name) >= 0);
        var path = $"{SteppedBroker.Root}/{root}";
        var bytes = broker.Disk.ReadAll(path);
        for (var at = 0; at < bytes.Length; at += at < 64 ? 1 : 7)
        {
            Refuse([.. bytes[..at], (byte)(bytes[at] ^ 0x10), .. bytes[(at + 1)..]], $"byte {at} is another");
            Refuse(bytes[..at], $"it ends at {at}");
        }
        Refuse([.. bytes, 0], "it is longer");
        var folder = $"{SteppedBroker.Root}/{Directories.Topics}/" + broker.Disk.List($"{SteppedBroker.Root}/{Directories.Topics}").First(name => name.Contains("orders-0", StringComparison.Ordinal)).TrimEnd('/');
        var tools = $"{folder}/" + broker.Disk.List(folder).Single(name => name.EndsWith(ProducerSnapshot.Suffix, StringComparison.Ordinal));
        var expected = PartitionUnderTest.SnapshotOf(broker.Partition(First).State);
        var toolBytes = broker.Disk.ReadAll(tools).Length;
        for (var at = 0; at < toolBytes; at += 5)
        {
            var copy = broker.Disk.Crash(CrashProfile.AllSurvive, at);
            copy.Flip(tools, at, 0xFF);
            ProducerSnapshot.TryDecode(copy.ReadAll(tools), out _).Should().BeFalse("its reader sees the damage");
            PartitionUnderTest.SnapshotOf(SteppedBroker.Open(copy).Partition(First).State).Should().Equal(expected);
        }
        broker.Disk.Flip(path, bytes.Length / 2, 1);
        FluentActions.Invoking(() => broker.Revive(CrashProfile.AllSurvive)).Should().Throw<DamagedStorageException>().WithMessage($"*{root}*");

        static void Refuse(byte[] content, string because)
        {
            var disk = new SimulatedDisk();
            using (var file = disk.Open("/checkpoint", ExactlyOnce.Engine.Disk.FileOpening.Create))
                file.Write(0, content);
            FluentActions.Invoking(() => CheckpointFile.Read(disk, "/checkpoint")).Should().Throw<DamagedStorageException>(because);
        }
    }

    // KAFKA-12964. A deletion that was queued by name removed the new file of that name. The topic is deleted and made again under its name, written to as
    // before, and only then are the old files removed.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Museum_P03_DelayedDeleteOfTheSameName(bool clean)
    {
        var (broker, _) = Filled(fillerBytes: 2_000);
        broker.Engine.Checkpoint();
        broker.Run(() => broker.Broker.Admin.DeleteTopicAsync("orders"));
        broker.Run(() => broker.Broker.Admin.CreateTopicAsync("orders", options => options.Partitions = 2));
        var producer = broker.Run(() => SignedProducer.OpenAsync(broker.Backend));
        for (var sequence = 0; sequence < 60; sequence++)
            broker.Run(() => producer.WriteAsync(First, sequence, $"new {sequence}".PadRight(2_000)));
        broker.Engine.Checkpoint();
        broker.Engine.Checkpoint();
        var next = clean ? broker.Reopen() : broker.Revive();
        next.Read().Select(value => value.TrimEnd()).Should().Equal(Enumerable.Range(0, 60).Select(sequence => $"new {sequence}"));
        next.Run(() => producer.On(next.Backend).AppendAsync(First, 59, "new 59")).IsDuplicate.Should().BeTrue();
    }

    // KAFKA-6683. What was remembered of a batch was changed before its append had succeeded; the retry was called a duplicate of nothing. The append fails at
    // every disk operation.
    [Theory]
    [InlineData(FaultKind.IoError, CrashProfile.LostSectors)]
    [InlineData(FaultKind.NoSpace, CrashProfile.LostSectors)]
    [InlineData(FaultKind.IoError, CrashProfile.AllSurvive)]
    public void Museum_P04_RememberedBeforeTheAppend(FaultKind kind, CrashProfile profile)
    {
        for (var operation = 1; ; operation++)
        {
            var (broker, producers) = Filled();
            var last = broker.Disk.Operations + operation;
            broker.Disk.FailAt(last, kind);
            var outcome = broker.Run(() => producers[0].AppendAsync(First, 3, "3"));
            if (broker.Disk.Operations < last)
                break;
            outcome.Error.Should().Be(ErrorCode.StorageFailure);
            broker.Run(() => producers[0].AppendAsync(First, 3, "3")).Error.Should().NotBe(ErrorCode.None, "a duplicate of what is not durable is no success");

            var next = broker.Revive(profile, operation);
            var state = next.Partition(First).State;
            foreach (var entry in state.Producers)
                entry.LastOffset.Should().BeLessThan(state.LogEndOffset, "nothing is remembered that is not there");
            next.Run(() => producers[0].On(next.Backend).AppendAsync(First, 3, "3")).Error.Should().Be(ErrorCode.None);
            next.Read().Count(value => value == "3").Should().Be(1);
        }
    }

    // Pulsar #5218. The highest sequence was noted before the write, the write failed, the retry was dropped as a duplicate and acknowledged. Here a whole
    // group commit fails, at each of its disk operations: one batch is held at the disk and five queue up behind it.
    [Theory]
    [InlineData(FaultKind.IoError, CrashProfile.LostSectors)]
    [InlineData(FaultKind.IoError, CrashProfile.Prefix)]
    [InlineData(FaultKind.NoSpace, CrashProfile.AllSurvive)]
    public async Task Museum_P05_DuplicateOfAFailedWrite(FaultKind kind, CrashProfile profile)
    {
        var failed = 0;
        for (var ahead = 1; ahead <= 4; ahead++)
        {
            SignedProducer producer;
            SimulatedDisk disk;
            await using (var held = await HeldBroker.OpenAsync())
            {
                producer = await SignedProducer.OpenAsync(held.Broker);
                await producer.WriteAsync(First, 0, "0");
                held.Disk.Hold();
                var waiting = new List<Task<AppendOutcome>> { producer.AppendAsync(First, 1, "1") };
                held.Disk.AwaitArrival();
                for (var sequence = 2; sequence < 7; sequence++)
                    waiting.Add(producer.AppendAsync(First, sequence, $"{sequence}"));
                held.Simulated.FailAt(held.Simulated.Operations + ahead, kind);
                held.Disk.Release();
                var outcomes = await Task.WhenAll(waiting).WaitAsync(Soon);
                var refused = outcomes.SkipWhile(outcome => outcome.Error == ErrorCode.None).ToList();
                refused.Should().NotBeEmpty().And.OnlyContain(outcome => outcome.Error == ErrorCode.StorageFailure, "all of the failed group and all behind it");
                failed = Math.Max(failed, refused.Count < 6 ? refused.Count : 0);
                disk = held.Simulated.Crash(profile, ahead);
            }

            var next = SteppedBroker.Open(disk, SteppedBroker.Small with { JournalFileBytes = 4 << 20 });
            var again = producer.On(next.Backend);
            for (var sequence = 0; sequence < 7; sequence++)
                AppendOrFind(next, again, sequence);
            next.Read().Should().Equal(Enumerable.Range(0, 7).Select(sequence => $"{sequence}"));
        }
        failed.Should().Be(5, "five were one group");
    }

    // The same while the original waits for its sync: whoever hears that it is a duplicate relies on it.
    [Fact]
    public async Task Museum_P05_DuplicateOfAFailedWrite_WhileTheOriginalWaits()
    {
        await using var held = await HeldBroker.OpenAsync();
        var producer = await SignedProducer.OpenAsync(held.Broker);
        await producer.WriteAsync(First, 0, "0");
        held.Disk.Hold();
        var original = producer.AppendAsync(First, 1, "1");
        held.Disk.AwaitArrival();
        var retry = producer.AppendAsync(First, 1, "1");
        (original.IsCompleted, retry.IsCompleted).Should().Be((false, false), "nothing of it is durable");

        held.Disk.Release();
        var outcomes = await Task.WhenAll(original, retry).WaitAsync(Soon);

        outcomes.Select(outcome => (outcome.Error, outcome.IsDuplicate, outcome.BaseOffset)).Should().Equal((ErrorCode.None, false, 1), (ErrorCode.None, true, 1));
    }

    // Redpanda def3776cdd. The lock was let go between a failed batch and its handling: the next one was appended behind a gap. Each disk operation of a
    // pipelined run fails once; from the first refusal on all are refused.
    [Fact]
    public void Museum_P17_BatchBehindAFailedOne()
    {
        for (var operation = 1; ; operation++)
        {
            var (broker, producers) = Filled();
            var last = broker.Disk.Operations + operation;
            broker.Disk.FailAt(last, FaultKind.IoError);
            var outcomes = new List<ErrorCode>();
            for (var sequence = 3; sequence < 11; sequence++)
                outcomes.Add(broker.Run(() => producers[0].AppendAsync(First, sequence, $"{sequence}")).Error);
            if (broker.Disk.Operations < last)
            {
                operation.Should().BeGreaterThan(8);
                break;
            }
            var acknowledged = outcomes.TakeWhile(error => error == ErrorCode.None).Count();
            outcomes.Skip(acknowledged).Should().NotContain(ErrorCode.None, "nothing is acknowledged behind a failure");

            var found = broker.Revive(CrashProfile.AllSurvive, operation).Read().Where(value => int.Parse(value, CultureInfo.InvariantCulture) >= 3).ToList();
            found.Should().Equal(Enumerable.Range(3, found.Count).Select(sequence => $"{sequence}"), "there is no gap");
            found.Count.Should().BeGreaterThanOrEqualTo(acknowledged);
        }
    }

    // KAFKA-10832. After a truncation batches were judged by the producer state of before. A batch is cut off by a power cut; whoever judges in the next run
    // knows nothing of it.
    [Fact]
    public void Museum_P21_StateFromAStaleInstance()
    {
        var (broker, producers) = Filled();
        broker.Disk.CrashAt(broker.Disk.Operations + 1);
        broker.Run(() => producers[0].AppendAsync(First, 3, "3"));
        var before = broker.Partition(First);
        before.State.LogEndOffset.Should().Be(10, "memory had it already");

        var next = broker.Revive();
        var judge = ((EnginePartition)next.Backend.GetPartition(First)).Partition;
        judge.Should().BeSameAs(next.Partition(First)).And.NotBeSameAs(before);
        judge.State.Should().NotBeSameAs(before.State);
        (judge.State.LogEndOffset, judge.Tail.NextOffset, judge.VisibleMark.LogEnd).Should().Be((9, 9, 9));
        var retried = next.Run(() => producers[0].On(next.Backend).AppendAsync(First, 3, "3"));
        (retried.Error, retried.IsDuplicate, retried.BaseOffset).Should().Be((ErrorCode.None, false, 9));
    }

    /// <summary>Of seven batches in the log the two oldest are known no more, and those were acknowledged.</summary>
    private static void AppendOrFind(SteppedBroker broker, SignedProducer producer, int sequence)
    {
        var isOld = broker.Offsets(First).HighWatermark > sequence + 5;
        broker.Run(() => producer.AppendAsync(First, sequence, $"{sequence}")).Error
            .Should().Be(isOld ? ErrorCode.OutOfOrderSequence : ErrorCode.None, $"{sequence} is appended, or found");
    }

    /// <summary>Three producers of three batches each in the first partition, and more bytes in it when asked for.</summary>
    private static (SteppedBroker Broker, SignedProducer[] Producers) Filled(int fillerBytes = 0)
    {
        var broker = SteppedBroker.Create();
        SignedProducer[] producers = [.. Enumerable.Range(0, 3).Select(_ => broker.Run(() => SignedProducer.OpenAsync(broker.Backend)))];
        for (var sequence = 0; sequence < 3; sequence++)
            foreach (var producer in producers)
                broker.Run(() => producer.WriteAsync(First, sequence, $"{sequence}"));
        for (var filler = 0; fillerBytes > 0 && filler < 60; filler++)
            broker.Run(() => producers[2].WriteAsync(First, 3 + filler, new string('f', fillerBytes)));
        return (broker, producers);
    }
}
