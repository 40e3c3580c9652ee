using ExactlyOnce.Engine.Journal;
using ExactlyOnce.Engine.Log;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Engine.Recovery;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Tests.Engine.Recovery;

namespace ExactlyOnce.Tests.Museum;

/// <summary>Family S: the power fails between two steps that belong together.</summary>
public sealed class StorageCrashMuseumTests
{
    private const int BulkBytes = 11_000;

    // KAFKA-3968, RocksDB PR 10573: a segment's bytes were synced and its name was not, so a power cut took the whole file. Here the power fails at, and right
    // behind, every operation on a directory (create, rename, unlink, mkdir and their syncs) while segments and journal files roll, losing any part of the
    // directory's changes.
    [Fact]
    public void Museum_S01_DirectoryNotSynced()
    {
        string[] verbs = [" mkdir ", " create ", " rename ", " unlink ", " sync directory "];
        var met = new HashSet<string>();
        var cuts = PowerCuts.AtEach(
            () => new Scene(),
            (disk, scene) => RollTwice(disk, scene.Promises),
            (_, _, line) => verbs.Any(verb => line.Contains(verb, StringComparison.Ordinal) && (met.Add(verb) || true)),
            PowerCuts.AllProfiles,
            (disk, scene) => Survival.Require(disk, scene.Promises.Copy(), cutAgain: true));

        met.Should().BeEquivalentTo(verbs);
        cuts.Should().BeGreaterThan(200);
    }

    // KAFKA-10471: the marker of a clean shutdown outlived a crash while loading, so the start after it skipped recovery. Here the power fails at every
    // operation of the start after a clean close and of the first writes behind it; once anything was acknowledged the marker must be gone, durably.
    [Fact]
    public void Museum_S02_CleanShutdownMarkerSurvivesCrashDuringLoad()
    {
        var cuts = PowerCuts.AtEach(
            () => new Scene(),
            (disk, scene) =>
            {
                RollTwice(disk, scene.Promises).Run(life => life.CloseAsync());
                Manifest.Read(disk, Life.Root)!.IsClean.Should().BeTrue();
                (scene.From, scene.Acknowledged) = (disk.Operations, scene.Promises.AcknowledgedCount);
                var next = Life.Open(disk, scene.Promises);
                next.Run(life => life.SendAsync(Life.Plain, 0));
                next.Run(life => life.SendAsync(Life.Plain, 1));
            },
            (scene, operation, _) => operation > scene.From,
            PowerCuts.AllProfiles,
            (disk, scene) =>
            {
                if (scene.From > 0 && scene.Promises.AcknowledgedCount > scene.Acknowledged)
                    Promises.Require(!Manifest.Read(disk, Life.Root)!.IsClean, "Records were acknowledged, and the directory says that it was closed in order.");
                Survival.Require(disk, scene.Promises.Copy(), cutAgain: false);
            });

        cuts.Should().BeGreaterThan(20);
    }

    // KAFKA-15046 and KAFKA-16541: syncs of checkpoint files were taken out for speed, and a crash left torn ones. Here the power fails at every step of a
    // checkpoint over an older one: manifest, checkpoint and Kafka's leader epochs are the old or the new ones, whole, never neither.
    [Fact]
    public void Museum_S03_CheckpointWithoutSync()
    {
        var cuts = PowerCuts.AtEach(
            () => new Scene(),
            (disk, scene) =>
            {
                var life = RollTwice(disk, scene.Promises);
                life.Run(now => now.TransactAsync(commit: true));
                scene.From = disk.Operations;
                life.Engine.Checkpoint();
            },
            (scene, operation, _) => operation > scene.From,
            PowerCuts.AllProfiles,
            (disk, scene) =>
            {
                var manifest = Manifest.Read(disk, Life.Root)!;
                CheckpointFile.Read(disk, Life.Root + "/" + manifest.CheckpointFile!).Partitions.Should().NotBeEmpty();
                foreach (var folder in disk.List(Life.Root + "/topics"))
                    LeaderEpochFile.Read(disk, Life.Root + "/topics/" + folder.TrimEnd('/')).Length.Should().BeLessThan(2);
                Survival.Require(disk, scene.Promises.Copy(), cutAgain: false);
            });

        cuts.Should().BeGreaterThan(50);
    }

    // NATS 1f459ae1d: rewriting a block ignored the setting to sync always, so a power cut took data that had been durable for long. Here the power fails at
    // each step of a compaction whose input was acknowledged long before.
    [Fact]
    public void Museum_S22_BlockRewriteIgnoresSyncAlways()
    {
        var cuts = PowerCuts.AtEach(
            () => new PriceScene(),
            (disk, scene) => scene.FillAndCompact(disk),
            (scene, operation, _) => operation > scene.From,
            PowerCuts.AllProfiles,
            (disk, scene) => scene.Check(disk));

        cuts.Should().BeGreaterThan(50);
    }

    // NATS 7069ac3fa: the sync pass skipped a block that compaction had made dirty. Here the log goes on behind a compaction, and the power fails at each step
    // of the checkpoint that writes behind the rewritten segments, and of the second compaction that rewrites the rewritten.
    [Fact]
    public void Museum_S23_SyncPassSkipsCompactedBlock()
    {
        var cuts = PowerCuts.AtEach(
            () => new PriceScene(),
            (disk, scene) =>
            {
                var broker = scene.FillAndCompact(disk);
                scene.From = disk.Operations;
                scene.Fill(broker, rounds: 6);
                broker.Engine.Checkpoint();
                broker.Engine.CompactLogs(broker.NowMs);
                scene.Fill(broker, rounds: 1);
            },
            (scene, operation, line) => operation > scene.From && !line.Contains("/journal/", StringComparison.Ordinal),
            PowerCuts.AllProfiles,
            (disk, scene) => scene.Check(disk));

        cuts.Should().BeGreaterThan(100);
    }

    // NATS 74f8dbcf2 and 0ce1cf0fe: data that had been purged came back with a recompression, and the last sequence was lost by purge and compact. Here records
    // are deleted, the log is compacted and checkpointed, with a cut at every step: the start and the next offset that were acknowledged never step back.
    [Fact]
    public void Museum_S26_PurgedDataResurrected()
    {
        var cuts = PowerCuts.AtEach(
            () => new PriceScene { Cleanup = CleanupPolicy.Compact | CleanupPolicy.Delete },
            (disk, scene) =>
            {
                var broker = scene.FillAndCheckpoint(disk);
                scene.From = disk.Operations;
                scene.LogStart = broker.Run(() => broker.Broker.Admin.DeleteRecordsAsync(new TopicPartition(PriceScene.Prices, 0), 17));
                broker.Engine.CompactLogs(broker.NowMs);
                scene.Fill(broker, rounds: 1);
                broker.Engine.Checkpoint();
                broker.Engine.CompactLogs(broker.NowMs);
            },
            (scene, operation, _) => operation > scene.From,
            PowerCuts.AllProfiles,
            (disk, scene) => scene.Check(disk));

        cuts.Should().BeGreaterThan(100);
    }

    // EventStoreDB PR 4264: a crash between switching the new chunks in and writing the checkpoint left a database that did not start. Here the switch is the
    // manifest: the power fails around its rename, with the rename durable or not and the old files gone or not, in every combination that 20 draws give.
    [Fact]
    public void Museum_S31_CrashBetweenSwitchAndCheckpoint()
    {
        string[] switches = [" rename /data/manifest.new", " sync directory /data", " unlink /data/0000", "00000000000000000000.log"];
        var cuts = PowerCuts.AtEach(
            () => new PriceScene(),
            (disk, scene) => scene.FillAndCompact(disk),
            (scene, operation, line) => operation > scene.From && switches.Any(step => line.Contains(step, StringComparison.Ordinal)),
            PowerCuts.LostSectors,
            (disk, scene) => scene.Check(disk));

        cuts.Should().BeGreaterThan(60);
    }

    // Redpanda e52a56cd0d: a snapshot was taken while the structure was being changed. Here a record, and a transaction over two partitions with a group's
    // offset, come in at every single disk operation of a checkpoint; after a crash right behind it the state is one that existed: everything once, the
    // transaction whole.
    [Fact]
    public void Museum_S36_SnapshotDuringMutation()
    {
        var moments = 0;
        for (var isOver = false; !isOver; moments++)
        {
            var disk = new SimulatedDisk();
            var watched = new WatchedDisk(disk);
            var broker = StepBroker.Open(watched, StepBroker.Small with { JournalFileBytes = 512 << 10 });
            broker.CreateTopic("orders", topic => topic.Partitions = 2);
            for (var i = 0; i < 8; i++)
                broker.Append("orders", i % 2, ("k", $"before {i} {new string('x', 20_000)}"));
            var identity = broker.InitProducer("t");
            var operation = 0;
            watched.Before = (_, _) =>
            {
                if (operation++ == moments)
                    Mutate(broker, identity);
            };

            broker.Engine.Checkpoint();

            watched.Before = null;
            isOver = operation <= moments;
            foreach (var profile in new[] { CrashProfile.AllSurvive, CrashProfile.LostSectors })
                CheckMutated(StepBroker.Open(disk.Crash(profile, moments)), isMutated: !isOver);
        }
        moments.Should().BeGreaterThan(20);
    }

    private static void Mutate(StepBroker broker, ProducerIdentity identity)
    {
        broker.Append("orders", 1, ("k", "plain"));
        broker.AppendIn("t", identity, "orders", 0, 0, ("k", "whole 0"));
        broker.AppendIn("t", identity, "orders", 1, 0, ("k", "whole 1"));
        broker.End("t", identity, commit: true, broker.OffsetOf("g", "orders", 0, 4));
    }

    private static void CheckMutated(StepBroker broker, bool isMutated)
    {
        var values = broker.Values("orders").Concat(broker.Values("orders", 1)).Select(value => value.Split(" xx")[0]).ToList();
        values.Should().OnlyHaveUniqueItems();
        values.Should().Contain(Enumerable.Range(0, 8).Select(i => $"before {i}"));
        values.Should().HaveCount(isMutated ? 11 : 8);
        broker.CommittedOf("g", "orders").Should().Be(isMutated ? 4 : null);
    }

    /// <summary>Enough for several segments, a checkpoint that writes them, and another that replaces it.</summary>
    private static Life RollTwice(SimulatedDisk disk, Promises promises)
    {
        var life = Life.Open(disk, promises);
        life.Run(now => now.CreateTopicsAsync());
        for (var round = 0; round < 2; round++)
        {
            for (var record = 0; record < 8; record++)
                life.Run(now => now.SendAsync(Life.Bulk, 0, BulkBytes));
            life.Engine.Checkpoint();
        }
        life.Run(now => now.SendAsync(Life.Bulk, 0, BulkBytes));
        return life;
    }

    private sealed class Scene
    {
        public Promises Promises { get; } = new();

        public long From { get; set; }

        public int Acknowledged { get; set; }
    }

    /// <summary>A compacted topic, the last value of each key that was acknowledged, and how far the log had got.</summary>
    private sealed class PriceScene
    {
        public const string Prices = "prices";

        private readonly Dictionary<string, string> _last = [];
        private long _next;
        private int _count;

        public CleanupPolicy Cleanup { get; init; } = CleanupPolicy.Compact;

        public long From { get; set; }

        public long LogStart { get; set; }

        public StepBroker FillAndCheckpoint(SimulatedDisk disk)
        {
            var broker = StepBroker.Open(disk);
            broker.CreateTopic(Prices, topic => (topic.Cleanup, topic.SegmentBytes) = (Cleanup, 16 << 10));
            Fill(broker, rounds: 6);
            broker.Engine.Checkpoint();
            From = disk.Operations;
            return broker;
        }

        public StepBroker FillAndCompact(SimulatedDisk disk)
        {
            var broker = FillAndCheckpoint(disk);
            broker.Engine.CompactLogs(broker.NowMs);
            return broker;
        }

        public void Fill(StepBroker broker, int rounds)
        {
            for (var i = 0; i < rounds * 5; i++)
            {
                var (key, value) = ($"key-{i % 5}", $"{_count++}|{new string('x', 2_500)}");
                _next = broker.Append(Prices, 0, (key, value)) + 1;
                _last[key] = value;
            }
        }

        public void Check(SimulatedDisk disk)
        {
            var broker = StepBroker.Open(disk);
            var found = new Dictionary<string, string>();
            var records = broker.Read(Prices);
            foreach (var (_, key, value) in records)
                found[key] = value;
            foreach (var (key, value) in _last)
                Promises.Require(
                    found.TryGetValue(key, out var there) && Number(there) >= Number(value), $"{key} was {Number(value)} and is {(there is null ? "lost" : Number(there))}.");
            var mark = broker.Find(Prices).VisibleMark;
            Promises.Require(mark.LogEnd >= _next, $"The log reached {_next} and ends at {mark.LogEnd}.");
            using (var below = new PartitionCursor(broker.Find(Prices), 0, IsolationLevel.ReadUncommitted))
                Promises.Require(LogStart == 0 || below.TryRead(1 << 20, out _) == CursorStatus.OutOfRange, "Deleted records can be read.");
            var start = broker.Find(Prices).View.LogStart;
            Promises.Require(start >= LogStart && records.All(record => record.Offset >= LogStart), $"The log began at {LogStart} and begins at {start}.");
            broker.Append(Prices, 0, ("key-0", $"{_count}|")).Should().BeGreaterThanOrEqualTo(_next);
        }

        private static int Number(string value) => int.Parse(value.Split('|')[0], System.Globalization.CultureInfo.InvariantCulture);
    }
}
