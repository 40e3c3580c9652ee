using System.Buffers.Binary;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Engine.Journal;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Testing.Disks;

namespace ExactlyOnce.Tests.Engine.Journal;

public sealed class ManifestTests
{
    private readonly SimulatedDisk _disk = new();

    private static Manifest Sample => new()
    {
        CheckpointLsn = 1234,
        IsClean = true,
        LeaderEpoch = 3,
        NextGeneration = 9,
        CheckpointFile = "checkpoint-ä",
        JournalFiles = [new JournalFile(5, 1000, 0xDEADBEEF, "a"), new JournalFile(8, 2000, 7, "b")],
    };

    [Fact]
    public void What_is_written_is_read()
    {
        new ManifestStore(_disk, "/", new Manifest()).Update(_ => Sample);
        var read = Manifest.Read(_disk, "/")!;
        read.Should().BeEquivalentTo(Sample);
        read.VouchedLsn.Should().Be(2000);
        _disk.List("/").Should().Equal("manifest");
    }

    [Fact]
    public void An_id_is_kept_and_only_then_is_the_format_a_newer_one()
    {
        var id = Guid.NewGuid();

        new ManifestStore(_disk, "/", Sample).Update(manifest => manifest with { Id = id });

        Manifest.Read(_disk, "/").Should().BeEquivalentTo(Sample with { Id = id });
        BinaryPrimitives.ReadInt32LittleEndian((Sample with { Id = id }).Encode().AsSpan(4)).Should().Be(2);
        BinaryPrimitives.ReadInt32LittleEndian(Sample.Encode().AsSpan(4)).Should().Be(1);
    }

    [Fact]
    public void A_directory_without_a_manifest_has_none() => Manifest.Read(_disk, "/").Should().BeNull();

    [Fact]
    public void A_newer_version_is_refused_with_a_message_that_says_so()
    {
        var bytes = Sample.Encode();
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), Manifest.Version + 1);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(bytes.Length - 4), Crc32C.Compute(bytes.AsSpan(0, bytes.Length - 4)));
        Put(bytes);
        _disk.Invoking(disk => Manifest.Read(disk, "/")).Should().Throw<StorageException>().WithMessage($"*version {Manifest.Version + 1}*newer*")
            .Which.Code.Should().Be(ErrorCode.UnsupportedVersion);
    }

    [Fact]
    public void A_manifest_cut_short_or_grown_is_refused()
    {
        var bytes = Sample.Encode();
        for (var length = 0; length < bytes.Length; length++)
            Refuses(bytes[..length]);
        Refuses([.. bytes, 0]);
    }

    [Fact]
    public void Fields_that_lead_outside_are_refused_although_the_checksum_is_right()
    {
        var bytes = Sample.Encode();
        for (var position = 8; position <= bytes.Length - 8; position++)
        {
            var changed = (byte[])bytes.Clone();
            BinaryPrimitives.WriteInt32LittleEndian(changed.AsSpan(position), int.MaxValue);
            BinaryPrimitives.WriteUInt32LittleEndian(changed.AsSpan(bytes.Length - 4), Crc32C.Compute(changed.AsSpan(0, bytes.Length - 4)));
            Put(changed);
            try
            {
                Manifest.Read(_disk, "/")!.Encode().Should().HaveCount(bytes.Length);
            }
            catch (DamagedStorageException)
            {
            }
        }
    }

    [Fact]
    public void Files_wholly_in_front_of_a_checkpoint_are_not_needed_and_the_last_one_stays()
    {
        Sample.JournalFilesAfter(1999).Should().HaveCount(2);
        Sample.JournalFilesAfter(2000).Should().ContainSingle().Which.Generation.Should().Be(8);
        Sample.JournalFilesAfter(9999).Should().ContainSingle();
        new Manifest().JournalFilesAfter(5).Should().BeEmpty();
    }

    [Fact]
    public void An_update_is_whole_or_not_at_all_wherever_the_power_fails()
    {
        for (var crashAt = 1; crashAt <= 12; crashAt++)
        {
            var disk = new SimulatedDisk();
            var store = new ManifestStore(disk, "/", new Manifest());
            store.Update(_ => Sample);
            disk.CrashAt(disk.Operations + crashAt);
            var isDone = false;
            try
            {
                store.Update(manifest => manifest with { LeaderEpoch = 4 });
                isDone = true;
            }
            catch (SimulatedCrash)
            {
            }
            foreach (var profile in Enum.GetValues<CrashProfile>())
            {
                for (var seed = 0; seed < 10; seed++)
                    Manifest.Read(disk.Crash(profile, seed), "/")!.LeaderEpoch.Should().BeInRange(isDone ? 4 : 3, 4);
            }
        }
    }

    [Fact]
    public void An_update_without_space_can_be_tried_again()
    {
        var store = new ManifestStore(_disk, "/", new Manifest());
        store.Update(_ => Sample);
        _disk.FailAt(_disk.Operations + 2, FaultKind.NoSpace);
        store.Invoking(store => store.Update(manifest => manifest with { LeaderEpoch = 4 })).Should().Throw<StorageException>()
            .Which.Code.Should().Be(ErrorCode.DiskFull);
        Manifest.Read(_disk, "/")!.LeaderEpoch.Should().Be(3);
        store.Current.LeaderEpoch.Should().Be(3);
        store.Update(manifest => manifest with { LeaderEpoch = 5 });
        Manifest.Read(_disk, "/")!.LeaderEpoch.Should().Be(5);
    }

    [Fact]
    public void After_a_failure_that_leaves_two_manifests_possible_there_is_no_other_update()
    {
        var store = new ManifestStore(_disk, "/", new Manifest());
        store.Update(_ => Sample);
        _disk.FailAt(_disk.Operations + 5, FaultKind.IoError);
        var update = () => store.Update(manifest => manifest with { LeaderEpoch = 4 });
        update.Should().Throw<StorageException>();
        var operations = _disk.Operations;
        update.Should().Throw<StorageException>();
        _disk.Operations.Should().Be(operations);
    }

    private void Refuses(byte[] bytes)
    {
        Put(bytes);
        _disk.Invoking(disk => Manifest.Read(disk, "/")).Should().Throw<DamagedStorageException>().Which.FilePath.Should().Be("/manifest");
    }

    private void Put(byte[] bytes)
    {
        using var file = _disk.Open("/manifest", FileOpening.Create);
        file.Write(0, bytes);
    }
}
