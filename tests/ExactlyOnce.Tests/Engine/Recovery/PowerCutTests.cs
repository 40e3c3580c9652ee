using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Testing.Workloads;
using Xunit.Abstractions;

namespace ExactlyOnce.Tests.Engine.Recovery;

/// <summary>The power fails, or the process dies, at every single disk operation of a script; the broker opens again and has kept every promise.</summary>
public sealed class PowerCutTests(ITestOutputHelper output)
{
    private const int Chunks = 8;

    private static readonly (CrashProfile Profile, int Seed)[] s_damages =
        [(CrashProfile.Prefix, 1), (CrashProfile.LostSectors, 2), (CrashProfile.Torn, 4), (CrashProfile.AllSurvive, 5)];

    [Fact]
    public void The_script_does_the_same_disk_operations_every_time_and_at_least_two_hundred()
    {
        var (first, second) = (new SimulatedDisk(), new SimulatedDisk());
        Script.Play(first, new Promises());
        Script.Play(second, new Promises());

        second.Trace.Should().Equal(first.Trace);
        first.Operations.Should().BeGreaterThan(200);
        first.Trace.Should().Contain(line => line.Contains("create /data/topics/", StringComparison.Ordinal), "segments were written");
        first.Trace.Count(line => line.Contains("create /data/journal/", StringComparison.Ordinal)).Should().BeGreaterThan(2, "the journal rolled");
        output.WriteLine($"{first.Operations} operations, {first.Syncs} file syncs");
    }

    [Fact]
    public void Without_a_crash_everything_the_script_did_is_there()
    {
        var (disk, promises) = (new SimulatedDisk(), new Promises());
        var life = Script.Play(disk, promises);
        promises.CheckAcknowledged(life.Run(now => now.ReadRecordsAsync(IsolationLevel.ReadUncommitted)));
        Survival.Require(disk.Crash(CrashProfile.AllSurvive, 0), promises, cutAgain: false);
        promises.AcknowledgedCount.Should().BeGreaterThan(50);
    }

    [Theory]
    [MemberData(nameof(ChunkNumbers))]
    public void A_crash_at_any_disk_operation_breaks_no_promise(int chunk)
    {
        var (cases, operation) = (0, (long)chunk);
        for (; TryCrashAt(operation, out var disk, out var promisesOf); operation += Chunks)
        {
            for (var damage = 0; damage < s_damages.Length; damage++)
            {
                var (profile, seed) = s_damages[damage];
                try
                {
                    Survival.Require(disk.Crash(profile, seed + (int)operation), promisesOf(), cutAgain: (operation / Chunks + damage) % 2 == 0);
                    cases++;
                }
                catch (Exception exception)
                {
                    throw Failed(exception, operation, profile, disk);
                }
            }
        }
        cases.Should().BeGreaterThan(200 / Chunks * s_damages.Length);
        output.WriteLine($"{cases} crashes");
    }

    [Theory]
    [MemberData(nameof(ChunkNumbers))]
    public void A_crash_at_any_disk_operation_of_the_recovery_breaks_no_promise(int chunk)
    {
        var cases = 0;
        for (var operation = 11L + 3 * chunk; TryCrashAt(operation, out var disk, out var promisesOf); operation += 97)
        {
            var (profile, seed) = s_damages[(chunk + (int)operation) % s_damages.Length];
            for (var second = 1; TryCrashWhileOpening(disk.Crash(profile, seed), second, promisesOf(), out var damaged); second++)
            {
                try
                {
                    Survival.Require(damaged.Crash(s_damages[second % s_damages.Length].Profile, second), promisesOf(), cutAgain: false);
                    cases++;
                }
                catch (Exception exception)
                {
                    throw Failed(exception, operation, profile, damaged);
                }
            }
        }
        cases.Should().BePositive();
        output.WriteLine($"{cases} crashes of recoveries");
    }

    public static TheoryData<int> ChunkNumbers()
    {
        var numbers = new TheoryData<int>();
        for (var chunk = 1; chunk <= Chunks; chunk++)
            numbers.Add(chunk);
        return numbers;
    }

    /// <summary>
    /// False when the script is over before that operation. The promises are made anew for each damage, because checking them goes on with the broker's next
    /// life.
    /// </summary>
    private static bool TryCrashAt(long operation, out SimulatedDisk disk, out Func<Promises> promisesOf)
    {
        disk = new SimulatedDisk();
        disk.CrashAt(operation);
        var promises = new Promises();
        promisesOf = promises.Copy;
        try
        {
            Script.Play(disk, promises);
        }
        catch (Exception) when (disk.HasCrashed)
        {
        }
        return disk.HasCrashed;
    }

    private static bool TryCrashWhileOpening(SimulatedDisk disk, long operation, Promises promises, out SimulatedDisk damaged)
    {
        damaged = disk;
        disk.CrashAt(operation);
        try
        {
            Life.Open(disk, promises);
        }
        catch (Exception) when (disk.HasCrashed)
        {
        }
        return disk.HasCrashed;
    }

    private static InvalidOperationException Failed(Exception cause, long operation, CrashProfile profile, SimulatedDisk disk) =>
        new($"Cut at operation {operation}, {profile}: {cause.Message}\n{string.Join('\n', disk.Trace.TakeLast(12))}", cause);
}
