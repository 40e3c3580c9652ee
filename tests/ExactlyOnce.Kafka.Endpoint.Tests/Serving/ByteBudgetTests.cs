using ExactlyOnce.Kafka.Endpoint.Serving;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Serving;

public sealed class ByteBudgetTests
{
    [Fact]
    public async Task Whoever_wants_more_than_is_left_waits_and_small_wishes_do_not_pass_a_large_one()
    {
        var budget = new ByteBudget(100);
        await budget.TakeAsync(60, default);

        var large = budget.TakeAsync(80, default).AsTask();
        var small = budget.TakeAsync(10, default).AsTask();
        (large.IsCompleted, small.IsCompleted).Should().Be((false, false));
        budget.Return(60);

        await large;
        await small;
        budget.Left.Should().Be(10);
    }

    [Fact]
    public async Task A_wish_that_is_given_up_takes_nothing_and_lets_the_others_pass()
    {
        var budget = new ByteBudget(100);
        await budget.TakeAsync(60, default);
        using var cancellation = new CancellationTokenSource();
        var large = budget.TakeAsync(80, cancellation.Token).AsTask();
        var behind = budget.TakeAsync(10, default).AsTask();

        await cancellation.CancelAsync();

        await large.Awaiting(wish => wish).Should().ThrowAsync<OperationCanceledException>();
        await behind;
        await budget.TakeAsync(30, default);
        budget.Return(100);
        budget.Left.Should().Be(100);
    }

    [Fact]
    public async Task Under_contention_and_cancellation_no_byte_is_lost_and_none_is_given_twice()
    {
        var budget = new ByteBudget(1000);
        var held = 0;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async worker =>
        {
            var random = new Random(worker);
            for (var i = 0; i < 500; i++)
            {
                var wish = random.Next(1, 600);
                using var patience = new CancellationTokenSource(random.Next(0, 3));
                try
                {
                    await budget.TakeAsync(wish, patience.Token);
                }
                catch (OperationCanceledException)
                {
                    continue;
                }
                Interlocked.Add(ref held, wish).Should().BeLessThanOrEqualTo(1000);
                await Task.Yield();
                Interlocked.Add(ref held, -wish);
                budget.Return(wish);
            }
        }));

        budget.Left.Should().Be(1000);
    }
}
