using ExactlyOnce.Engine.Environment;

namespace ExactlyOnce.Tests.Engine.Environment;

public sealed class ThreadPoolSchedulerTests
{
    [Fact]
    public void What_is_scheduled_runs_once_each_from_many_threads()
    {
        const int Threads = 4;
        const int PerThread = 20_000;
        var scheduler = new ThreadPoolScheduler();
        var runs = new int[Threads * PerThread];
        using var done = new CountdownEvent(runs.Length);
        var threads = Enumerable.Range(0, Threads).Select(thread => new Thread(() =>
        {
            for (var i = 0; i < PerThread; i++)
                scheduler.Schedule(
                    state =>
                    {
                        Interlocked.Increment(ref runs[(int)state!]);
                        done.Signal();
                    },
                    thread * PerThread + i);
        })).ToList();
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => thread.Join());

        done.Wait(TimeSpan.FromSeconds(30)).Should().BeTrue();
        runs.Should().OnlyContain(count => count == 1);
    }

    [Fact]
    public void Handing_over_allocates_nothing_once_it_is_warm()
    {
        var scheduler = new ThreadPoolScheduler();
        using var ran = new AutoResetEvent(false);
        Action<object?> action = state => ((AutoResetEvent)state!).Set();
        HandOver(100);

        // Rarely the pool grows a queue of its own meanwhile; one clean run of several shows that nothing is ours.
        Enumerable.Range(0, 10).Min(_ => HandOver(100)).Should().Be(0);

        long HandOver(int count)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < count; i++)
            {
                scheduler.Schedule(action, ran);
                ran.WaitOne();
            }
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
    }
}
