using ExactlyOnce.Testing.Disks;
using Xunit.Abstractions;

namespace ExactlyOnce.Tests.Engine.Recovery;

/// <summary>
/// The power fails, or the process dies, at every disk operation while logs are compacted, retained, deleted and recreated and offsets travel in transactions.
/// </summary>
public sealed class UpkeepCutTests(ITestOutputHelper output)
{
    private const int Chunks = 4;

    private static readonly CrashProfile[] s_damages = [CrashProfile.LostSectors, CrashProfile.Torn, CrashProfile.AllSurvive, CrashProfile.Prefix];

    [Fact]
    public void The_script_compacts_deletes_and_recreates()
    {
        var (disk, promises) = (new SimulatedDisk(), new Promises());
        var facts = new UpkeepFacts(promises);
        var life = UpkeepFacts.Play(disk, promises, facts);

        life.Run(facts.CheckAsync);
        disk.Operations.Should().BeGreaterThan(200);
        disk.Trace.Should().Contain(line => line.Contains(" rmdir /data/topics/", StringComparison.Ordinal), "a topic was deleted");
        disk.Trace.Should().Contain(line => line.Contains(" unlink /data/topics/", StringComparison.Ordinal) && line.EndsWith(".log", StringComparison.Ordinal), "segments were replaced");
        output.WriteLine($"{disk.Operations} operations");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void A_crash_while_logs_shrink_loses_nothing_and_brings_nothing_back(int chunk)
    {
        var cases = 0;
        for (var operation = (long)chunk; ; operation += Chunks)
        {
            var (disk, promises) = (new SimulatedDisk(), new Promises());
            var facts = new UpkeepFacts(promises);
            disk.CrashAt(operation);
            try
            {
                UpkeepFacts.Play(disk, promises, facts);
            }
            catch (Exception) when (disk.HasCrashed)
            {
            }
            if (!disk.HasCrashed)
                break;
            Survive(disk, promises, facts, s_damages[(int)(operation / Chunks) % s_damages.Length], (int)operation);
            cases++;
        }
        cases.Should().BeGreaterThan(200 / Chunks);
        output.WriteLine($"{cases} crashes");
    }

    private static void Survive(SimulatedDisk disk, Promises promises, UpkeepFacts facts, CrashProfile damage, int operation)
    {
        try
        {
            var life = Life.Open(disk.Crash(damage, operation), promises);
            life.Run(facts.CheckAsync);
            var image = life.Run(now => now.ReadAsync());
            promises.Check(image, lastImported: -1);
            promises.Adopt(image);
            if (operation % 3 != 0)
                return;
            facts.GoOn(life);
            life.Run(facts.CheckAsync);
            promises.Check(life.Run(now => now.ReadAsync()), lastImported: -1);
        }
        catch (Exception exception)
        {
            throw new InvalidOperationException($"Cut at operation {operation}, {damage}: {exception.Message}\n{string.Join('\n', disk.Trace.TakeLast(12))}", exception);
        }
    }
}
