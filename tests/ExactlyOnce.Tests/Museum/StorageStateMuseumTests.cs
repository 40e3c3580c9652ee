using ExactlyOnce.Engine.Backend;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Engine.Journal;
using ExactlyOnce.Engine.Log;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Testing.Simulation;
using ExactlyOnce.Tests.Engine.Log;
using ExactlyOnce.Tests.Engine.Recovery;

namespace ExactlyOnce.Tests.Museum;

/// <summary>Family S: reading, deleting, closing and recovering while something else is under way.</summary>
public sealed class StorageStateMuseumTests
{
    // KAFKA-9835: the file's size was read twice, and a read in between a write returned bytes above the limit. Here a batch is appended, and written to files,
    // before every single read of a file that a cursor does, and between its calls: nothing at or above the limit it was given comes out, and nothing below is
    // left out.
    [Fact]
    public void Museum_S11_ReadAboveLimitDuringWrite()
    {
        for (var written = 0; written <= 12; written++)
        {
            var disk = new WatchedDisk(new MemoryDisk());
            using var log = new TestLog(disk, new SegmentRules { SegmentBytes = 700, IndexIntervalBytes = 100 });
            for (var i = 0; i < 12; i++)
            {
                log.Append(TestBatch.Sized(1, 100));
                if (i < written)
                    log.Checkpoint();
            }
            var limit = log.Limit;
            disk.Reading = _ => Grow(log);
            using var cursor = new LogCursor(log, 0);
            var offsets = new List<long>();
            while (cursor.TryRead(limit, 300, out var batches) == LogRead.Batches)
            {
                offsets.AddRange(TestBatch.RecordsIn(batches).Select(record => record.Offset));
                Grow(log);
            }
            offsets.Should().Equal(Enumerable.Range(0, 12).Select(offset => (long)offset));
            log.Limit.Should().BeGreaterThan(limit);
        }
    }

    // KAFKA-6624, 15391, 15572, 17727 and 19571: a topic was deleted while its files were being flushed, which took the store down, or lost live data where the
    // error was swallowed. Here the topic is deleted, and made again under its name, at every single disk operation of a checkpoint that is writing it.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Museum_S19_DeleteRacesFlush(bool isMadeAgain)
    {
        var moments = 0;
        for (var isOver = false; !isOver; moments++)
        {
            var disk = new SimulatedDisk();
            var watched = new WatchedDisk(disk);
            var broker = StepBroker.Open(watched, StepBroker.Small with { JournalFileBytes = 512 << 10 });
            broker.CreateTopic("stays", topic => topic.SegmentBytes = 32 << 10);
            broker.CreateTopic("goes", topic => topic.SegmentBytes = 32 << 10);
            Fill(broker, "stays", "goes");
            var operation = 0;
            watched.Before = (_, _) =>
            {
                if (operation++ == moments)
                    Replace(broker, isMadeAgain);
            };

            broker.Engine.Checkpoint();

            watched.Before = null;
            isOver = operation <= moments;
            broker.Append("stays", 0, ("k", "behind"));
            broker.Engine.Checkpoint();
            broker.Engine.Checkpoint();
            broker.Engine.Journal.Failure.Should().BeNull();
            foreach (var profile in new[] { CrashProfile.AllSurvive, CrashProfile.LostSectors })
                CheckReplaced(StepBroker.Open(disk.Crash(profile, moments)), !isOver, isMadeAgain);
        }
        moments.Should().BeGreaterThan(30);
    }

    // KAFKA-13315 and 13070: retention ran on segments that the shutdown had closed, the log was marked failed and the clean marker not written. Here the
    // broker is closed, twice, at every seventh disk operation of the script, whatever is under way: it ends clean, a later close waits for the first, and a
    // broker that fails to open lets go of its folder.
    [Fact]
    public void Museum_S20_ShutdownOrder()
    {
        var closings = 0;
        for (var moment = 3; ; moment += 7)
        {
            var (disk, promises, operation) = (new SimulatedDisk(), new Promises(), 0);
            var watched = new WatchedDisk(disk);
            Life? life = null;
            var closing = new List<Task>();
            watched.Before = (_, _) =>
            {
                if (operation++ < moment || closing.Count > 0 || life is not { Engine.IsClosed: false })
                    return;
                closing.Add(life.Broker.DisposeAsync().AsTask());
                closing.Add(life.Broker.DisposeAsync().AsTask());
            };
            try
            {
                Script.Play(watched, promises, opened => life = opened);
            }
            catch (Exception exception) when (exception is BrokerException or OperationCanceledException || IsEndedElsewhere(exception))
            {
                closing.Should().NotBeEmpty();
            }
            if (closing.Count == 0)
                break;
            life!.Run(now => now.CloseAsync());
            life.Run(async _ => await Task.WhenAll(closing));
            life.Engine.Journal.Failure.Should().BeNull();
            if (Manifest.Read(disk, Life.Root) is not { IsClean: true })
                Assert.Fail($"Closed at operation {moment}, and the folder does not say so.");
            Survival.Require(disk.Crash(CrashProfile.AllSurvive, 0), promises, cutAgain: false);
            closings++;
        }
        closings.Should().BeGreaterThan(60);
        OpenAgainAfterFailing();
    }

    // KAFKA-5634: retention went by the log's end and deleted what no reader had been allowed to see. Here all is over age: retention stops at every offset
    // that is said to be safe, and in a broker at the open transaction, and at the high watermark while a newer record is still on its way to the disk.
    [Fact]
    public void Museum_S21_RetentionPassesVisibleEnd()
    {
        using (var log = new TestLog(new MemoryDisk(), new SegmentRules { SegmentBytes = 1 }))
        {
            for (var i = 0; i < 6; i++)
                log.Append(TestBatch.Sized(1, 100));
            log.Checkpoint();
            for (var safe = 0; safe <= 6; safe++)
                Retention.PlanLogStart(log.View, log.Limit, safe, new RetentionLimits(0, 0), log.NowMs + 1_000_000).Should().Be(safe);
        }
        var watched = new WatchedDisk(new SimulatedDisk());
        var broker = StepBroker.Open(watched, StepBroker.Small with { JournalFileBytes = 1 << 20 });
        broker.CreateTopic("orders", topic => (topic.SegmentBytes, topic.RetainFor, topic.RetainBytes) = (1_024, TimeSpan.FromSeconds(1), 0));
        var identity = broker.InitProducer("t");
        var seen = new List<(long Start, long HighWatermark, long Stable, long End)>();
        watched.Before = (verb, path) =>
        {
            if (verb is not ("write" or "sync") || !path.Contains("/journal/", StringComparison.Ordinal))
                return;
            var partition = broker.Find("orders");
            var mark = partition.VisibleMark;
            broker.Engine.ApplyRetention(broker.NowMs + 1_000_000);
            seen.Add((partition.View.LogStart, mark.LogEnd, mark.LastStable, partition.State.LogEndOffset));
        };
        for (var round = 0; round < 4; round++)
        {
            broker.Append("orders", 0, ("k", new string('x', 90_000)));
            broker.AppendIn("t", identity, "orders", 0, 0, ("k", new string('x', 90_000)));
            broker.Engine.Checkpoint();
            broker.Append("orders", 0, ("k", "behind"));
            identity = broker.End("t", identity, commit: true).Decision.Identity;
        }
        seen.Should().OnlyContain(now => now.Start <= now.HighWatermark && now.Start <= now.Stable && now.Stable <= now.HighWatermark);
        seen.Should().Contain(now => now.HighWatermark < now.End, "a record was on its way").And.Contain(now => now.Stable < now.HighWatermark, "a transaction was open");
        seen[^1].Start.Should().BePositive("retention did delete");
    }

    // KAFKA-5829, 12520 and 7283: after an unclean stop every segment was read again, for hours. Here the broker dies with 30 segments, and with 300: opening
    // reads no byte of a sealed log, at most one file of the journal, and a few bytes of index for each segment.
    [Fact]
    public void Museum_S32_RecoveryTimeExplodes()
    {
        var (few, many) = (ReadByRecovery(30), ReadByRecovery(300));

        many.Log.Should().Be(0);
        many.Journal.Should().BeInRange(1, StepBroker.Small.JournalFileBytes, "one journal file is behind the checkpoint, however long the log");
        (many.Index - few.Index).Should().BeLessThanOrEqualTo(270 * 32);
        many.Opens.Should().BeLessThanOrEqualTo(few.Opens + 270, "a segment's log is opened once, for its length");
    }

    // KAFKA-12153: a truncation left the first unstable offset behind the new end. Here a power cut takes a part of the log with the beginning of an open
    // transaction in it, or leaves it, at every point there is: the stable offset, the high watermark and the end are in order at once, and nothing of it is
    // open.
    [Fact]
    public void Museum_S34_TruncationBelowFirstUnstable()
    {
        var ends = new HashSet<long>();
        for (var seed = 1; seed <= 80; seed++)
        {
            var disk = new SimulatedDisk();
            var broker = StepBroker.Open(disk, StepBroker.Small with { Durability = Durability.Written });
            broker.CreateTopic("orders");
            broker.Append("orders", 0, ("k", "before"));
            broker.Engine.Journal.SyncBehind();
            var identity = broker.InitProducer("t");
            for (var i = 0; i < 5; i++)
            {
                broker.AppendIn("t", identity, "orders", 0, i, ("k", $"open {i}"));
                broker.Append("orders", 0, ("k", $"plain {i}"));
            }
            var found = StepBroker.Open(disk.Crash(CrashProfile.Prefix, seed)).Find("orders");

            var mark = found.VisibleMark;
            mark.LastStable.Should().Be(mark.LogEnd).And.Be(found.State.LogEndOffset).And.BePositive();
            ends.Add(mark.LogEnd);
        }
        ends.Count.Should().BeGreaterThan(6);
    }

    // Redpanda 166119f34c, abd771691f and a56d0d992d: the stable offset ran ahead of what was applied, or was asked for before it was known, and aborted data
    // was shown. Here a reader looks at every disk operation of commits and aborts, and somebody tries to get in at every one of a recovery: not ready, or
    // right.
    [Fact]
    public void Museum_S35_StableOffsetAheadOfState()
    {
        var disk = new SimulatedDisk();
        var watched = new WatchedDisk(disk);
        var broker = StepBroker.Open(watched);
        broker.CreateTopic("orders", topic => topic.SegmentBytes = 32 << 10);
        var (looks, last) = (0, 0L);
        watched.Before = (_, _) =>
        {
            looks++;
            last = Look(broker, atLeast: last);
        };
        var identity = broker.InitProducer("t");
        for (var i = 0; i < 12; i++)
        {
            broker.AppendIn("t", identity, "orders", 0, 0, ("k", $"{(i % 3 == 0 ? "committed" : "aborted")} {new string('x', 9_000)}"));
            broker.Append("orders", 0, ("k", "plain"));
            identity = broker.End("t", identity, commit: i % 3 == 0).Decision.Identity;
            if (i == 8)
                broker.Engine.Checkpoint();
        }
        broker.AppendIn("t", identity, "orders", 0, 0, ("k", "aborted by the restart"));
        looks.Should().BeGreaterThan(60);

        disk = disk.Crash(CrashProfile.AllSurvive, 0);
        var (refusals, recovered) = (0, new WatchedDisk(disk));
        recovered.Before = (_, _) =>
        {
            var tooEarly = FluentActions.Invoking(() => BrokerEngine.Open(new StepEnvironment(disk), StepBroker.Small)).Should().Throw<StorageException>().Which;
            tooEarly.Code.Should().Be(ErrorCode.DirectoryInUse);
            refusals++;
        };
        var reopened = StepBroker.Open(recovered);
        recovered.Before = null;
        refusals.Should().BeGreaterThan(10);
        Look(reopened, atLeast: last).Should().Be(reopened.Find("orders").VisibleMark.LogEnd);
        reopened.Values("orders").Should().HaveCount(12 + 4);
    }

    private static void Grow(TestLog log)
    {
        log.Append(TestBatch.Sized(1, 100));
        log.Checkpoint();
    }

    private static void Fill(StepBroker broker, params string[] topics)
    {
        for (var i = 0; i < 10; i++)
            foreach (var topic in topics)
                broker.Append(topic, 0, ("k", $"{i} {new string('x', 8_000)}"));
    }

    private static void Replace(StepBroker broker, bool isMadeAgain)
    {
        broker.Engine.Topics.Delete("goes", broker.NowMs).Error.Should().Be(ErrorCode.None);
        if (isMadeAgain)
        {
            broker.Engine.Topics.Create("goes", new TopicOptions(), isInternal: false, broker.Environment.NextGuid(), broker.NowMs).Error.Should().Be(ErrorCode.None);
            broker.TryAppend("goes", 0, TestBatch.Of(("k", "new"))).Error.Should().Be(ErrorCode.None);
        }
        broker.Engine.Journal.Drive();
    }

    private static void CheckReplaced(StepBroker broker, bool isReplaced, bool isMadeAgain)
    {
        broker.Values("stays").Should().HaveCount(11);
        if (!isReplaced)
            broker.Values("goes").Should().HaveCount(10);
        else if (isMadeAgain)
            broker.Values("goes").Should().Equal("new");
        else
            broker.Broker.Admin.DescribeTopic("goes").Should().BeNull();
    }

    /// <summary>The client was disposed, or its transaction ended by that; never a wait that nobody ends.</summary>
    private static bool IsEndedElsewhere(Exception exception) =>
        exception is InvalidOperationException && !exception.Message.Contains("nothing is left to be done", StringComparison.Ordinal);

    private static void OpenAgainAfterFailing()
    {
        var disk = new SimulatedDisk();
        Script.Play(disk, new Promises());
        for (var operation = 1; ; operation += 5)
        {
            var again = disk.Crash(CrashProfile.AllSurvive, 0);
            again.FailAt(operation, FaultKind.IoError);
            try
            {
                Life.Open(again, new Promises());
                return;
            }
            catch (StorageException)
            {
                Life.Open(again, new Promises()).Engine.IsClosed.Should().BeFalse();
            }
        }
    }

    private static (long Log, long Index, long Journal, int Opens) ReadByRecovery(int segments)
    {
        var disk = new SimulatedDisk();
        var broker = StepBroker.Open(disk);
        broker.CreateTopic("orders", topic => topic.SegmentBytes = 1_024);
        for (var i = 0; i < segments; i++)
            broker.Append("orders", 0, ("k", new string('x', 4_000)));
        broker.Engine.Checkpoint();
        broker.Append("orders", 0, ("k", "in the journal"));
        broker.Find("orders").View.Segments.Length.Should().Be(segments);

        var watched = new WatchedDisk(disk.Crash(CrashProfile.AllSurvive, 0));
        var reopened = StepBroker.Open(watched);
        var read = (watched.BytesReadFrom(".log"), watched.BytesReadFrom("index"), watched.BytesReadFrom("/journal/"), watched.OpensOf(".log"));
        reopened.Find("orders").VisibleMark.LogEnd.Should().Be(segments + 1);
        return read;
    }

    /// <summary>Reads what is there now; answers the stable offset.</summary>
    private static long Look(StepBroker broker, long atLeast)
    {
        var partition = broker.Find("orders");
        var mark = partition.VisibleMark;
        Promises.Require(
            mark.LastStable >= atLeast && mark.LastStable <= mark.LogEnd && mark.LogEnd <= partition.State.LogEndOffset,
            $"Stable up to {mark.LastStable}, visible up to {mark.LogEnd}, applied up to {partition.State.LogEndOffset}; it was stable up to {atLeast}.");
        using var cursor = new PartitionCursor(partition, 0, IsolationLevel.ReadCommitted);
        while (cursor.TryRead(1 << 20, out var run) == CursorStatus.Read)
            foreach (var record in TestBatch.RecordsIn(run))
                Promises.Require(
                    record.Offset < mark.LastStable && !record.Value!.StartsWith("aborted", StringComparison.Ordinal), $"{record.Value} at {record.Offset} is shown.");
        return mark.LastStable;
    }
}
