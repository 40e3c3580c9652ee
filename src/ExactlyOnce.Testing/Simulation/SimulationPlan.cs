using ExactlyOnce.Engine;
using ExactlyOnce.Testing.Disks;

namespace ExactlyOnce.Testing.Simulation;

/// <summary>How a run decides who is next.</summary>
internal enum ChoicePolicy
{
    /// <summary>Everybody has the same chance.</summary>
    Uniform,

    /// <summary>Priorities that change a few times in a life (PCT): finds orders in which somebody comes very late.</summary>
    Priorities,

    /// <summary>One is left out for most of a life.</summary>
    StarveOne,

    /// <summary>In turn.</summary>
    Fifo,
}

/// <summary>What kind of client.</summary>
internal enum ClientKind
{
    Plain,
    Named,
    Transactional,
    NetworkTransactional,
    Consumer,
    Member,
    Pipeline,
    Administrator,
    MessageIds,
}

/// <summary>A disk that does not keep its promises, from the beginning of one life on: the run ends with what an opening makes of what it leaves.</summary>
/// <param name="Life">Which life, from 0.</param>
/// <param name="Faults">In which ways.</param>
internal sealed record DamagePlan(int Life, DiskFaults Faults);

/// <summary>What is drawn once for a whole run ("swarm": every run tries other things together). A function of the seed alone.</summary>
internal sealed record SimulationPlan
{
    public const string Root = "/data";

    /// <summary>One in so many has a disk that lies.</summary>
    private const int DamagedSeeds = 16;

    private static readonly ClientKind[] s_producers = [ClientKind.Plain, ClientKind.Plain, ClientKind.Named, ClientKind.Transactional, ClientKind.Transactional, ClientKind.NetworkTransactional];
    private static readonly ClientKind[] s_consumers = [ClientKind.Consumer, ClientKind.Member, ClientKind.Pipeline];

    public required ulong Seed { get; init; }

    public required ChoicePolicy Policy { get; init; }

    public required IReadOnlyList<ClientKind> Clients { get; init; }

    public required int Topics { get; init; }

    public required int Lives { get; init; }

    public required int StepsPerLifeMax { get; init; }

    /// <summary>Epochs and sequences begin near their limits.</summary>
    public required bool IsNearLimits { get; init; }

    /// <summary>The least durable broker with a folder: then only processes die, because a power cut may take what was acknowledged.</summary>
    public required bool IsWritten { get; init; }

    public required bool HasDiskFaults { get; init; }

    /// <summary>What a failed sync leaves behind.</summary>
    public required SyncFailure SyncFailure { get; init; }

    public required bool HasClockJumps { get; init; }

    public required int BatchRecordsMax { get; init; }

    public required int ValueBytesMax { get; init; }

    /// <summary>Null in most runs: the disk may fail, but it does not lie.</summary>
    public DamagePlan? Damage { get; init; }

    /// <summary>How long topics remember message ids; zero when nobody has any.</summary>
    public TimeSpan MessageIdWindow { get; init; }

    public required EngineOptions Engine { get; init; }

    public static SimulationPlan Draw(ulong seed)
    {
        var random = new SimulationRandom(seed);
        var isWritten = random.OneIn(10);
        return WithLaterChoices(new SimulationPlan
        {
            Seed = seed,
            Policy = (ChoicePolicy)random.Below(4),
            Clients = DrawClients(random),
            Topics = random.Between(1, 4),
            Lives = random.LogBetween(3, 24),
            StepsPerLifeMax = random.LogBetween(20, 260),
            IsNearLimits = random.OneIn(8),
            IsWritten = isWritten,
            HasDiskFaults = random.OneIn(3),
            // A cache that a failed sync reverts is a power cut for what was only written.
            SyncFailure = isWritten ? SyncFailure.KeepsCache : random.Pick(Enum.GetValues<SyncFailure>()),
            HasClockJumps = random.OneIn(4),
            BatchRecordsMax = random.LogBetween(1, 10),
            ValueBytesMax = random.LogBetween(1, 300),
            Engine = DrawEngine(random, isWritten),
        });
    }

    /// <summary>From a chance of their own, so that they change nothing of what a seed drew before there were any.</summary>
    private static SimulationPlan WithLaterChoices(SimulationPlan plan)
    {
        var random = new SimulationRandom(plan.Seed ^ 0x1A7E);
        var hasMessageIds = random.OneIn(3);
        return plan with
        {
            Clients = hasMessageIds ? [.. plan.Clients, ClientKind.MessageIds] : plan.Clients,
            MessageIdWindow = hasMessageIds ? TimeSpan.FromSeconds(random.LogBetween(10, 7200)) : TimeSpan.Zero,
            Damage = random.OneIn(DamagedSeeds) ? new DamagePlan(random.Below(plan.Lives), DrawBeyondPromise(random)) : null,
        };
    }

    private static DiskFaults DrawBeyondPromise(SimulationRandom random)
    {
        while (true)
            if (DiskFaults.DrawBeyondPromise(random.Below(int.MaxValue)) is { IsWithinPromise: false } faults)
                return faults;
    }

    private static List<ClientKind> DrawClients(SimulationRandom random)
    {
        var clients = new List<ClientKind>();
        for (var count = random.Between(1, 8); count > 0; count--)
            clients.Add(random.Pick(s_producers));
        for (var count = random.Between(1, 6); count > 0; count--)
            clients.Add(random.Pick(s_consumers));
        if (random.OneIn(2))
            clients.Add(ClientKind.Administrator);
        return clients;
    }

    private static EngineOptions DrawEngine(SimulationRandom random, bool isWritten) => new()
    {
        Directory = Root,
        Durability = isWritten ? Durability.Written : Durability.Flushed,
        JournalFileBytes = random.Pick([32 << 10, 48 << 10, 128 << 10]),
        CheckpointBytes = random.LogBetween(1 << 10, 64 << 10),
        TailBytesMax = 64 << 20,
        SmallTailBytes = random.LogBetween(1, 16 << 10),
        IndexIntervalBytes = random.LogBetween(64, 4096),
        CheckpointInterval = TimeSpan.FromSeconds(random.LogBetween(1, 60)),
        HousekeepingInterval = TimeSpan.FromSeconds(random.LogBetween(1, 30)),
        TransactionTimeoutMax = TimeSpan.FromMinutes(15),
        ProducerExpiry = TimeSpan.FromMinutes(random.Pick([30, 60, 24 * 60])),
        TransactionalIdExpiry = TimeSpan.FromMinutes(random.Pick([30, 60, 24 * 60])),
        OffsetsRetention = TimeSpan.FromDays(30),
    };
}
