using ExactlyOnce.Testing.Disks;

namespace ExactlyOnce.Testing.Workloads;

/// <summary>How one kind of disk fault shows itself: at which operations, as what, and what a failed sync leaves.</summary>
internal sealed record FaultSort(string Name, DiskOperations On, FaultKind Kind, SyncFailure SyncFailure = SyncFailure.KeepsCache)
{
    /// <summary>The six kinds of errors; a failed sync in the two ways in which file systems go on after one.</summary>
    public static IReadOnlyList<FaultSort> All { get; } =
    [
        new("EIO write", DiskOperations.Changes, FaultKind.IoError),
        new("EIO sync", DiskOperations.Syncs, FaultKind.IoError),
        new("EIO sync, cache reverted", DiskOperations.Syncs, FaultKind.IoError, SyncFailure.RevertsCache),
        new("ENOSPC", DiskOperations.Write | DiskOperations.Names | DiskOperations.Syncs, FaultKind.NoSpace),
        new("EDQUOT", DiskOperations.Write | DiskOperations.Names, FaultKind.QuotaExceeded),
        new("EROFS", DiskOperations.Changes | DiskOperations.Syncs, FaultKind.ReadOnly),
        new("EIO read", DiskOperations.Read, FaultKind.IoError),
    ];

    public override string ToString() => Name;
}

/// <summary>
/// A scenario with a fault at its n-th disk operation, once or for ever. Either the fault is survived, or the broker stops and says why: then nothing is
/// acknowledged any more, and what was can still be read. On the healed disk the broker opens and has kept every promise.
/// </summary>
internal sealed class FaultCase(SmallWorkload scenario, FaultSort sort, long position, bool forEver)
{
    /// <summary>The scenario met the fault; if not, it has fewer operations of the kind.</summary>
    public bool HasStruck { get; private set; }

    /// <summary>The broker stopped, or was not opened.</summary>
    public bool HasStopped { get; private set; }

    public IReadOnlyList<string> Trace { get; private set; } = [];

    /// <summary>Throws when the broker did the wrong thing.</summary>
    public void Run()
    {
        var stage = SmallWorkload.BeginStage();
        var fault = new PlannedFault(sort.On, position, sort.Kind, forEver);
        stage.Disk.SyncFailure = sort.SyncFailure;
        stage.Disk.Plan(fault);
        try
        {
            Play(stage);
            HasStruck = fault.HasStruck;
            if (!HasStruck)
                return;
            HasStopped = !stage.IsOpen || stage.HasStopped;
            if (stage.IsOpen && stage.HasStopped)
                CheckStopped(stage);
            stage.Disk.Heal();
            var loss = position % 2 == 0 ? new PowerLoss(CrashProfile.AllSurvive, 0) : PowerLoss.Draw((int)position);
            Survival.Require(stage.Disk.Crash(loss), stage.Promises, cutAgain: position % 3 == 0, LifeScale.Tiny);
        }
        finally
        {
            Trace = stage.Disk.Trace;
        }
    }

    public override string ToString() => $"'{scenario}', {sort} at operation {position} of its kind{(forEver ? " and ever after" : "")}";

    private void Play(Stage stage)
    {
        if (!TryDo(stage, new SmallOperation("open the broker", IsUpkeep: true, static stage => stage.Open())))
            return;
        foreach (var operation in scenario.Operations)
        {
            if (!stage.IsOpen)
                return;
            TryDo(stage, operation);
        }
    }

    private bool TryDo(Stage stage, SmallOperation operation)
    {
        var (hadStopped, answers) = (stage.HasStopped, stage.Promises.Answers);
        try
        {
            operation.Do(stage);
        }
        catch (BrokerException exception)
        {
            Promises.Require(HasCause(exception), $"'{operation}' failed without saying the cause: {exception}");
            var mayFail = operation.IsUpkeep || sort.On == DiskOperations.Read || !stage.IsOpen || stage.HasStopped;
            Promises.Require(mayFail, $"A broker that is well refused '{operation}': {exception}");
            return false;
        }
        finally
        {
            Promises.Require(!hadStopped || stage.Promises.Answers == answers, $"A broker whose journal has failed acknowledged something in '{operation}'.");
        }
        return true;
    }

    private static void CheckStopped(Stage stage)
    {
        var answers = stage.Promises.Answers;
        try
        {
            stage.Run(life => life.SendAsync(Life.Plain, 0));
        }
        catch (BrokerException exception)
        {
            Promises.Require(exception.Recovery == ErrorRecovery.Stop, $"A stopped broker asks for {exception.Recovery}: {exception}");
        }
        Promises.Require(stage.Promises.Answers == answers, "A broker whose journal has failed acknowledged a record.");
        try
        {
            // Uncommitted, because a transaction may be open in front of what was acknowledged.
            stage.Promises.CheckAcknowledged(stage.Life.Run(life => life.ReadRecordsAsync(IsolationLevel.ReadUncommitted)));
        }
        catch (StorageException exception) when (HasCause(exception))
        {
            // The bytes are in a file, and the disk does not give them.
        }
    }

    private static bool HasCause(Exception? exception) =>
        exception is not null && (exception.Message.Contains("simulated", StringComparison.Ordinal) || HasCause(exception.InnerException));
}
