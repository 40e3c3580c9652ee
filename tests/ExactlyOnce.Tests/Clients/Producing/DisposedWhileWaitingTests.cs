namespace ExactlyOnce.Tests.Clients.Producing;

/// <summary>Calls that wait for something when their producer is closed: none is left behind.</summary>
public sealed class DisposedWhileWaitingTests : IAsyncDisposable
{
    private static readonly Topic<string, string> s_orders = Topic.Create("orders", Serdes.Utf8, Serdes.Utf8);
    private static readonly TimeSpan s_soon = TimeSpan.FromSeconds(10);

    private readonly FakeBackend _backend = new();
    private readonly Broker _broker;

    public DisposedWhileWaitingTests() => _broker = new Broker(_backend, new BrokerOptions());

    public ValueTask DisposeAsync()
    {
        _backend.HoldsAnswers = false;
        _backend.Release();
        return _broker.DisposeAsync();
    }

    [Fact]
    public async Task Those_that_wait_for_memory_end_and_so_do_those_behind_them()
    {
        _backend.HoldsAnswers = true;
        var producer = _broker.CreateProducer(s_orders).WithBatchSize(512).WithBufferMemory(1024).WithCloseTimeout(TimeSpan.Zero).Build();
        await producer.PostAsync("k", new string('x', 800));
        var waiting = new[] { producer.PostAsync("k", new string('x', 800)).AsTask(), producer.SendAsync("k", "small").AsTask() };
        Array.Exists(waiting, call => call.IsCompleted).Should().BeFalse("the memory is used up");

        await producer.DisposeAsync().AsTask().WaitAsync(s_soon);

        foreach (var call in waiting)
            await call.Awaiting(ended => ended.WaitAsync(s_soon)).Should().ThrowAsync<ObjectDisposedException>();
        _backend.HoldsAnswers = false;
        _backend.Release();
        producer.Accumulator.Memory.FreeBytes.Should().Be(1024, "whatever was reserved has been given back");
    }

    [Fact]
    public async Task Those_that_wait_for_room_end()
    {
        var producer = _broker.CreateProducer(s_orders).Build();
        await producer.SendAsync("k", "1");
        _backend["orders"].Congested = true;
        var waiting = producer.SendAsync("k", "2").AsTask();
        waiting.IsCompleted.Should().BeFalse("there is no room");

        await producer.DisposeAsync().AsTask().WaitAsync(s_soon);

        await waiting.Awaiting(ended => ended.WaitAsync(s_soon)).Should().ThrowAsync<ObjectDisposedException>();
        _backend["orders"].MakeRoom();
        _backend["orders"].Values.Should().Equal("1");
    }
}
