using System.Collections.Concurrent;
using ExactlyOnce.Clients.Producing;

namespace ExactlyOnce.Tests.Clients.Consuming;

public sealed class SubscriptionTests
{
    private static readonly Topic<NoKey, string> s_greetings = Topic.Create("greetings", Serdes.Utf8);
    private static readonly TimeSpan s_soon = TimeSpan.FromSeconds(10);

    private readonly MemoryBackend _backend = new();
    private readonly ConcurrentQueue<string> _seen = new();

    [Fact]
    public async Task Disposing_delivers_everything_that_was_published_before()
    {
        await using var broker = _backend.ToBroker();
        await using (broker.Subscribe(s_greetings, record => _seen.Enqueue(record.Value)))
            for (var i = 0; i < 50; i++)
                await broker.PublishAsync(s_greetings, $"hello {i}");

        await broker.PublishAsync(s_greetings, "too late");

        _seen.Should().Equal(Enumerable.Range(0, 50).Select(i => $"hello {i}"));
    }

    [Fact]
    public async Task Nothing_that_was_published_before_subscribing_is_delivered()
    {
        await using var broker = _backend.ToBroker();
        await broker.PublishAsync(s_greetings, "before");
        await using (broker.Subscribe(s_greetings, record => _seen.Enqueue(record.Value)))
            await broker.PublishAsync(s_greetings, "after");

        _seen.Should().Equal("after");
    }

    [Fact]
    public async Task Nothing_that_is_published_while_disposing_is_delivered()
    {
        await using var broker = _backend.ToBroker();
        using var entered = new SemaphoreSlim(0);
        var release = new TaskCompletionSource();
        var subscription = broker.Subscribe(s_greetings, async record =>
        {
            _seen.Enqueue(record.Value);
            entered.Release();
            await release.Task;
        });
        await broker.PublishAsync(s_greetings, "first");
        await broker.PublishAsync(s_greetings, "second");
        await entered.WaitAsync(s_soon);

        var disposing = subscription.DisposeAsync();
        await broker.PublishAsync(s_greetings, "third");
        release.SetResult();
        await disposing.AsTask().WaitAsync(s_soon);

        _seen.Should().Equal("first", "second");
    }

    [Fact]
    public async Task An_asynchronous_handler_is_awaited_before_the_next_record()
    {
        await using var broker = _backend.ToBroker();
        var running = 0;
        await using (broker.Subscribe(s_greetings, async record =>
        {
            Interlocked.Increment(ref running).Should().Be(1);
            await Task.Yield();
            _seen.Enqueue(record.Value);
            Interlocked.Decrement(ref running);
        }))
        {
            for (var i = 0; i < 20; i++)
                await broker.PublishAsync(s_greetings, $"{i}");
        }

        _seen.Should().Equal(Enumerable.Range(0, 20).Select(i => $"{i}"));
    }

    [Fact]
    public async Task A_handler_that_throws_stops_the_subscription_and_disposing_says_so()
    {
        await using var broker = _backend.ToBroker();
        var subscription = broker.Subscribe(s_greetings, record => throw new FormatException($"cannot read {record.Value}"));
        await broker.PublishAsync(s_greetings, "this");

        var failure = (await FluentActions.Awaiting(() => subscription.Completion.WaitAsync(s_soon)).Should().ThrowAsync<HandlerFailedException>()).Which;

        failure.InnerException.Should().BeOfType<FormatException>();
        (failure.TopicPartition, failure.Offset).Should().Be((new TopicPartition("greetings", 0), 0));
        _backend.Log.Of(3011).Should().ContainSingle();
        await FluentActions.Awaiting(() => subscription.DisposeAsync().AsTask()).Should().ThrowAsync<HandlerFailedException>();
    }

    [Fact]
    public async Task With_an_error_handler_the_subscription_goes_on()
    {
        await using var broker = _backend.ToBroker();
        var failures = new ConcurrentQueue<long>();
        await using (broker.Subscribe(
            s_greetings,
            record =>
            {
                if (record.Value == "bad")
                    throw new FormatException();
                _seen.Enqueue(record.Value);
            },
            options => options.OnError = failure => failures.Enqueue(failure.Offset)))
        {
            foreach (var text in new[] { "good", "bad", "better" })
                await broker.PublishAsync(s_greetings, text);
        }

        _seen.Should().Equal("good", "better");
        failures.Should().Equal(1);
    }

    [Fact]
    public async Task A_handler_may_dispose_of_its_own_subscription()
    {
        await using var broker = _backend.ToBroker();
        Subscription? subscription = null;
        subscription = broker.Subscribe(s_greetings, async record =>
        {
            _seen.Enqueue(record.Value);
            await subscription!.DisposeAsync();
        });
        await broker.PublishAsync(s_greetings, "once");
        await subscription.Completion.WaitAsync(s_soon);
        await broker.PublishAsync(s_greetings, "twice");

        _seen.Should().Equal("once");
    }

    [Fact]
    public async Task Records_of_an_open_transaction_are_not_waited_for()
    {
        await using var broker = _backend.ToBroker();
        await using var producer = await broker.CreateTransactionalProducerAsync("t");
        var subscription = broker.Subscribe(s_greetings, record => _seen.Enqueue(record.Value));
        await broker.PublishAsync(s_greetings, "plain");
        _backend.Partition("greetings").Add(
            Records.Batch((null, "open")), BatchFate.Open, new ProducerSession { Identity = new global::ExactlyOnce.Kernel.Primitives.ProducerIdentity(1, 0) });

        await subscription.DisposeAsync().AsTask().WaitAsync(s_soon);

        _seen.Should().Equal("plain");
    }

    [Fact]
    public async Task Disposing_the_broker_ends_a_forgotten_subscription_after_its_last_record()
    {
        var broker = _backend.ToBroker();
        var subscription = broker.Subscribe(s_greetings, record => _seen.Enqueue(record.Value));
        await broker.PublishAsync(s_greetings, "last words");

        await broker.DisposeAsync().AsTask().WaitAsync(s_soon);

        subscription.Completion.IsCompletedSuccessfully.Should().BeTrue();
        _seen.Should().Equal("last words");
        FluentActions.Invoking(() => broker.Subscribe(s_greetings, _ => { })).Should().Throw<ObjectDisposedException>();
    }

    [Fact]
    public async Task A_subscription_can_begin_at_the_earliest()
    {
        await using var broker = _backend.ToBroker();
        await broker.PublishAsync(s_greetings, "old");
        await using (broker.Subscribe(s_greetings, record => _seen.Enqueue(record.Value), options => options.StartFrom = StartFrom.Earliest))
            await broker.PublishAsync(s_greetings, "new");

        _seen.Should().Equal("old", "new");
    }
}
