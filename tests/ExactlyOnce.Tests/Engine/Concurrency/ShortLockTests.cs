using ExactlyOnce.Threading;

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
        (intruders, entered, gate.IsHeld).Should().Be((0, (long)threads * rounds, false));
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
        gate.IsHeld.Should().BeFalse();
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

        gate.IsHeld.Should().BeFalse();
    }
}
