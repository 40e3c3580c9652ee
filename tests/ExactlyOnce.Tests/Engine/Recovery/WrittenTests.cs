using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Testing.Workloads;
using Xunit.Abstractions;

namespace ExactlyOnce.Tests.Engine.Recovery;

/// <summary>The script at durability Written: what a process that is killed leaves, and what a power cut does.</summary>
public sealed class WrittenTests(ITestOutputHelper output)
{
    private static readonly CrashProfile[] s_damages = [CrashProfile.LostSectors, CrashProfile.Torn, CrashProfile.Prefix];

    [Fact]
    public void A_process_that_is_killed_at_any_moment_loses_nothing_that_was_seen()
    {
        var cases = 0;
        for (var operation = 1L; TryCrashAt(operation, out var disk, out var promises); operation += 3)
        {
            Survive(disk, promises, CrashProfile.AllSurvive, operation);
            cases++;
        }
        cases.Should().BeGreaterThan(50);
        output.WriteLine($"{cases} kills");
    }

    [Fact]
    public void A_power_cut_takes_back_the_end_of_the_history_and_nothing_out_of_its_middle()
    {
        var (cases, cutsWithLoss) = (0, 0);
        for (var operation = 2L; TryCrashAt(operation, out var disk, out var promises); operation += 3)
        {
            promises.Weaken();
            Survive(disk, promises, s_damages[(int)(operation / 3) % s_damages.Length], operation);
            cutsWithLoss += promises.LostCount > 0 ? 1 : 0;
            cases++;
        }
        cases.Should().BeGreaterThan(50);
        cutsWithLoss.Should().BePositive("or Written would be Flushed");
        output.WriteLine($"{cases} cuts, {cutsWithLoss} of them took something back");
    }

    private static bool TryCrashAt(long operation, out SimulatedDisk disk, out Promises promises)
    {
        (disk, promises) = (new SimulatedDisk(), new Promises());
        disk.CrashAt(operation);
        try
        {
            Script.Play(disk, promises, scale: LifeScale.Written);
        }
        catch (Exception) when (disk.HasCrashed)
        {
        }
        return disk.HasCrashed;
    }

    private static void Survive(SimulatedDisk disk, Promises promises, CrashProfile damage, long operation)
    {
        try
        {
            Survival.Require(disk.Crash(damage, (int)operation), promises, cutAgain: false, LifeScale.Written);
        }
        catch (Exception exception)
        {
            throw new InvalidOperationException($"{damage} at operation {operation}: {exception.Message}\n{string.Join('\n', disk.Trace.TakeLast(12))}", exception);
        }
    }
}
