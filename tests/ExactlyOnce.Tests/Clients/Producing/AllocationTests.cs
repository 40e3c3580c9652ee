namespace ExactlyOnce.Tests.Clients.Producing;

[Collection(nameof(ExactlyOnce.Tests.Diagnostics.Meters))]
public sealed class AllocationTests
{
    private const int Records = 10_000;

    private static readonly Topic<NoKey, ReadOnlyMemory<byte>> s_topic = Topic.Create("bytes", Serdes.Memory);

    [Fact]
    public async Task A_send_that_is_answered_at_once_allocates_nothing_in_steady_state()
    {
        await using var broker = CreateBroker();
        await using var producer = await broker.CreateProducer(s_topic).BuildAsync();

        MeasurePerRecord(() => producer.SendAsync(new byte[100].AsMemory(0, 0)), 1000);
        var value = new ReadOnlyMemory<byte>(new byte[100]);
        var bytes = MeasurePerRecord(() => producer.SendAsync(value), Records);

        bytes.Should().BeLessThan(1);
    }

    [Fact]
    public async Task A_posted_record_allocates_less_than_eight_bytes()
    {
        await using var broker = CreateBroker();
        await using var producer = await broker.CreateProducer(s_topic).BuildAsync();
        var value = new ReadOnlyMemory<byte>(new byte[100]);

        MeasurePosts(producer, value, Records);
        var bytes = MeasurePosts(producer, value, Records);

        bytes.Should().BeLessThan(8);
    }

    private static Broker CreateBroker()
    {
        var backend = new FakeBackend();
        backend.AddTopic("bytes");
        backend["bytes"].IsBottomless = true;
        return new Broker(backend, new BrokerOptions());
    }

    private static double MeasurePerRecord(Func<ValueTask<RecordMetadata>> send, int count)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < count; i++)
            send().GetAwaiter().GetResult();
        return (double)(GC.GetAllocatedBytesForCurrentThread() - before) / count;
    }

    private static double MeasurePosts(Producer<NoKey, ReadOnlyMemory<byte>> producer, ReadOnlyMemory<byte> value, int count)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < count; i++)
            producer.PostAsync(value).GetAwaiter().GetResult();
        producer.FlushAsync().AsTask().GetAwaiter().GetResult();
        return (double)(GC.GetAllocatedBytesForCurrentThread() - before) / count;
    }
}
