using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Testing.Workloads;
using Xunit.Abstractions;

namespace ExactlyOnce.Testing.Tests.Workloads;

/// <summary>
/// Small workloads, cut at every disk operation. Here every workload of one operation and each sixteenth of two; all of two and of three are the torture
/// command <c>exhaustive</c>.
/// </summary>
public sealed class ExhaustiveTests(ITestOutputHelper output)
{
    private const int Shards = 4;
    private const int Stride = 16;

    [Theory]
    [MemberData(nameof(ShardNumbers))]
    public void No_crash_of_a_workload_of_one_operation_breaks_a_promise(int shard) =>
        RequireAll(Enumerable.Range(0, (int)SmallWorkload.Count(1)).Where(index => index % Shards == shard).Select(index => SmallWorkload.At(1, index)));

    [Theory]
    [MemberData(nameof(ShardNumbers))]
    public void No_crash_of_some_workloads_of_two_operations_breaks_a_promise(int shard) =>
        // Each of them with another second operation, because the stride is not a divisor of the alphabet.
        RequireAll(Enumerable.Range(0, (int)SmallWorkload.Count(2)).Where(index => index % (Stride + 1) == 0 && index / (Stride + 1) % Shards == shard).Select(index => SmallWorkload.At(2, index)));

    [Fact]
    public void No_crash_of_an_opening_breaks_a_promise() => RequireAll([SmallWorkload.At(0, 0)]);

    [Fact]
    public void A_workload_does_the_same_disk_operations_every_time()
    {
        var workload = SmallWorkload.Of("commit checkpoint reopen");
        var (first, second) = (workload.Run(), workload.Run());
        second.Select(machine => (machine.Operation, machine.Disk.Fingerprint())).Should().Equal(first.Select(machine => (machine.Operation, machine.Disk.Fingerprint())));
        first.Count.Should().BeGreaterThan(10);
    }

    [Fact]
    public void A_broken_promise_is_found()
    {
        var machine = SmallWorkload.Of("send").Run()[^1];
        machine.Promises.Acknowledge(new TopicPartition(Life.Plain.Name, 2), 5, "never sent");
        FluentActions.Invoking(() => Survival.Require(machine.Disk.Crash(CrashProfile.AllSurvive, 0), machine.Promises, cutAgain: false, LifeScale.Tiny))
            .Should().Throw<BrokenPromiseException>().WithMessage("*never sent was acknowledged*lost*");
    }

    public static TheoryData<int> ShardNumbers() => [.. Enumerable.Range(0, Shards)];

    private void RequireAll(IEnumerable<SmallWorkload> workloads)
    {
        var run = new ExhaustiveRun();
        foreach (var workload in workloads)
            if (run.Run(workload) is { } failure)
                Assert.Fail(failure.Describe());
        run.Crashes.Should().BeGreaterThan(ExhaustiveRun.Damages);
        output.WriteLine($"{run.Crashes} crashes, {run.Opened} different disks opened, {run.Recoveries} cut again while opening");
    }
}
