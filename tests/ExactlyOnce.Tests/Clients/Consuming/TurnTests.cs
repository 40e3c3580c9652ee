using System.IO.Pipelines;
using ExactlyOnce.Clients.Consuming;

namespace ExactlyOnce.Tests.Clients.Consuming;

public sealed class TurnTests
{
    private readonly Turn _turn = new(PipeScheduler.Inline);

    [Fact]
    public void The_turn_is_given_to_one_at_a_time_in_the_order_they_came()
    {
        // Without a context of the test runner's, so that what goes on does so before the call that lets it returns.
        SynchronizationContext.SetSynchronizationContext(null);
        var order = new List<int>();
        _turn.EnterAsync(default).IsCompleted.Should().BeTrue();
        var second = EnterAsync(2);
        var third = EnterAsync(3);
        order.Should().BeEmpty();

        _turn.Exit();
        order.Should().Equal(2);
        _turn.Exit();
        order.Should().Equal(2, 3);
        _turn.Exit();

        (second.IsCompleted && third.IsCompleted).Should().BeTrue();
        _turn.EnterAsync(default).IsCompleted.Should().BeTrue("everybody has left");

        async Task EnterAsync(int who)
        {
            await _turn.EnterAsync(default).ConfigureAwait(false);
            order.Add(who);
        }
    }

    [Fact]
    public async Task Whoever_stops_waiting_is_passed_over()
    {
        using var patience = new CancellationTokenSource();
        await _turn.EnterAsync(default);
        var leaving = _turn.EnterAsync(patience.Token);
        var staying = _turn.EnterAsync(default);

        await patience.CancelAsync();
        _turn.Exit();

        await FluentActions.Awaiting(() => leaving.AsTask()).Should().ThrowAsync<OperationCanceledException>();
        // Whoever stopped waiting may have been given the turn in that very moment, and passes it on from a thread of its own.
        await staying.AsTask().WaitAsync(TimeSpan.FromMinutes(1));
    }
}
