using ExactlyOnce.Testing.Brokers;

namespace ExactlyOnce.Testing.Tests.Brokers;

public sealed class TestSchedulerTests
{
    [Fact]
    public async Task A_step_that_was_asked_for_twice_is_made_twice_also_when_nobody_drives()
    {
        var scheduler = new TestScheduler();
        var made = new SemaphoreSlim(0);
        Action<object?> step = static state => ((SemaphoreSlim)state!).Release();

        scheduler.Schedule(step, made);
        scheduler.Schedule(step, made);

        for (var i = 0; i < 2; i++)
            (await made.WaitAsync(TimeSpan.FromSeconds(30))).Should().BeTrue("step {0} is made on the pool", i);
        scheduler.Stop();
    }
}
