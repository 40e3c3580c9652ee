using ExactlyOnce.Threading;
using Microsoft.Extensions.Time.Testing;

namespace ExactlyOnce.Tests.Engine.Concurrency;

public sealed class ShortLockTests
{
    [Theory]
    [InlineData(2, 400_000, 0)]
    [InlineData(16, 40_000, 0)]
    [InlineData(8, 300, 2_000)]
    public void One_thread_at_a_time_is_inside_and_none_is_left_asleep(int threads, int rounds, int spinsInside)
    {
        var gate = new ShortLock();
        var inside = 0;
        var intruders = 0;
        var entered = 0L;
        var workers = Enumerable.Range(0, threads).Select(_ => new Thread(() =>
        {
            for (var round = 0; round < rounds; round++)
            {
                using (gate.Enter())
                {
                    if (inside++ != 0)
                        intruders++;
                    entered++;
                    // Long enough for the others to fall asleep.
                    if (spinsInside > 0)
                        Thread.SpinWait(spinsInside);
                    inside--;
                }
            }
        })).ToList();

        workers.ForEach(worker => worker.Start());

        workers.TrueForAll(worker => worker.Join(TimeSpan.FromMinutes(2))).Should().BeTrue("whoever leaves wakes whoever sleeps");
        (intruders, entered).Should().Be((0, (long)threads * rounds));
    }

    [Fact]
    public void A_holder_that_goes_to_sleep_inside_is_waited_for_and_its_leaving_wakes_every_sleeper_in_turn()
    {
        var gate = new ShortLock();
        var order = new List<int>();
        gate.EnterUnscoped();
        var waiting = Enumerable.Range(0, 4).Select(number => new Thread(() =>
        {
            using (gate.Enter())
                order.Add(number);
        })).ToList();
        waiting.ForEach(thread => thread.Start());
        SpinWait.SpinUntil(() => waiting.TrueForAll(thread => (thread.ThreadState & ThreadState.WaitSleepJoin) != 0), TimeSpan.FromSeconds(30))
            .Should().BeTrue("they do not spin for ever");
        order.Should().BeEmpty();

        gate.Exit();

        waiting.TrueForAll(thread => thread.Join(TimeSpan.FromMinutes(1))).Should().BeTrue();
        order.Should().BeEquivalentTo([0, 1, 2, 3]);
    }

    [Fact]
    public void What_throws_inside_leaves_the_lock()
    {
        var gate = new ShortLock();

        FluentActions.Invoking(() =>
        {
            using (gate.Enter())
                throw new InvalidOperationException();
        }).Should().Throw<InvalidOperationException>();

        gate.IsHeldByCurrentThread.Should().BeFalse();
    }

    [Fact]
    public void Whoever_holds_it_may_enter_again_and_the_others_wait_until_it_has_left_as_often()
    {
        var gate = new ShortLock();
        gate.EnterUnscoped();
        using (gate.Enter())
            gate.IsHeldByCurrentThread.Should().BeTrue();

        var other = new Thread(() =>
        {
            using (gate.Enter())
            {
            }
        });
        other.Start();
        other.Join(TimeSpan.FromMilliseconds(200)).Should().BeFalse("it was entered twice and left once");
        gate.Exit();

        other.Join(TimeSpan.FromMinutes(1)).Should().BeTrue();
    }

    [Fact]
    public void A_clock_that_runs_its_timers_on_the_stack_of_whoever_reads_it_stops_no_producer()
    {
        var clock = new FakeTimeProvider { AutoAdvanceAmount = TimeSpan.FromMilliseconds(3) };
        var sending = Task.Run(async () =>
        {
            await using var broker = await Broker.CreateBuilder().WithTimeProvider(clock).AddTopic("topic").OpenAsync();
            await using var producer = broker.CreateProducer(Topic.Create("topic", Serdes.Utf8, Serdes.Utf8)).Build();
            for (var i = 0; i < 500; i++)
                await producer.PostAsync("k", "v");
            await producer.FlushAsync();
        });

        sending.Wait(TimeSpan.FromMinutes(1)).Should().BeTrue("a linger timer that fires while a record is accepted must not wait for that record");
    }
}
