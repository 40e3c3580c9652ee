namespace ExactlyOnce.Tests.Clients.Pipelines;

/// <summary>What a pipeline asks of its sink, and what it makes of a sink that does not do it.</summary>
public sealed class SinkTests
{
    private static readonly TimeSpan s_soon = TimeSpan.FromSeconds(30);
    private static readonly Topic<NoKey, string> s_orders = Topic.Create("orders", Serdes.Utf8);
    private static readonly Topic<NoKey, string> s_dead = Topic.Create("orders.dead", Serdes.Utf8);

    [Fact]
    public async Task A_sink_is_taken_over_once_for_each_partition_and_only_looked_at_to_know_how_far_it_is()
    {
        await using var broker = await CreateBrokerAsync("1", "2", "3");
        var sink = new FencingSink();
        await using var pipeline = broker.CreatePipeline("sink").Read(s_orders).WithBatch(1).IntoSink(sink);

        await pipeline.RunUntilCaughtUpAsync().WaitAsync(s_soon);

        sink.Values.Should().Equal("1", "2", "3");
        sink.TakeOvers.Should().Be(1, "whoever takes over fences whoever works on it");
        sink.Looks.Should().BePositive();
    }

    [Fact]
    public async Task A_sink_that_cannot_step_over_a_dead_letter_is_asked_again_later()
    {
        await using var broker = await CreateBrokerAsync("1", "poison", "3");
        var sink = new FencingSink { StepFailuresLeft = 2 };
        await using var pipeline = broker.CreatePipeline("sink").Read(s_orders).WithRetry(1, TimeSpan.Zero).DeadLetterTo(s_dead).IntoSink(sink);

        await pipeline.RunUntilCaughtUpAsync().WaitAsync(s_soon);

        sink.Values.Should().Equal("1", "3");
        sink.TakeOvers.Should().Be(3, "each failure makes the pipeline begin anew at what the sink holds");
    }

    [Fact]
    public async Task A_sink_that_never_steps_over_a_dead_letter_ends_the_pipeline_with_an_error_of_the_library()
    {
        await using var broker = await CreateBrokerAsync("poison");
        var sink = new FencingSink { StepFailuresLeft = int.MaxValue };
        await using var pipeline = broker.CreatePipeline("sink").Read(s_orders).WithRetry(1, TimeSpan.Zero).DeadLetterTo(s_dead).IntoSink(sink);

        var running = () => pipeline.RunUntilCaughtUpAsync().WaitAsync(s_soon);

        (await running.Should().ThrowAsync<TransientException>()).WithMessage("*did not store offset 1 of orders-0*").WithInnerException<IOException>();
    }

    private static async Task<Broker> CreateBrokerAsync(params string[] orders)
    {
        var broker = Broker.CreateInMemory();
        foreach (var order in orders)
            await broker.PublishAsync(s_orders, order);
        return broker;
    }

    private sealed class FencingSink : ITransactionalSink<NoKey, string>
    {
        private long? _nextOffset;

        public List<string> Values { get; } = [];

        public int TakeOvers { get; private set; }

        public int Looks { get; private set; }

        public int StepFailuresLeft { get; set; }

        public ValueTask<long?> LoadNextOffsetAsync(TopicPartition partition, CancellationToken cancellationToken)
        {
            TakeOvers++;
            return new(_nextOffset);
        }

        public ValueTask<long?> PeekNextOffsetAsync(TopicPartition partition, CancellationToken cancellationToken)
        {
            Looks++;
            return new(_nextOffset);
        }

        public ValueTask WriteAsync(ConsumerBatch<NoKey, string> batch, CancellationToken cancellationToken)
        {
            if (batch.Count == 0 && StepFailuresLeft-- > 0)
                throw new IOException("disk full");
            if (batch.Values.Contains("poison"))
                throw new FormatException("poison");
            Values.AddRange(batch.Values);
            _nextOffset = batch.NextOffset;
            return default;
        }
    }
}
