using System.Collections.Immutable;
using ExactlyOnce.Testing.Disks;

namespace ExactlyOnce.Testing.Workloads;

/// <summary>
/// A few operations on a broker with a little past, and the crash at every disk operation of the last of them. The crashes of the others are those of the
/// shorter workloads that this one begins with: the same operations always do the same to the disk.
/// </summary>
internal sealed class SmallWorkload(ImmutableArray<SmallOperation> operations)
{
    private static readonly Lazy<(SimulatedDisk Disk, Promises Promises)> s_past = new(Live);

    public ImmutableArray<SmallOperation> Operations => operations;

    /// <summary>Workloads of exactly this length.</summary>
    public static long Count(int length) => (long)Math.Pow(SmallOperation.Alphabet.Length, length);

    /// <summary>The n-th workload of a length.</summary>
    public static SmallWorkload At(int length, long index)
    {
        var chosen = ImmutableArray.CreateBuilder<SmallOperation>(length);
        for (var position = 0; position < length; position++, index /= SmallOperation.Alphabet.Length)
            chosen.Insert(0, SmallOperation.Alphabet[(int)(index % SmallOperation.Alphabet.Length)]);
        return new SmallWorkload(chosen.MoveToImmutable());
    }

    public static SmallWorkload Of(string names) => new([.. names.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(SmallOperation.Named)]);

    /// <summary>A closed broker with the topics, a record here and there, a segment and an offset: what workloads begin on.</summary>
    public static Stage BeginStage()
    {
        var (disk, promises) = s_past.Value;
        return new Stage(disk.Fork(), promises.Copy(), LifeScale.Tiny);
    }

    /// <summary>Runs it, and answers a machine that died before each disk operation of the last operation, and one that died after all.</summary>
    public List<DeadMachine> Run()
    {
        var stage = BeginStage();
        var machines = new List<DeadMachine>();
        // Of the empty workload the one thing that is done is opening.
        if (operations.IsEmpty)
            stage.Disk.BeforeOperation = Watch;
        stage.Open();
        for (var index = 0; index < operations.Length; index++)
        {
            if (index == operations.Length - 1)
                stage.Disk.BeforeOperation = Watch;
            operations[index].Do(stage);
        }
        stage.Disk.BeforeOperation = null;
        Watch(stage.Disk);
        return machines;

        void Watch(SimulatedDisk disk) => machines.Add(new DeadMachine(disk.Fork(), stage.Promises.Copy(), disk.Operations + 1));
    }

    public override string ToString() => operations.IsEmpty ? "(opening)" : string.Join(' ', operations);

    private static (SimulatedDisk, Promises) Live()
    {
        var stage = new Stage(new SimulatedDisk(), new Promises(), LifeScale.Tiny);
        stage.Open();
        stage.Run(async life =>
        {
            await life.CreateTopicsAsync();
            await life.SendAsync(Life.Plain, 0);
            await life.SendAsync(Life.Plain, 1, 300);
            await life.ImportAsync(1);
            await life.SendKeyedAsync();
        });
        stage.Close();
        stage.Disk.Heal();
        // Everything is durable once a clean broker has been opened and closed, but for the lock file's name.
        return (stage.Disk.Fork(), stage.Promises.Copy());
    }
}

/// <summary>A disk at the moment at which the power fails, and what had been promised until then.</summary>
/// <param name="Disk">With what is not synced.</param>
/// <param name="Promises">To be copied for each damage.</param>
/// <param name="Operation">The disk operation that was not begun any more.</param>
internal sealed record DeadMachine(SimulatedDisk Disk, Promises Promises, long Operation);
