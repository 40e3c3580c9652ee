using ExactlyOnce.Engine.Backend;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Transactions;
using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Testing.History;
using ExactlyOnce.Testing.Simulation.Clients;
using ExactlyOnce.Testing.Simulation.States;

namespace ExactlyOnce.Testing.Simulation;

/// <summary>
/// From one life of the broker to the next: how it ends, what the machine does to the recovery, what is looked at when it stands again; and the liveness phase,
/// in which nothing fails any more and everything has to come to rest.
/// </summary>
internal sealed class SimulatedLives(SimulatedBroker broker, IReadOnlyList<SimulatedClient> clients, TransactionLedger transactions, SourceLedger sources)
{
    private const int RecoveryCrashesMax = 5;

    /// <summary>One in so many is done twice.</summary>
    private const int RepeatedRecoveries = 24;

    /// <summary>What is left of a disk that lies decays in so many ways.</summary>
    private const int DamagedCopies = 6;

    /// <summary>
    /// The bound of the liveness phase: the longest transaction timeout, the longest wait for a member, and some rounds of housekeeping, twice over.
    /// </summary>
    private static readonly TimeSpan s_rest = TimeSpan.FromMinutes(40);

    private static readonly CrashProfile[] s_cuts =
    [
        CrashProfile.Prefix, CrashProfile.LostSectors, CrashProfile.Torn, CrashProfile.OrderedData, CrashProfile.MetadataFirst, CrashProfile.Adversarial, CrashProfile.AllSurvive,
    ];

    private long _crashes;
    private long _openings;
    private int _lives;

    public SimulationCounts Counts => new(_crashes, _openings, 0);

    /// <summary>The first life: an empty directory, and nothing goes wrong yet.</summary>
    public void Begin()
    {
        var random = new SimulationRandom(broker.Plan.Seed ^ 0xB361);
        OpenForSure();
        CreateTopics(random);
        if (broker.Plan.IsNearLimits)
            UseEpochsUp(random);
    }

    /// <summary>
    /// Ends this life, if it is not over already, and begins the next, which is cut short after so many disk operations unless it ends before.
    /// </summary>
    public void Next(int operationsToLive, SimulationRandom random)
    {
        End(random);
        Recover(random, mayCrash: true);
        LookAround();
        CreateTopics(random);
        if (broker.Device.HasCrashed)
            return;
        if (broker.Plan.Damage is { } damage && _lives++ == damage.Life)
            Damage(damage.Faults);
        else if (broker.Plan.HasDiskFaults && random.OneIn(4))
            broker.Device.Weaken(DiskFaults.Draw(random.Below(int.MaxValue)) with { SyncFailure = broker.Plan.SyncFailure });
        broker.Device.CrashAt(broker.Device.Operations + operationsToLive);
    }

    /// <summary>
    /// Faults are off, all clients are dead. Within the bound everything is at rest, all of it can be read, and every transactional id can be used.
    /// </summary>
    public void Quiesce()
    {
        var random = new SimulationRandom(broker.Plan.Seed ^ 0x91E7);
        if (!broker.Device.HasCrashed && broker.HasFailed == false && random.OneIn(3))
            Close();
        if (broker.IsOpen)
            Kill(random, "the end");
        Recover(random, mayCrash: false);
        foreach (var (token, _, _, _) in broker.Engine.State.Transactions.ListPrepared())
            Drive(transactions.ResolveAsync(broker, broker.NewNumber(), token, random.OneIn(2)), "a prepared transaction is decided");
        for (var passed = TimeSpan.Zero; passed < s_rest; passed += TimeSpan.FromMinutes(1))
        {
            broker.Clock.Advance(TimeSpan.FromMinutes(1), broker.Queue);
            DriveAll();
        }
        broker.Engine.MeetDeadlines();
        SimulatedUpkeep.Take(StepKind.Housekeep, broker);
        DriveAll();
        ObserveRest();
        UseEveryId(random);
        CheckSources(LookAround());
        LookInside();
    }

    private void Damage(DiskFaults faults)
    {
        broker.Device.Weaken(faults);
        broker.IsBeyondPromise = true;
    }

    /// <summary>
    /// The end of a life on a disk that lies, rots or tears. The broker opens what is left or refuses it in words that say why; what it then shows is true,
    /// whatever is missing.
    /// </summary>
    public void EndDamaged(SimulationRandom random)
    {
        var faults = broker.Plan.Damage!.Faults;
        if (broker.IsOpen && !broker.Device.HasCrashed && !broker.HasFailed && random.OneIn(5))
            Close();
        broker.Observe(new DamageMet());
        if (broker.IsOpen)
            Kill(faults.Loss with { Seed = random.Below(int.MaxValue) }, "cut on a disk that lies");
        var left = broker.Device;
        for (var copy = 0; copy < DamagedCopies; copy++)
        {
            broker.Exchange(left.Fork());
            OpenDamaged(faults, random);
            if (broker.IsOpen)
                broker.Die(new PowerLoss(CrashProfile.AllSurvive, 0), "seen");
        }
    }

    private void OpenDamaged(DiskFaults faults, SimulationRandom random)
    {
        if (!random.OneIn(4))
            Rot(random);
        if (random.OneIn(2))
            broker.Device.Weaken(faults);
        try
        {
            Open();
        }
        catch (Exception exception) when (exception is DamagedStorageException or StorageException)
        {
            broker.Note($"refused: {exception.Message}");
            return;
        }
        broker.ScanDamaged(isCommitted: false);
        broker.ScanDamaged(isCommitted: true);
    }

    /// <summary>Bits turn while nobody looks.</summary>
    private void Rot(SimulationRandom random)
    {
        var files = broker.Device.Files().Where(file => broker.Device.ReadAll(file).Length > 0).ToArray();
        for (var count = random.Between(1, 4); count > 0 && files.Length > 0; count--)
        {
            var file = random.Pick(files);
            broker.Device.Flip(file, random.Below(broker.Device.ReadAll(file).Length), (byte)(1 << random.Below(8)));
        }
    }

    private void End(SimulationRandom random)
    {
        if (broker.IsOpen && !broker.Device.HasCrashed && !broker.HasFailed && random.OneIn(5))
            Close();
        if (broker.IsOpen)
            Kill(random, broker.Device.HasCrashed ? "cut at a disk operation" : "cut between two steps");
    }

    private void Close()
    {
        broker.Close();
        if (broker.Device.HasCrashed)
            return;
        foreach (var client in clients)
            client.OnDeath();
    }

    private void Kill(SimulationRandom random, string cause)
    {
        var profile = broker.Plan.IsWritten ? CrashProfile.AllSurvive : random.Pick(s_cuts);
        Kill(new PowerLoss(profile, random.Below(int.MaxValue)) { SectorBytes = random.OneIn(2) ? 512 : 4096 }, cause);
    }

    private void Kill(PowerLoss loss, string cause)
    {
        _crashes++;
        broker.Die(loss, cause);
        foreach (var client in clients)
            client.OnDeath();
    }

    /// <summary>Opens the directory, through up to five crashes and as many disk errors on the way.</summary>
    private void Recover(SimulationRandom random, bool mayCrash)
    {
        for (var attempt = 0; mayCrash && attempt < RecoveryCrashesMax && random.Percent(30); attempt++)
        {
            broker.Device.CrashAt(broker.Device.Operations + random.LogBetween(1, 40));
            if (broker.Plan.HasDiskFaults && random.OneIn(3))
                broker.Device.FailAt(broker.Device.Operations + random.LogBetween(1, 30), random.OneIn(2) ? FaultKind.IoError : FaultKind.NoSpace);
            try
            {
                Open();
            }
            catch (Exception exception) when (broker.Device.HasCrashed || (broker.Plan.HasDiskFaults && exception is StorageException))
            {
                Kill(random, broker.Device.HasCrashed ? "cut while recovering" : "the disk failed while recovering");
                continue;
            }
            // Cut right after the opening: an end like any other.
            Kill(random, "cut after recovering");
        }
        // Its own chance: whether somebody looks changes nothing of what the run does.
        var chance = new SimulationRandom(broker.Plan.Seed * 41 + (ulong)broker.Life);
        var repetition = chance.OneIn(RepeatedRecoveries) ? new RecoveryRepetition(broker, chance) : null;
        OpenForSure();
        if (repetition is null)
            return;
        repetition.Compare();
        new DerivedStates(broker, chance).CompareWithLogs();
    }

    private void Open()
    {
        broker.Open();
        _openings++;
    }

    /// <summary>With a sound disk an opening that fails is a failure of the broker.</summary>
    private void OpenForSure()
    {
        try
        {
            Open();
        }
        catch (Exception exception)
        {
            throw new SimulationFailedException("open", exception.ToString(), exception);
        }
    }

    private void CreateTopics(SimulationRandom random)
    {
        for (var index = 0; index < broker.Plan.Topics; index++)
            CreateTopic(AdministratorClient.TopicName(index), random);
        if (!broker.Plan.Clients.Contains(ClientKind.Pipeline))
            return;
        CreateTopic(SimulatedClient.InputTopic, random);
        CreateTopic(SimulatedClient.OutputTopic, random);
    }

    private void CreateTopic(string name, SimulationRandom random)
    {
        if (broker.Engine.State.Topics.Find(name) is null)
            Drive(AdministratorClient.CreateAsync(broker, broker.NewNumber(), name, random), "a topic is created");
    }

    /// <summary>
    /// Transactional ids whose epochs are nearly used up, as after 32,000 transactions. Only the beginning of a run can do this: a checkpoint makes it durable.
    /// </summary>
    private void UseEpochsUp(SimulationRandom random)
    {
        var state = broker.Engine.State;
        lock (state.Lock)
            foreach (var id in new[] { "local-0", "remote-0", "pipe-1" })
            {
                var allocation = state.Transactions.AllocateProducerId();
                foreach (var record in allocation.Records)
                    state.Apply(record);
                state.Apply(new EntryRecord
                {
                    TransactionalId = id,
                    Identity = new ProducerIdentity(allocation.Identity.Id, (short)(short.MaxValue - random.Between(1, 12))),
                    State = TransactionState.Empty,
                    Generation = TransactionGeneration.V2,
                    TimeoutMs = 60_000,
                    UpdateMs = broker.Engine.NowMs,
                    OwnerKind = OwnerKind.InProcess,
                    Owner = "thousands of transactions",
                    OwnedSinceMs = broker.Engine.NowMs,
                });
            }
        broker.Engine.Checkpoint();
    }

    /// <summary>What everybody sees at this moment. Nothing can be read that is not durable, so all of it must stay.</summary>
    private IReadOnlyList<PartitionRead> LookAround()
    {
        broker.ObserveWatermarks();
        broker.Scan(isCommitted: false);
        var committed = broker.Scan(isCommitted: true);
        if (broker.Plan.Clients.Contains(ClientKind.Pipeline))
            broker.FetchPositions(PipelineClient.Group);
        return committed;
    }

    /// <summary>What nobody sees from outside: what is derived from what, and how much room all of it takes once upkeep has been done.</summary>
    private void LookInside()
    {
        SimulatedUpkeep.Take(StepKind.Checkpoint, broker);
        SimulatedUpkeep.Take(StepKind.Retain, broker);
        DriveAll();
        // The first no longer names what is to go, and what it could not let go of goes with the second.
        SimulatedUpkeep.Take(StepKind.Checkpoint, broker);
        SimulatedUpkeep.Take(StepKind.Checkpoint, broker);
        new DiskUse(broker).Measure();
        var random = new SimulationRandom(broker.Plan.Seed ^ 0xDE71);
        new DerivedStates(broker, random).Compare();
        if (broker.Engine.State.Topics.Find(AdministratorClient.TopicName(random.Below(broker.Plan.Topics))) is not { } topic)
            return;
        Drive(AdministratorClient.DeleteAsync(broker, broker.NewNumber(), topic), "a topic is deleted");
        SimulatedUpkeep.Take(StepKind.Checkpoint, broker);
        new DiskUse(broker).Measure();
    }

    private void ObserveRest()
    {
        var open = broker.Engine.State.Transactions.Entries.Values.Count(entry => !entry.State.IsIdle());
        var unstable = broker.Partitions().Count(partition =>
        {
            var offsets = new EnginePartition(broker.Engine, partition).Offsets;
            var logEnd = partition.State.LogEndOffset;
            return offsets.LastStable != logEnd || offsets.HighWatermark != logEnd;
        });
        var groups = broker.Engine.State.Groups.Groups.Count(group => group.State is not (Kernel.Groups.GroupState.Empty or Kernel.Groups.GroupState.Stable) || group.HasMembers);
        broker.Observe(new Quiesced(open, unstable, groups));
        if (open + unstable + groups > 0)
            throw new SimulationFailedException("liveness", $"After {s_rest} {open} transactions are open, {unstable} partitions and {groups} groups are not at rest.");
    }

    private void UseEveryId(SimulationRandom random)
    {
        foreach (var id in transactions.Ids)
        {
            var door = id.StartsWith("remote", StringComparison.Ordinal) ? new NetworkDoor() : (TransactionDoor)new InProcessDoor();
            var heir = new HeirClient(broker, door, id);
            Drive(heir.UseAsync(random), $"'{id}' is taken and used");
        }
    }

    private void CheckSources(IReadOnlyList<PartitionRead> committed)
    {
        var visible = committed.SelectMany(read => read.Records).Select(record => record.Value).ToHashSet();
        var whole = broker.Partitions()
            .Where(partition => partition.View.LogStart == 0 && (partition.Options.Cleanup & CleanupPolicy.Compact) == 0).Select(broker.NameOf).ToHashSet();
        sources.Check(visible.Contains, whole.Contains);
    }

    /// <summary>Runs a piece of work to its end: with the machine at its service, whatever it waits for comes at once.</summary>
    private void Drive(Task work, string what)
    {
        for (var round = 0; !work.IsCompleted && round < 1000 && !broker.Device.HasCrashed; round++)
            DriveAll();
        if (broker.Device.HasCrashed)
            return;
        if (!work.IsCompleted)
            throw new SimulationFailedException("liveness", $"It does not come about that {what}.");
        if (work.Exception?.InnerException is { } exception && !(broker.HasFailed && exception is StorageException))
            throw new SimulationFailedException("liveness", $"It does not come about that {what}: {exception}", exception);
    }

    private void DriveAll()
    {
        broker.Engine.Journal.DriveToEnd();
        broker.Queue.RunAll();
    }
}
