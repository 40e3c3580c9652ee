using System.Globalization;
using ExactlyOnce.Testing.Disks;

namespace ExactlyOnce.Testing.Workloads;

/// <summary>
/// Every crash of one small workload: before each disk operation of its last operation, with eight draws of what the crash leaves. What leaves the same disk
/// under the same promises is opened once. Afterwards the broker must open, keep its promises, go on, and show the same after one more opening.
/// </summary>
internal sealed class ExhaustiveRun
{
    /// <summary>Draws for each disk operation: the process dies, and seven power cuts.</summary>
    public const int Damages = 8;

    private static readonly CrashProfile[] s_profiles =
    [
        CrashProfile.AllSurvive, CrashProfile.Prefix, CrashProfile.OrderedData, CrashProfile.OrderedData, CrashProfile.MetadataFirst, CrashProfile.MetadataFirst, CrashProfile.Adversarial,
        CrashProfile.Adversarial,
    ];

    /// <summary>Crashes so far.</summary>
    public long Crashes { get; private set; }

    /// <summary>Disks among them that were different, and opened.</summary>
    public long Opened { get; private set; }

    /// <summary>Power cuts while recovering.</summary>
    public long Recoveries { get; private set; }

    /// <summary>Answers what went wrong first, or null.</summary>
    public CrashFailure? Run(SmallWorkload workload)
    {
        var known = new HashSet<(ulong, int)>();
        var number = 0;
        foreach (var machine in workload.Run())
        {
            for (var damage = 0; damage < Damages; damage++, number++)
            {
                var loss = LossOf(damage, number);
                Crashes++;
                var survivor = machine.Disk.Crash(loss);
                if (!known.Add((survivor.Fingerprint(), machine.Promises.Version)))
                    continue;
                Opened++;
                if (TrySurvive(survivor, machine, number) is { } exception)
                    return new CrashFailure(workload, machine, loss, number, exception);
            }
        }
        return null;
    }

    private static PowerLoss LossOf(int damage, int number) => new(s_profiles[damage], number + 1) { SectorBytes = (number & 1) == 0 ? 512 : 4096 };

    /// <summary>Every fourth recovery is cut too, and every other second opening is after a cut.</summary>
    private Exception? TrySurvive(SimulatedDisk disk, DeadMachine machine, int number)
    {
        var promises = machine.Promises.Copy();
        try
        {
            if (number % 4 == 3)
            {
                Recoveries++;
                disk = Survival.CutWhileOpening(disk, promises, number, LifeScale.Tiny);
            }
            Survival.Require(disk, promises, cutAgain: number % 2 == 0, LifeScale.Tiny);
            return null;
        }
        catch (Exception exception)
        {
            return exception;
        }
    }
}

/// <summary>A crash that the broker did not survive, with all that is needed to see it again.</summary>
internal sealed record CrashFailure(SmallWorkload Workload, DeadMachine Machine, PowerLoss Loss, int Number, Exception Exception)
{
    private const int TraceLines = 40;

    /// <summary>One page: what was done, where it died, how, and the last disk operations.</summary>
    public string Describe()
    {
        // Only now, because the machine that died has kept no trace.
        var stage = SmallWorkload.BeginStage();
        stage.Open();
        foreach (var operation in Workload.Operations)
            operation.Do(stage);
        var trace = stage.Disk.Trace.Take((int)Machine.Operation - 1).TakeLast(TraceLines);
        return string.Create(CultureInfo.InvariantCulture, $"""
            workload '{Workload}', cut before disk operation {Machine.Operation}, draw {Number}: {Loss}
            {Exception}
            the last disk operations:
            {string.Join('\n', trace)}
            """);
    }

    /// <summary>Writes what the crash left as files under a folder.</summary>
    public void WriteImage(string folder) => DiskImage.Write(Machine.Disk.Crash(Loss), folder);
}
