using ExactlyOnce.Engine.Journal;
using ExactlyOnce.Testing.Disks;

namespace ExactlyOnce.Tests.Engine.Journal;

/// <summary>Damage in front of valid data refuses to open and says where; a torn tail is cut.</summary>
public sealed class JournalDamageTests
{
    private const string File = "/data/journal/00000000000000000001.journal";

    [Fact]
    public void Damage_in_the_middle_refuses_and_names_file_and_position()
    {
        var life = ThreeGroups(vouched: false);
        life.Disk.Flip(File, 4096 + 100, 1);

        var refused = life.Invoking(life => Replay(life)).Should().Throw<DamagedStorageException>().Which;
        refused.FilePath.Should().Be(File);
        refused.Position.Should().Be(4096);
        refused.Code.Should().Be(ErrorCode.DamagedStorage);
        refused.Recovery.Should().Be(ErrorRecovery.Stop);
        refused.Message.Should().Contain(File).And.Contain("4096");
    }

    [Fact]
    public void A_bad_last_group_is_a_torn_tail_and_is_cut()
    {
        var life = ThreeGroups(vouched: false);
        life.Disk.Flip(File, 8192 + 100, 1);

        Replay(life, out var hasTornTail).Should().Be(life.History[1].Lsn);
        hasTornTail.Should().BeTrue();
    }

    [Fact]
    public void A_bad_last_group_that_was_vouched_for_is_damage()
    {
        var life = ThreeGroups(vouched: true);
        life.Disk.Flip(File, 8192 + 100, 1);
        life.Invoking(life => Replay(life)).Should().Throw<DamagedStorageException>().Which.Position.Should().Be(8192);
    }

    [Fact]
    public void A_lost_vouching_group_loses_nothing()
    {
        var life = ThreeGroups(vouched: true);
        life.Enqueue(new Random(9), payloadMax: 100);
        life.Journal.Drive();
        life.Disk.Flip(File, 3 * 4096 + 10, 1);
        Replay(life).Should().Be(life.History[3].Lsn);
    }

    [Fact]
    public void The_manifest_vouches_for_files_in_front_of_the_last()
    {
        var life = JournalHarness.Create(new SimulatedDisk());
        life.Open();
        var random = new Random(1);
        while (life.Manifests.Current.JournalFiles.Length < 2)
        {
            life.Enqueue(random);
            life.Journal.Drive();
        }
        var lastOfFirst = life.History.Last(frame => frame.Lsn <= life.Manifests.Current.JournalFiles[1].BaseLsn);
        FlipLastGroup(life);
        life.Invoking(life => Replay(life)).Should().Throw<DamagedStorageException>()
            .Which.Message.Should().Contain($"vouches for everything up to {lastOfFirst.Lsn}").And.Contain(File);
    }

    [Fact]
    public void A_group_of_another_generation_seed_or_place_is_nothing()
    {
        var life = ThreeGroups(vouched: true);
        var manifest = Manifest.Read(life.Disk, JournalHarness.Directory)!;
        var file = manifest.JournalFiles[0];
        foreach (var other in (JournalFile[])[file with { Seed = file.Seed + 1 }, file with { Generation = file.Generation + 1 }])
        {
            using var reader = new JournalReader(life.Disk, JournalHarness.Directory, manifest with { NextGeneration = 9, JournalFiles = [other] });
            reader.TryRead(out _).Should().BeFalse();
            reader.EndLsn.Should().Be(0);
        }

        var bytes = life.Disk.ReadAll(File);
        using (var moved = life.Disk.Open(File, ExactlyOnce.Engine.Disk.FileOpening.ReadWrite))
        {
            moved.Write(0, new byte[4096]);
            moved.Write(32 * 1024, bytes.AsSpan(0, 4096));
        }
        life.Invoking(life => Replay(life)).Should().Throw<DamagedStorageException>("a first group at another place does not begin the journal").Which.Position.Should().Be(0);
    }

    [Fact]
    public void A_missing_journal_file_is_damage()
    {
        var life = ThreeGroups(vouched: false);
        life.Disk.Delete(File);
        life.Invoking(life => Replay(life)).Should().Throw<DamagedStorageException>().Which.FilePath.Should().Be(File);
    }

    [Fact]
    public void Every_flipped_bit_of_a_small_journal_refuses_or_keeps_all_that_was_vouched_for()
    {
        var life = ThreeGroups(vouched: true, payloadMax: 60);
        var acknowledged = life.AcknowledgedLsn;
        var refusals = 0;
        foreach (var group in (ReadOnlySpan<int>)[0, 4096, 8192, 3 * 4096])
        {
            for (var position = group; position < group + 400; position++)
            {
                for (var bit = 0; bit < 8; bit++)
                    refusals += RefusesFlip(life, position, (byte)(1 << bit), acknowledged) ? 1 : 0;
            }
        }
        refusals.Should().BeGreaterThan(3 * 64 * 8, "the three groups' headers are covered whole, and their frames");
    }

    [Fact]
    public void Every_flipped_bit_of_the_manifest_is_refused()
    {
        var life = ThreeGroups(vouched: false);
        const string path = "/data/manifest";
        var length = life.Disk.ReadAll(path).Length;
        for (var position = 0; position < length; position++)
        {
            for (var bit = 0; bit < 8; bit++)
            {
                life.Disk.Flip(path, position, (byte)(1 << bit));
                life.Disk.Invoking(disk => Manifest.Read(disk, JournalHarness.Directory)).Should().Throw<DamagedStorageException>();
                life.Disk.Flip(path, position, (byte)(1 << bit));
            }
        }
    }

    private static bool RefusesFlip(JournalHarness life, int position, byte mask, long mustReach)
    {
        life.Disk.Flip(File, position, mask);
        try
        {
            Replay(life).Should().BeGreaterThanOrEqualTo(mustReach);
            return false;
        }
        catch (DamagedStorageException exception)
        {
            exception.Position.Should().Be(position / 4096 * 4096);
            return true;
        }
        finally
        {
            life.Disk.Flip(File, position, mask);
        }
    }

    private static void FlipLastGroup(JournalHarness life)
    {
        var bytes = life.Disk.ReadAll(File);
        for (var position = bytes.Length - 4096; position >= 0; position -= 4096)
        {
            if (!JournalGroupHeader.TryRead(bytes.AsSpan(position), out _, out _))
                continue;
            life.Disk.Flip(File, position + 70, 0x10);
            return;
        }
    }

    private static JournalHarness ThreeGroups(bool vouched, int payloadMax = 300)
    {
        var life = JournalHarness.Create(new SimulatedDisk());
        life.Open();
        var random = new Random(7);
        for (var group = 0; group < 3; group++)
        {
            life.EnqueueSmall(random, payloadMax);
            life.Journal.Drive();
        }
        if (vouched)
            life.Journal.VouchIfIdle();
        return life;
    }

    private static long Replay(JournalHarness life) => Replay(life, out _);

    private static long Replay(JournalHarness life, out bool hasTornTail)
    {
        var manifest = Manifest.Read(life.Disk, JournalHarness.Directory)!;
        using var reader = new JournalReader(life.Disk, JournalHarness.Directory, manifest);
        while (reader.TryRead(out _))
        {
        }
        hasTornTail = reader.HasTornTail;
        return JournalHarness.Replay(life.Disk, manifest, life.History, 0);
    }
}
