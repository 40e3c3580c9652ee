using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Tests.Engine.Log;
using ExactlyOnce.Tests.Engine.Recovery;

namespace ExactlyOnce.Tests.Museum;

/// <summary>Family S: bytes on disk are torn, stale, damaged or gone.</summary>
public sealed class StorageDamageMuseumTests
{
    // Kafka's design text, LevelDB #251: a half-written batch at the tail. Here the last group of the journal ends at each of its bytes, in zeros or with the
    // file: everything in front of it is there, and the tail is cut.
    [Fact]
    public void Museum_S07_HalfWrittenBatchAtTail()
    {
        var disk = new SimulatedDisk();
        var broker = Fill(disk);
        var whole = broker.Values("orders");
        var last = broker.Append("orders", 0, ("k", "the last"));
        var (path, position) = OpeningTests.JournalWrite(disk, fromLast: 0);
        var group = disk.ReadAll(path).AsSpan((int)position, 4096).TrimEnd((byte)0).Length;
        group.Should().BeGreaterThan(100);
        for (var cut = 0; cut < group; cut++)
        {
            var (zeroed, truncated) = (disk.Crash(CrashProfile.AllSurvive, 0), disk.Crash(CrashProfile.AllSurvive, 0));
            StepBroker.Overwrite(zeroed, path, position + cut, new byte[4096 - cut]);
            using (var file = truncated.Open(path, FileOpening.ReadWrite))
                file.SetLength(position + cut);

            foreach (var torn in new[] { zeroed, truncated })
            {
                var found = StepBroker.Open(torn);
                found.Values("orders").Should().Equal(whole, $"the last group has {cut} of {group} bytes");
                found.Append("orders", 0, ("k", "again")).Should().Be(last);
            }
        }
    }

    // LogCabin #191 and #221, SierraDB PR 13, InfluxDB #27654: after a power cut a file was longer than its data, with zeros, garbage or an old block behind
    // it; some did not start, some brought the old block back. Here segments and journal are followed by zeros, by noise and by older valid bytes of their own,
    // and new files are empty or all zeros.
    [Fact]
    public void Museum_S08_ZeroFilledOrStaleTail()
    {
        var disk = new SimulatedDisk();
        var broker = Fill(disk);
        broker.Append("orders", 0, ("k", "in the journal only"));
        var whole = broker.Values("orders");
        var segment = StepBroker.FilesOn(disk).Last(path => path.EndsWith(".log", StringComparison.Ordinal));
        var (journal, last) = OpeningTests.JournalWrite(disk, fromLast: 0);
        var (earlierJournal, earlier) = OpeningTests.JournalWrite(disk, fromLast: 1);
        foreach (var length in new[] { 1, 60, 61, 512, 4_096, 8_192 })
        {
            var noise = new byte[length];
            new Random(length).NextBytes(noise);
            foreach (var tail in new[] { new byte[length], noise, disk.ReadAll(segment)[..length] })
                Expect(disk, whole, torn => StepBroker.Overwrite(torn, segment, disk.ReadAll(segment).Length, tail));
            foreach (var tail in new[] { new byte[length], noise, disk.ReadAll(earlierJournal).AsSpan((int)earlier, length).ToArray() })
                Expect(disk, whole, torn => StepBroker.Overwrite(torn, journal, last + 4_096, tail));
        }
        foreach (var (path, bytes) in new[] { ("/topics/1-orders-0/00000000000000000900.log", 4_096), ("/00000000000000000900.checkpoint", 0), ("/manifest.new", 0) })
            Expect(disk, whole, torn =>
            {
                var folder = StepBroker.FilesOn(torn).Last(file => file.EndsWith(".log", StringComparison.Ordinal));
                var target = path.StartsWith("/topics", StringComparison.Ordinal) ? Path.GetDirectoryName(folder) + "/" + Path.GetFileName(path) : StepBroker.Root + path;
                using var file = torn.Open(target, FileOpening.Create);
                file.Write(0, new byte[bytes]);
            });
    }

    // NATS 0d5bb5e51 and fbeb92f91: a key file was not synced, and without it nothing could be read. Here every file of a directory, closed in order or not, is
    // lost: either nothing is missing because of it, or the broker refuses to open, says which file it misses, and changes nothing. (That each is durable
    // before what needs it: S01 and S03.)
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Museum_S24_AuxiliaryFileNotSynced(bool isClean)
    {
        var disk = new SimulatedDisk();
        var broker = Fill(disk);
        broker.Append("orders", 0, ("k", "newest"));
        broker.Engine.Journal.VouchIfIdle();
        var whole = broker.Values("orders");
        if (isClean)
            broker.Close();
        disk = disk.Crash(CrashProfile.AllSurvive, 0);
        var (refused, harmless) = (new List<string>(), new List<string>());
        foreach (var path in StepBroker.FilesOn(disk))
        {
            var damaged = disk.Crash(CrashProfile.AllSurvive, 0);
            damaged.Delete(path);
            (IsRefused(damaged, path, whole) ? refused : harmless).Add(Path.GetExtension(path) is { Length: > 0 } suffix ? suffix : Path.GetFileName(path));
        }
        refused.Distinct().Should().BeEquivalentTo(isClean ? ["manifest", ".checkpoint", ".log"] : ["manifest", ".checkpoint", ".log", ".journal"]);
        harmless.Should().Contain([".index", ".timeindex", ".txnindex", ".snapshot", "lock"]);
    }

    // NATS #7549: one flipped bit, and the middle of a stream was gone without a word. Here a bit is flipped in every byte of the small files, in the heads of
    // groups and batches, and in every 1,021st byte besides: all is there as it was, or the broker refuses, names the file and leaves every byte where it is.
    [Fact]
    public void Museum_S27_FlippedBit()
    {
        var disk = new SimulatedDisk();
        var broker = Fill(disk);
        for (var i = 0; i < 3; i++)
            broker.Append("orders", 0, ("k", $"in the journal {i}"));
        broker.Engine.Journal.VouchIfIdle();
        var whole = broker.Values("orders");
        disk = disk.Crash(CrashProfile.AllSurvive, 0);
        var (flips, refusals) = (0, 0);
        foreach (var path in StepBroker.FilesOn(disk))
        {
            var bytes = disk.ReadAll(path);
            var isSmall = bytes.Length <= 2_048;
            for (var position = 0; position < bytes.Length; position++)
            {
                var isHead = position % 4_096 < 160 && bytes[position] != 0;
                if (!isSmall && position % 1_021 != 0 && (!isHead || position % 3 != 0))
                    continue;
                var damaged = disk.Crash(CrashProfile.AllSurvive, 0);
                damaged.Flip(path, position, (byte)(1 << (position % 8)));
                flips++;
                refusals += IsRefused(damaged, path, whole) ? 1 : 0;
            }
        }
        flips.Should().BeGreaterThan(600);
        refusals.Should().BeGreaterThan(200);
    }

    // NATS #7556, #4410, #6888: with its metadata damaged a stream was taken for an orphan and deleted. Here manifest and checkpoint are gone, empty, cut,
    // zeroed or full of noise: the broker refuses, names the file and deletes nothing.
    [Fact]
    public void Museum_S28_CorruptMetadataDeletesOrphans()
    {
        var disk = new SimulatedDisk();
        var broker = Fill(disk);
        broker.Engine.Journal.VouchIfIdle();
        var whole = broker.Values("orders");
        disk = disk.Crash(CrashProfile.AllSurvive, 0);
        var metadata = StepBroker.FilesOn(disk).Where(path => path.EndsWith("manifest", StringComparison.Ordinal) || path.EndsWith(".checkpoint", StringComparison.Ordinal)).ToList();
        metadata.Should().HaveCount(2);
        foreach (var path in metadata)
        {
            var length = disk.ReadAll(path).Length;
            var noise = new byte[length];
            new Random(1).NextBytes(noise);
            Action<SimulatedDisk>[] damages =
            [
                damaged => damaged.Delete(path),
                damaged => Cut(damaged, path, 0),
                damaged => Cut(damaged, path, length / 2),
                damaged => Cut(damaged, path, length - 1),
                damaged => StepBroker.Overwrite(damaged, path, 0, new byte[length]),
                damaged => StepBroker.Overwrite(damaged, path, 0, noise),
            ];
            foreach (var damage in damages)
            {
                var damaged = disk.Crash(CrashProfile.AllSurvive, 0);
                damage(damaged);
                IsRefused(damaged, path, whole).Should().BeTrue();
            }
        }
    }

    // EventStore PR 1653: the last chunk but one was never verified (off by one). Here a log has 1 to 5 segments and each of them is damaged in turn: reading
    // the log finds it, names its file, and gives out everything in front of it.
    [Fact]
    public void Museum_S30_SecondToLastChunkNeverVerified()
    {
        for (var count = 1; count <= 5; count++)
        {
            for (var damaged = 0; damaged < count; damaged++)
            {
                var disk = new MemoryDisk();
                using var log = new TestLog(disk, new() { SegmentBytes = 1 });
                for (var segment = 0; segment < count; segment++)
                    log.Append(TestBatch.Of(("k", $"value of segment {segment}")));
                log.Checkpoint();
                log.Reopen();
                log.Segments.Should().HaveCount(count);
                var path = log.Segments[damaged].File.LogPath;
                LogCursorTests.Flip(disk, path, 75);

                log.ReadAll(limit: damaged).Should().HaveCount(damaged);
                log.Invoking(read => read.ReadAll()).Should().Throw<DamagedStorageException>().Which.FilePath.Should().Be(path);
                log.ReadAll(from: damaged + 1).Should().HaveCount(count - damaged - 1);
            }
        }
    }

    // KAFKA-13603: an index that was empty, and therefore not there, counted as corruption. Here every index and snapshot file is deleted alone, all together,
    // and in 40 random sets: the broker opens, every index it had is there again byte for byte, and reads say the same.
    [Fact]
    public void Museum_S33_MissingIndex()
    {
        var disk = new SimulatedDisk();
        var broker = Fill(disk);
        var whole = broker.Values("orders");
        disk = disk.Crash(CrashProfile.AllSurvive, 0);
        string[] kept = [".log", ".journal", ".checkpoint", "manifest", "lock"];
        var files = StepBroker.FilesOn(disk).Where(path => !kept.Any(suffix => path.EndsWith(suffix, StringComparison.Ordinal))).ToList();
        files.Count.Should().BeGreaterThan(6);
        var sets = files.Select(path => new List<string> { path }).Append(files).ToList();
        for (var seed = 0; seed < 40; seed++)
        {
            var random = new Random(seed);
            sets.Add([.. files.Where(_ => random.Next(2) == 0)]);
        }
        foreach (var missing in sets)
        {
            var incomplete = disk.Crash(CrashProfile.AllSurvive, 0);
            missing.ForEach(incomplete.Delete);
            var opened = StepBroker.Open(incomplete);
            opened.Values("orders").Should().Equal(whole);
            foreach (var path in missing.Where(path => path.EndsWith("index", StringComparison.Ordinal)))
                incomplete.ReadAll(path).Should().Equal(disk.ReadAll(path), $"{path} is made anew from the log");
        }
    }

    // KAFKA-765 and KAFKA-4384: one corrupt message stopped the broker. Here a stored batch of one partition is damaged: its readers are told where, the other
    // partition reads on, and both take new records.
    [Fact]
    public void Museum_S37_CorruptMessageStopsBroker()
    {
        var (broker, path) = OpenWithDamage();

        broker.Invoking(now => now.Read("orders")).Should().Throw<DamagedStorageException>().Which.FilePath.Should().Be(path);
        broker.Values("orders", 1).Should().HaveCount(12);
        broker.Append("orders", 0, ("k", "new")).Should().Be(12);
        broker.Append("orders", 1, ("k", "new")).Should().Be(12);
        broker.Engine.Checkpoint();
        broker.Engine.Journal.Failure.Should().BeNull();
    }

    // KAFKA-5211 and KAFKA-5630: a consumer that met a corrupt record looped without an error, or skipped it in silence. Here it is told again and again, its
    // position stays in front of the damage, and only a seek of its own moves it past.
    [Fact]
    public void Museum_S38_ConsumerLoopsOrSkipsOnCorruptRecord()
    {
        var (broker, path) = OpenWithDamage();
        broker.Run(async () =>
        {
            await using var consumer = broker.Broker.CreateConsumer(Topic.Create("orders", Serdes.Utf8, Serdes.Utf8)).WithPartitions(0).Build();
            var partition = new TopicPartition("orders", 0);
            var read = new List<long>();
            for (var attempt = 0; attempt < 3; attempt++)
            {
                var told = await FluentActions.Awaiting(ReadOnAsync).Should().ThrowAsync<DamagedStorageException>();
                told.Which.FilePath.Should().Be(path);
                consumer.Position(partition).Should().Be(2);
                read.Should().Equal([0, 1]);
            }
            await consumer.SeekAsync(partition, 3);
            await ReadOnAsync();
            read.Should().Equal([0, 1, .. Enumerable.Range(3, 9).Select(offset => (long)offset)]);

            async Task ReadOnAsync()
            {
                await foreach (var record in consumer.ReadToEndAsync())
                    read.Add(record.Offset);
            }
        });
    }

    /// <summary>A topic of some segments with committed and aborted transactions, a checkpoint, and a little in the journal behind it.</summary>
    private static StepBroker Fill(SimulatedDisk disk)
    {
        var broker = StepBroker.Open(disk, StepBroker.Small with { JournalFileBytes = 128 << 10 });
        broker.CreateTopic("orders", topic => topic.SegmentBytes = 32 << 10);
        var identity = broker.InitProducer("t");
        for (var i = 0; i < 10; i++)
        {
            broker.Append("orders", 0, ("k", $"{i} {new string('x', 8_000)}"));
            broker.AppendIn("t", identity, "orders", 0, 0, ("k", $"transaction {i}"));
            identity = broker.End("t", identity, commit: i % 2 == 0).Decision.Identity;
        }
        broker.Engine.Checkpoint();
        return broker;
    }

    private static (StepBroker Broker, string Path) OpenWithDamage()
    {
        var disk = new SimulatedDisk();
        var broker = StepBroker.Open(disk);
        broker.CreateTopic("orders", topic => (topic.Partitions, topic.SegmentBytes) = (2, 32 << 10));
        for (var i = 0; i < 24; i++)
            broker.Append("orders", i % 2, ("k", $"{i / 2} {new string('x', 8_000)}"));
        broker.Engine.Checkpoint();
        var path = StepBroker.FilesOn(disk).First(file => file.EndsWith(".log", StringComparison.Ordinal));
        disk = disk.Crash(CrashProfile.AllSurvive, 0);
        disk.Flip(path, 2 * 8_100, 1);
        return (StepBroker.Open(disk), path);
    }

    private static void Cut(IDisk disk, string path, long length)
    {
        using var file = disk.Open(path, FileOpening.ReadWrite);
        file.SetLength(length);
    }

    private static void Expect(SimulatedDisk disk, List<string> whole, Action<SimulatedDisk> damage)
    {
        var damaged = disk.Crash(CrashProfile.AllSurvive, 0);
        damage(damaged);
        var opened = StepBroker.Open(damaged);
        opened.Values("orders").Should().Equal(whole);
        opened.Append("orders", 0, ("k", "next")).Should().Be(opened.Read("orders")[^2].Offset + 1);
    }

    /// <summary>
    /// False when everything is as it was; true when the broker, or the reader, refused and named the file, with every file left as it was. Anything else
    /// fails.
    /// </summary>
    private static bool IsRefused(SimulatedDisk damaged, string path, List<string> whole)
    {
        var before = StepBroker.FilesOn(damaged).ToDictionary(file => file, damaged.ReadAll);
        StepBroker? opened = null;
        try
        {
            opened = StepBroker.Open(damaged);
            Promises.Require(opened.Values("orders").SequenceEqual(whole), $"{path}: something else is read than was written.");
            return false;
        }
        catch (BrokerException exception)
        {
            Promises.Require(exception.Message.Contains(path, StringComparison.Ordinal), $"{path} is damaged, and the refusal says: {exception.Message}");
            if (opened is not null)
                return true;
            var after = StepBroker.FilesOn(damaged);
            Promises.Require(before.All(file => after.Contains(file.Key) && damaged.ReadAll(file.Key).AsSpan().SequenceEqual(file.Value)), $"{path}: a refused directory was changed.");
            return true;
        }
    }
}
