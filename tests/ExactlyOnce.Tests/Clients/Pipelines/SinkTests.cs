using ExactlyOnce.Clients.Pipelines;

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
    public async Task A_sink_steps_over_a_dead_lettered_record()
    {
        await using var broker = await CreateBrokerAsync("1", "poison", "3");
        var sink = new FencingSink();
        await using var pipeline = broker.CreatePipeline("sink").Read(s_orders).WithRetry(1).DeadLetterTo(s_dead).IntoSink(sink);

        await pipeline.RunUntilCaughtUpAsync().WaitAsync(s_soon);

        sink.Values.Should().Equal("1", "3");
        sink.NextOffset.Should().Be(3);
        (await ReadDeadAsync(broker)).Should().Equal("poison");
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
        (await ReadDeadAsync(broker)).Should().Equal(["poison"], "a sink that does not answer is no reason to publish");
    }

    [Fact]
    public async Task A_dead_letter_is_published_once_although_the_sink_fails_to_step_over_it_and_its_record_is_not_tried_again()
    {
        await using var broker = await CreateBrokerAsync("1", "poison", "3");
        var sink = new FencingSink { FailsStepTo = 2 };
        await using var pipeline = broker.CreatePipeline("sink").Read(s_orders).WithRetry(1, TimeSpan.Zero).DeadLetterTo(s_dead).IntoSink(sink);

        await pipeline.RunUntilCaughtUpAsync().WaitAsync(s_soon);

        sink.Values.Should().Equal(["1", "3"], "what made the record fail is over by then, but the record is in the dead-letter topic");
        (await ReadDeadAsync(broker)).Should().Equal("poison");
    }

    [Fact]
    public async Task Whoever_had_a_partition_before_cannot_publish_its_dead_letters_any_more()
    {
        await using var broker = await CreateBrokerAsync("1");
        await broker.Admin.CreateTopicAsync(s_dead.Name);
        var partition = new TopicPartition(s_orders.Name, 0);
        // A sink that does not fence: the letters themselves do.
        await using var former = new SinkOutput<NoKey, string>(broker, s_orders, "sink", s_dead.Name, new FencingSink());
        await using var owner = new SinkOutput<NoKey, string>(broker, s_orders, "sink", s_dead.Name, new FencingSink());
        await former.FindPosition!(partition, default);
        await owner.FindPosition!(partition, default);
        var letter = new DeadLetter
        {
            Source = partition, Offset = 0, RecordTime = default, Key = null, Value = [1], Headers = RecordHeaders.Empty, Cause = new FormatException("poison"), Attempts = 1,
        };

        var late = async () => await former.DeadLetterAsync(session: null!, letter, nextOffset: 1, default);

        (await late.Should().ThrowAsync<ProducerFencedException>()).Which.Recovery.Should().Be(ErrorRecovery.RecreateClient);
        (await ReadDeadAsync(broker)).Should().BeEmpty();
    }

    [Theory]
    [InlineData(0L)]
    [InlineData(null)]
    public async Task A_sink_that_is_set_back_in_front_of_its_dead_letters_gives_up_records_again(long? offset)
    {
        await using var broker = await CreateBrokerAsync("1", "2", "poison");
        var sink = new FencingSink();
        await using var pipeline = broker.CreatePipeline("sink").Read(s_orders).WithBatch(1).WithRetry(1, TimeSpan.Zero).DeadLetterTo(s_dead).IntoSink(sink);
        await pipeline.RunUntilCaughtUpAsync().WaitAsync(s_soon);

        sink.Poison = "2";
        sink.NextOffset = offset;
        await pipeline.RunUntilCaughtUpAsync().WaitAsync(s_soon);
        sink.Poison = "poison";
        sink.NextOffset = offset;
        await pipeline.RunUntilCaughtUpAsync().WaitAsync(s_soon);

        (await ReadDeadAsync(broker)).Should().Equal("poison", "2", "poison");
        sink.Values.Should().Equal("1", "2", "1", "poison", "1", "2");
    }

    [Fact]
    public async Task A_topic_that_was_made_anew_has_dead_letters_of_its_own()
    {
        await using var broker = await CreateBrokerAsync("1", "poison");
        var sink = new FencingSink();
        await using var pipeline = broker.CreatePipeline("sink").Read(s_orders).WithRetry(1, TimeSpan.Zero).DeadLetterTo(s_dead).IntoSink(sink);
        await pipeline.RunUntilCaughtUpAsync().WaitAsync(s_soon);
        await broker.Admin.DeleteTopicAsync(s_orders.Name);
        await using var producer = broker.CreateProducer(s_orders).Build();
        foreach (var order in new[] { "3", "poison", "5" })
            await producer.SendAsync(default, order);
        // Where the dead letter of the former topic stands.
        sink.NextOffset = 1;

        await pipeline.RunUntilCaughtUpAsync().WaitAsync(s_soon);

        (await ReadDeadAsync(broker)).Should().Equal("poison", "poison");
        sink.Values.Should().Equal("1", "5");
    }

    [Fact]
    public async Task Objects_that_are_given_up_are_published_once_too()
    {
        await using var broker = Broker.CreateInMemory();
        var (topic, dead) = (Topic.Create("objects", Serdes.Reference<Version>()), Topic.Create("objects.dead", Serdes.Reference<Version>()));
        var given = new Version(1, 2);
        await broker.PublishAsync(topic, given);
        var failures = 1;
        await using var pipeline = broker.CreatePipeline("objects").Read(topic).WithRetry(1, TimeSpan.Zero).DeadLetterTo(dead).IntoSink(new FailingSink<Version>(
            batch => batch.Count > 0 || (batch.NextOffset == 1 && failures-- > 0)));

        await pipeline.RunUntilCaughtUpAsync().WaitAsync(s_soon);

        await using var consumer = broker.CreateConsumer(dead).Build();
        (await consumer.ReadToEndAsync().Select(record => record.Value).ToListAsync()).Should().ContainSingle().Which.Should().BeSameAs(given);
    }

    [Fact]
    public async Task A_sink_that_never_steps_over_a_dead_letter_ends_the_pipeline_with_an_error_of_the_library()
    {
        await using var broker = await CreateBrokerAsync("poison");
        var sink = new FencingSink { StepFailuresLeft = int.MaxValue };
        await using var pipeline = broker.CreatePipeline("sink").Read(s_orders).WithRetry(1, TimeSpan.Zero).DeadLetterTo(s_dead).IntoSink(sink);

        var running = () => pipeline.RunUntilCaughtUpAsync().WaitAsync(s_soon);

        (await running.Should().ThrowAsync<TransientException>()).WithMessage("*did not store offset 0 of orders-0*").WithInnerException<IOException>();
    }

    private static async Task<Broker> CreateBrokerAsync(params string[] orders)
    {
        var broker = Broker.CreateInMemory();
        foreach (var order in orders)
            await broker.PublishAsync(s_orders, order);
        return broker;
    }

    private static async Task<List<string>> ReadDeadAsync(Broker broker)
    {
        await using var consumer = broker.CreateConsumer(s_dead).Build();
        return await consumer.ReadToEndAsync().Select(record => record.Value).ToListAsync();
    }

    /// <summary>Holds an offset and nothing else, and fails on what it is told to.</summary>
    private sealed class FailingSink<TValue>(Func<ConsumerBatch<NoKey, TValue>, bool> fails) : ITransactionalSink<NoKey, TValue>
    {
        private long? _nextOffset;

        public ValueTask<long?> LoadNextOffsetAsync(TopicPartition partition, CancellationToken cancellationToken) => new(_nextOffset);

        public ValueTask WriteAsync(ConsumerBatch<NoKey, TValue> batch, CancellationToken cancellationToken)
        {
            if (fails(batch))
                throw new IOException("disk full");
            _nextOffset = batch.NextOffset;
            return default;
        }
    }

    private sealed class FencingSink : ITransactionalSink<NoKey, string>
    {
        public long? NextOffset { get; set; }

        public List<string> Values { get; } = [];

        public int TakeOvers { get; private set; }

        public int Looks { get; private set; }

        public int StepFailuresLeft { get; set; }

        /// <summary>The step that fails, once; from then on nothing is poison any more.</summary>
        public long? FailsStepTo { get; set; }

        public string? Poison { get; set; } = "poison";

        public ValueTask<long?> LoadNextOffsetAsync(TopicPartition partition, CancellationToken cancellationToken)
        {
            TakeOvers++;
            return new(NextOffset);
        }

        public ValueTask<long?> PeekNextOffsetAsync(TopicPartition partition, CancellationToken cancellationToken)
        {
            Looks++;
            return new(NextOffset);
        }

        public ValueTask WriteAsync(ConsumerBatch<NoKey, string> batch, CancellationToken cancellationToken)
        {
            if (batch.Count == 0 && StepFailuresLeft-- > 0)
                throw new IOException("disk full");
            if (batch.Count == 0 && batch.NextOffset == FailsStepTo)
            {
                (FailsStepTo, Poison) = (null, null);
                throw new IOException("disk full");
            }
            if (Poison is not null && batch.Values.Contains(Poison))
                throw new FormatException("poison");
            Values.AddRange(batch.Values);
            NextOffset = batch.NextOffset;
            return default;
        }
    }
}
