using ExactlyOnce.Engine.Journal;
using ExactlyOnce.Testing.Disks;

namespace ExactlyOnce.Tests.Engine.Journal;

/// <summary>
/// The journal against a model: whatever happens at whichever disk operation, what is replayed is a prefix of what was enqueued, byte for byte, and holds
/// everything that was acknowledged. Frames of recycled files, of earlier generations and of earlier lives never come back.
/// </summary>
public sealed class JournalCrashTests
{
    private static readonly CrashProfile[] s_profiles = Enum.GetValues<CrashProfile>();

    public static TheoryData<Durability, int> Workloads => new()
    {
        { Durability.Flushed, 1 },
        { Durability.Flushed, 2 },
        { Durability.Written, 3 },
    };

    [Theory]
    [MemberData(nameof(Workloads))]
    public void No_power_cut_at_any_operation_loses_what_was_acknowledged(Durability durability, int seed)
    {
        var whole = Live(durability, seed, long.MaxValue).Disk;
        whole.Trace.Should().Contain(line => line.Contains("rename /data/journal/", StringComparison.Ordinal), "the workload writes into recycled files");
        var operations = whole.Operations;
        for (var crashAt = 1L; crashAt <= operations + 1; crashAt++)
        {
            var life = Live(durability, seed, crashAt);
            foreach (var profile in s_profiles)
            {
                for (var damage = 0; damage < 2; damage++)
                    Reopen(life, profile, (int)(crashAt * 31) + damage, $"crash at {crashAt}, {profile}, damage {damage}").Should().NotBeNull();
            }
        }
    }

    [Theory]
    [InlineData(Durability.Flushed)]
    [InlineData(Durability.Written)]
    public void Nothing_comes_back_over_many_lives(Durability durability)
    {
        for (var seed = 0; seed < 25; seed++)
        {
            var random = new Random(seed);
            var life = Live(durability, seed, random.Next(1, 150));
            for (var lives = 0; lives < 5; lives++)
            {
                var profile = s_profiles[random.Next(s_profiles.Length)];
                var next = life.Crash(profile, random.Next());
                if (random.Next(3) != 0)
                    next.Disk.CrashAt(random.Next(1, 120));
                if (TryOpen(next, life.MustSurvive(profile), random.Next(2) == 0))
                    Try(() => next.Work(seed * 100 + lives, rounds: 12));
                else
                    next.Owe(life, profile);
                life = next;
            }
        }
    }

    [Theory]
    [InlineData(FaultKind.IoError)]
    [InlineData(FaultKind.NoSpace)]
    public void A_failed_operation_at_any_place_freezes_the_journal_and_loses_nothing_acknowledged(FaultKind kind)
    {
        var operations = Live(Durability.Flushed, 4, long.MaxValue).Disk.Operations;
        for (var failAt = 1L; failAt <= operations; failAt++)
        {
            var life = JournalHarness.Create(new SimulatedDisk());
            life.Disk.FailAt(failAt, kind);
            if (!TryOpen(life, 0, removesOrphans: true))
                continue;
            life.Work(4);
            if (life.Journal.Failure is { } failure)
                AssertFrozen(life, failure, kind);
            foreach (var profile in s_profiles)
                Reopen(life, profile, (int)failAt, $"{kind} at {failAt}, {profile}").Should().NotBeNull();
        }
    }

    [Fact]
    public void A_failed_sync_is_not_believed_when_it_succeeds_later()
    {
        var life = Live(Durability.Flushed, 5, long.MaxValue);
        var acknowledged = life.AcknowledgedLsn;
        life.Disk.FailAt(life.Disk.Operations + 2, FaultKind.IoError);
        life.Enqueue(new Random(1));
        life.Journal.Drive();

        life.Journal.Failure.Should().NotBeNull();
        life.Journal.VisibleLsn.Should().Be(acknowledged);
        var syncs = life.Disk.Syncs;
        life.Enqueue(new Random(2));
        life.Journal.Drive();
        life.Journal.VouchIfIdle();
        life.Disk.Syncs.Should().Be(syncs, "a sync that failed is never tried again");
        life.AcknowledgedLsn.Should().Be(acknowledged);
    }

    [Fact]
    public void A_read_error_while_replaying_refuses_to_open_instead_of_cutting_the_journal()
    {
        var life = Live(Durability.Flushed, 6, long.MaxValue);
        var reads = 0;
        for (var failAt = 1; ; failAt++)
        {
            var next = life.Crash(CrashProfile.AllSurvive, 0);
            var manifest = Manifest.Read(next.Disk, JournalHarness.Directory)!;
            next.Disk.FailReadAt(failAt);
            try
            {
                JournalHarness.Replay(next.Disk, manifest, life.History, life.AcknowledgedLsn);
                break;
            }
            catch (StorageException exception)
            {
                exception.Message.Should().Contain("simulated EIO");
                reads++;
            }
        }
        reads.Should().BeGreaterThan(10);
    }

    private static void AssertFrozen(JournalHarness life, StorageException failure, FaultKind kind)
    {
        var (visible, acknowledged) = (life.Journal.VisibleLsn, life.AcknowledgedLsn);
        failure.Code.Should().Be(kind == FaultKind.NoSpace ? ErrorCode.DiskFull : ErrorCode.StorageFailure);
        life.Journal.Invoking(journal => journal.ThrowIfFailed()).Should().Throw<StorageException>().Which.Code.Should().Be(failure.Code);
        life.Enqueue(new Random(1));
        life.Journal.Drive();
        life.Journal.VisibleLsn.Should().Be(visible);
        life.AcknowledgedLsn.Should().Be(acknowledged);
        acknowledged.Should().BeLessThanOrEqualTo(visible);
    }

    private static JournalHarness Live(Durability durability, int seed, long crashAt)
    {
        var life = JournalHarness.Create(new SimulatedDisk(), durability);
        life.Disk.CrashAt(crashAt);
        if (TryOpen(life, 0, removesOrphans: true))
            Try(() => life.Work(seed));
        return life;
    }

    private static JournalHarness Reopen(JournalHarness life, CrashProfile profile, int seed, string because)
    {
        var next = life.Crash(profile, seed);
        try
        {
            next.Open(life.MustSurvive(profile));
        }
        catch (Exception exception)
        {
            throw new InvalidOperationException($"{because}: {exception.Message}\n{string.Join('\n', life.Disk.Trace.TakeLast(12))}", exception);
        }
        return next;
    }

    private static bool TryOpen(JournalHarness life, long mustReachLsn, bool removesOrphans)
    {
        try
        {
            life.Open(mustReachLsn, removesOrphans);
            return true;
        }
        catch (Exception exception) when (exception is SimulatedCrash || exception.Message.Contains("simulated", StringComparison.Ordinal))
        {
            return false;
        }
    }

    private static void Try(Action action)
    {
        try
        {
            action();
        }
        catch (SimulatedCrash)
        {
        }
    }
}
