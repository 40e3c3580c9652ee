using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Tests.Engine.Disk;
using ExactlyOnce.Tests.Engine.Journal;
using ExactlyOnce.Tests.Engine.Log;
using ExactlyOnce.Tests.Engine.Recovery;

namespace ExactlyOnce.Tests.Museum;

/// <summary>Family S: a write, a sync or a rename fails, or comes out of order.</summary>
public sealed class StorageFaultMuseumTests
{
    // KAFKA-10778: between a write error and taking the log offline, appends behind the hole were accepted and acknowledged. Here a write fails with more
    // frames queued behind it and others coming after: none of them is ever acknowledged, and reopening finds a log without a hole.
    [Fact]
    public void Museum_S04_AppendAcceptedAfterWriteError()
    {
        var failures = 0;
        for (var operation = 1; operation <= 24; operation++)
        {
            var disk = new SimulatedDisk();
            var journal = JournalHarness.Create(disk);
            journal.Open();
            var random = new Random(operation);
            journal.Enqueue(random);
            journal.Journal.Drive();
            disk.FailAt(disk.Operations + operation, operation % 2 == 0 ? FaultKind.IoError : FaultKind.NoSpace);
            for (var burst = 0; burst < 8 && journal.Journal.Failure is null; burst++)
            {
                for (var frame = 0; frame < 5; frame++)
                    journal.Enqueue(random);
                journal.Journal.Drive();
            }
            if (journal.Journal.Failure is null)
                continue;
            failures++;
            var acknowledged = journal.AcknowledgedLsn;
            acknowledged.Should().BeLessThan(journal.History[^1].Lsn, "a group of five was under way");
            for (var frame = 0; frame < 5; frame++)
                journal.Enqueue(random);
            journal.Journal.Drive();
            journal.AcknowledgedLsn.Should().Be(acknowledged);
            journal.Journal.VisibleLsn.Should().Be(acknowledged);
            // Replays frame by frame against what was enqueued: a hole would be met here.
            journal.Crash(CrashProfile.LostSectors, operation).Open(mustReachLsn: acknowledged);
        }
        failures.Should().BeGreaterThan(10);
    }

    // PostgreSQL's fsyncgate (2018): the sync failed, the kernel called the pages clean, the second sync lied and the data was gone. Here every other sync of
    // the journal fails once.
    // The broker stops at the first failure and never syncs the journal again. Then the cache has kept the bytes, or went back to the old ones, or kept them
    // until the next power cut.
    [Fact]
    public void Museum_S05_FailedSyncRetried()
    {
        var whole = new SimulatedDisk();
        Script.Play(whole, new Promises());
        var syncs = Enumerable.Range(1, (int)whole.Operations).Where(operation => IsJournalSync(whole.Trace[operation - 1])).ToList();
        syncs.Count.Should().BeGreaterThan(40);
        var closings = 0;
        foreach (var operation in syncs.Where((_, number) => number % 2 == 0))
        {
            foreach (var (profile, cutAgain) in new[] { (CrashProfile.AllSurvive, false), (CrashProfile.LostSectors, false), (CrashProfile.AllSurvive, true) })
            {
                var (disk, promises) = (new SimulatedDisk(), new Promises());
                disk.FailAt(operation, FaultKind.IoError);
                try
                {
                    Script.Play(disk, promises);
                    closings++;
                }
                catch (BrokerException)
                {
                    disk.Trace.Skip(operation).Where(IsJournalSync).Should().BeEmpty("the broker stops at the first failure");
                }
                var failed = disk.Trace[operation - 1].Split(' ')[2];
                disk.Trace.Skip(operation).Where(IsJournalSync).Should().NotContain(line => line.EndsWith(failed, StringComparison.Ordinal), "a sync that failed once says nothing when it is repeated");
                Survival.Require(disk.Crash(profile, operation), promises, cutAgain);
            }
        }
        closings.Should().BeLessThan(10, "only a close goes on, and has nothing left to acknowledge");
    }

    // Found here: .NET 10.0.12 hides every fsync error on Linux (spec, section 0.1). Here the broker proves before it trusts a directory that failures of a
    // sync are seen: a disk that hides them is refused, nothing is written to it and its lock is free again.
    [Fact]
    public void Museum_S06_SyncFailureInvisible()
    {
        var disk = new MemoryDisk();
        FluentActions.Invoking(() => StepBroker.Open(new HidingDisk(disk))).Should().Throw<StorageException>().WithMessage("*hides*");
        StepBroker.FilesOn(disk).Should().Equal(StepBroker.Root + "/lock");
        StepBroker.Open(disk).Close();
    }

    // The real disk passes, and says what it cannot sync.
    [UnixFact]
    public void Museum_S06_SyncFailureInvisible_RealDisk()
    {
        using var directory = new TemporaryDirectory();
        new PosixDisk().Invoking(real => real.VerifySyncErrorsAreSeen(directory.Path)).Should().NotThrow();
        FluentActions.Invoking(SyncAPipe).Should().Throw<StorageException>();
    }

    // RocksDB PR 10560: a later write was durable and an earlier one was not. Here nothing is synced for a while (Durability.Written), in two topics and
    // transactions over both, and a power cut keeps any subset of the sectors: what is found is a prefix of what was written, whole transactions included.
    [Fact]
    public void Museum_S09_LaterWriteDurableEarlierNot()
    {
        var lengths = new HashSet<int>();
        for (var seed = 1; seed <= 60; seed++)
        {
            var disk = new SimulatedDisk();
            var broker = StepBroker.Open(disk, StepBroker.Small with { Durability = Durability.Written, JournalFileBytes = 128 << 10 });
            broker.CreateTopic("first");
            broker.CreateTopic("second");
            var written = WriteInTurns(broker);

            var found = StepBroker.Open(disk.Crash(seed % 3 == 0 ? CrashProfile.Torn : CrashProfile.LostSectors, seed), StepBroker.Small);
            List<string> values = found.Broker.Admin.DescribeTopic("second") is null ? [] : [.. found.Values("first"), .. found.Values("second")];

            var prefix = written.TakeWhile(step => step.All(values.Contains)).Sum(step => step.Length);
            values.Should().HaveCount(prefix, $"what is there with seed {seed} is a prefix of what was written");
            lengths.Add(prefix);
        }
        lengths.Count.Should().BeGreaterThan(5, "the power cuts took different amounts");
    }

    // KAFKA-7866: the index append failed after the data append, the error was swallowed, and the same offset was given twice. Here every write, creation and
    // sync of an index file at a checkpoint fails: the next record gets the next offset, aborted records stay hidden, and a later checkpoint and a crash change
    // neither.
    [Fact]
    public void Museum_S10_IndexAppendFailsAfterDataAppend()
    {
        var cases = 0;
        for (var failing = 1; FailIndexOperation(failing); failing++)
            cases++;
        cases.Should().BeGreaterThan(15);
    }

    // NATS cf992e953: the sync loop took what came in while it was syncing for synced. Here a record is appended right before the kernel syncs a group, and
    // after it: it does not count as synced when that sync is over, only after the next one.
    [Theory]
    [InlineData(Durability.Flushed)]
    [InlineData(Durability.Written)]
    public void Museum_S25_PendingWritesLostBySyncLoop(Durability durability)
    {
        var disk = new SimulatedDisk();
        var watched = new WatchedDisk(disk);
        var broker = StepBroker.Open(watched, StepBroker.Small with { Durability = durability });
        broker.CreateTopic("orders");
        var (during, behind) = (0L, 0L);
        long? syncedThen = null;
        watched.Before = (verb, path) =>
        {
            if (verb == "sync" && path.Contains("/journal/", StringComparison.Ordinal) && during == 0)
                during = broker.TryAppend("orders", 0, TestBatch.Of(("k", "during"))).Lsn;
            else if (verb == "write" && behind != 0)
                syncedThen ??= broker.Engine.Journal.SyncedLsn;
        };
        watched.Synced = _ => behind = behind == 0 ? broker.TryAppend("orders", 0, TestBatch.Of(("k", "behind"))).Lsn : behind;

        var first = broker.TryAppend("orders", 0, TestBatch.Of(("k", "first"))).Lsn;
        broker.Engine.Journal.SyncBehind();
        syncedThen ??= broker.Engine.Journal.SyncedLsn;
        Math.Min(during, behind).Should().BePositive();
        syncedThen.Should().Be(first, "what came in while the kernel was syncing is not synced by it");

        broker.Engine.Journal.SyncBehind();
        broker.Engine.Journal.Drive();
        broker.Engine.Journal.SyncedLsn.Should().BeGreaterThanOrEqualTo(behind, "the next sync took it along");
        StepBroker.Open(disk.Crash(CrashProfile.LostSectors, 7)).Values("orders").Should().Equal("first", "during", "behind");
    }

    // EventStoreDB #3452 and #3642: a full disk left a checkpoint ahead of the data, and the database did not start again. Here the disk is full at a position
    // of the script, once, for ever, or one byte short; when there is space again the directory opens and has everything that was acknowledged.
    [Theory]
    [InlineData(Fullness.Once)]
    [InlineData(Fullness.ForEver)]
    [InlineData(Fullness.OneByteShort)]
    public void Museum_S29_DiskFull(Fullness fullness)
    {
        var stops = 0;
        for (var position = 1; ; position += 7)
        {
            var (disk, promises, writes) = (new SimulatedDisk(), new Promises(), 0);
            var watched = new WatchedDisk(disk) { IsShortOfOneByte = _ => fullness == Fullness.OneByteShort && ++writes == position };
            if (fullness != Fullness.OneByteShort)
                for (var operation = position; operation <= (fullness == Fullness.Once ? position : position + 3_000); operation++)
                    disk.FailAt(operation, FaultKind.NoSpace);
            var isStopped = true;
            try
            {
                Script.Play(watched, promises);
                isStopped = false;
            }
            catch (BrokerException)
            {
                stops++;
            }
            Survival.Require(disk.Crash(position % 2 == 0 ? CrashProfile.LostSectors : CrashProfile.AllSurvive, position), promises, cutAgain: position % 4 == 0);
            if (!isStopped && (fullness == Fullness.OneByteShort ? writes : disk.Operations) < position)
                break;
        }
        stops.Should().BeGreaterThan(10);
    }

    public enum Fullness
    {
        Once,
        ForEver,
        OneByteShort,
    }

    private static bool IsJournalSync(string line) => line.Contains(" sync /data/journal/", StringComparison.Ordinal);

    private static unsafe void SyncAPipe()
    {
        var ends = stackalloc int[2];
        Libc.Pipe(ends).Should().Be(0);
        using var reader = new PosixDescriptor(ends[0]);
        using var writer = new PosixDescriptor(ends[1]);
        PosixDisk.Sync(writer, isDirectory: false, "/a/pipe");
    }

    /// <summary>One step is what must be there together.</summary>
    private static List<string[]> WriteInTurns(StepBroker broker)
    {
        var written = new List<string[]>();
        var identity = broker.InitProducer("t");
        for (var i = 0; i < 12; i++)
        {
            broker.Append("first", 0, ("k", $"first {i}"));
            broker.Append("second", 0, ("k", $"second {i} {new string('x', 700)}"));
            written.Add([$"first {i}"]);
            written.Add([$"second {i} {new string('x', 700)}"]);
            broker.AppendIn("t", identity, "first", 0, 0, ("k", $"both {i}.1"));
            broker.AppendIn("t", identity, "second", 0, 0, ("k", $"both {i}.2"));
            identity = broker.End("t", identity, commit: true).Decision.Identity;
            written.Add([$"both {i}.1", $"both {i}.2"]);
        }
        return written;
    }

    /// <summary>False when the checkpoint does fewer operations on indexes.</summary>
    private static bool FailIndexOperation(int failing)
    {
        var disk = new SimulatedDisk();
        var watched = new WatchedDisk(disk);
        var broker = StepBroker.Open(watched);
        broker.CreateTopic("orders", topic => topic.SegmentBytes = 32 << 10);
        var (written, identity) = (0, broker.InitProducer("t"));
        for (; written < 12; written++)
        {
            broker.Append("orders", 0, ("k", $"{written} {new string('x', 8_000)}"));
            broker.AppendIn("t", identity, "orders", 0, 0, ("k", "aborted"));
            identity = broker.End("t", identity, commit: false).Decision.Identity;
        }
        var seen = 0;
        watched.Before = (_, path) =>
        {
            if (path.Contains("index", StringComparison.Ordinal) && ++seen == failing)
                throw DiskError.Failed("write", path, "simulated EIO");
        };
        try
        {
            broker.Engine.Checkpoint();
            return false;
        }
        catch (StorageException)
        {
            watched.Before = null;
        }

        var end = broker.Find("orders").VisibleMark.LogEnd;
        broker.Append("orders", 0, ("k", "next")).Should().Be(end, "an offset is given once");
        Check(broker, written);
        broker.Engine.Checkpoint();
        Check(broker, written);
        Check(StepBroker.Open(disk.Crash(CrashProfile.LostSectors, failing)), written);
        return true;
    }

    private static void Check(StepBroker broker, int written)
    {
        var records = broker.Read("orders");
        records.Should().HaveCount(written + 1).And.NotContain(record => record.Value == "aborted");
        records.Select(record => record.Offset).Should().OnlyHaveUniqueItems();
        broker.Find("orders").VisibleMark.LastStable.Should().Be(broker.Find("orders").VisibleMark.LogEnd);
    }

    private sealed class HidingDisk(IDisk disk) : IDisk
    {
        public void VerifySyncErrorsAreSeen(string directory) => throw new StorageException("This system hides failures of a sync.");

        public void CreateDirectory(string path) => disk.CreateDirectory(path);

        public bool DirectoryExists(string path) => disk.DirectoryExists(path);

        public bool FileExists(string path) => disk.FileExists(path);

        public IReadOnlyList<string> List(string path) => disk.List(path);

        public IDiskFile Open(string path, FileOpening opening) => disk.Open(path, opening);

        public void Rename(string source, string target) => disk.Rename(source, target);

        public void Delete(string path) => disk.Delete(path);

        public void DeleteDirectory(string path) => disk.DeleteDirectory(path);

        public void SyncDirectory(string path) => disk.SyncDirectory(path);

        public IDisposable? TryLock(string path, string ownerText, out string owner) => disk.TryLock(path, ownerText, out owner);

        public long FreeBytes(string directory) => disk.FreeBytes(directory);
    }
}
