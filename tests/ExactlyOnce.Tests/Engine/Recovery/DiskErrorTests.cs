using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Testing.Workloads;
using Xunit.Abstractions;

namespace ExactlyOnce.Tests.Engine.Recovery;

/// <summary>
/// One write, sync or directory operation fails, at every position of the script: nothing is acknowledged after a failed journal, reads go on, and the
/// directory opens again with every promise kept. A failed checkpoint is tried again and harms nobody.
/// </summary>
public sealed class DiskErrorTests(ITestOutputHelper output)
{
    private const int Chunks = 8;

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_disk_error_at_any_operation_stops_writing_or_is_survived(int chunk, FaultKind kind)
    {
        var (cases, stops, operation) = (0, 0, (long)chunk);
        for (var more = true; more; operation += Chunks)
        {
            var disk = new SimulatedDisk();
            try
            {
                disk.FailAt(operation, kind);
                stops += PlayAndFail(disk, operation, out var promises) ? 1 : 0;
                more = disk.Operations >= operation;
                var profile = operation / Chunks % 2 == 0 ? CrashProfile.LostSectors : CrashProfile.AllSurvive;
                Survival.Require(disk.Crash(profile, (int)operation), promises, cutAgain: false);
                cases++;
            }
            catch (Exception exception)
            {
                throw new InvalidOperationException($"{kind} at operation {operation}: {exception.Message}\n{string.Join('\n', disk.Trace.TakeLast(12))}", exception);
            }
        }
        cases.Should().BeGreaterThan(200 / Chunks);
        stops.Should().BePositive();
        output.WriteLine($"{cases} errors, {stops} of them stopped the broker");
    }

    [Fact]
    public void A_checkpoint_that_fails_for_lack_of_space_is_made_later()
    {
        var (disk, promises) = (new SimulatedDisk(), new Promises());
        var life = Life.Open(disk, promises);
        life.Run(first => first.CreateTopicsAsync());
        life.Run(first => first.SendAsync(Life.Plain, 0));
        disk.FailAt(disk.Operations + 2, FaultKind.NoSpace);

        life.Engine.Invoking(engine => engine.Checkpoint()).Should().Throw<StorageException>();
        life.Engine.Journal.Failure.Should().BeNull();
        life.Run(now => now.SendAsync(Life.Plain, 0));
        life.Engine.Checkpoint();
        Survival.Require(disk.Crash(CrashProfile.LostSectors, 1), promises, cutAgain: true);
    }

    public static TheoryData<int, FaultKind> Cases()
    {
        var cases = new TheoryData<int, FaultKind>();
        for (var chunk = 1; chunk <= Chunks; chunk++)
            cases.Add(chunk, chunk % 2 == 0 ? FaultKind.IoError : FaultKind.NoSpace);
        for (var chunk = 1; chunk <= Chunks; chunk++)
            cases.Add(chunk, chunk % 2 == 0 ? FaultKind.NoSpace : FaultKind.IoError);
        return cases;
    }

    /// <summary>True when the error stopped the broker.</summary>
    private static bool PlayAndFail(SimulatedDisk disk, long operation, out Promises promises)
    {
        var kept = promises = new Promises();
        Life? life = null;
        try
        {
            Script.Play(disk, kept, opened => life = opened, CheckpointTwiceAsync);
            return false;
        }
        catch (BrokerException exception)
        {
            Promises.Require(HasCause(exception), $"The error does not say its cause: {exception}");
            if (life?.Engine is not { IsClosed: false, Journal.Failure: not null })
            {
                // The opening was refused, and the next one is none of this broker's business.
                Promises.Require(life is null || life.Engine.IsClosed, $"A broker that is well refused to write: {exception}");
                return true;
            }
            CheckStopped(life, kept);
            return true;
        }
    }

    private static void CheckStopped(Life life, Promises promises)
    {
        var before = promises.AcknowledgedCount;
        try
        {
            life.Run(stopped => stopped.SendAsync(Life.Plain, 0));
        }
        catch (BrokerException exception)
        {
            Promises.Require(exception.Recovery == ErrorRecovery.Stop, $"A stopped broker asks for {exception.Recovery}: {exception}");
        }
        Promises.Require(promises.AcknowledgedCount == before, "A broker whose journal has failed acknowledged a record.");
        // Uncommitted, because the script may have left a transaction open in front of what was acknowledged.
        promises.CheckAcknowledged(life.Run(stopped => stopped.ReadRecordsAsync(IsolationLevel.ReadUncommitted)));
    }

    private static Task CheckpointTwiceAsync(Life life)
    {
        try
        {
            life.Engine.Checkpoint();
        }
        catch (StorageException) when (life.Engine.Journal.Failure is null)
        {
            try
            {
                life.Engine.Checkpoint();
            }
            catch (StorageException)
            {
                // The manifest may or may not have been replaced, so the directory takes no more changes; the journal goes on until it needs one.
            }
        }
        return Task.CompletedTask;
    }

    private static bool HasCause(Exception? exception) =>
        exception is not null && (exception.Message.Contains("simulated", StringComparison.Ordinal) || HasCause(exception.InnerException));
}
