using static ExactlyOnce.Tests.Engine.Semantics.TestBroker;

namespace ExactlyOnce.Tests.Engine.Semantics;

public sealed class MessageIdTests
{
    private static readonly TimeSpan s_window = TimeSpan.FromMinutes(10);

    [Theory]
    [InlineData(Place.Memory)]
    [InlineData(Place.Folder)]
    public async Task A_message_id_is_stored_once_within_its_window_whoever_sends_it(Place place)
    {
        await using var broker = await OpenAsync(place, partitions: 3, topic: options => options.MessageIdWindow = s_window);
        await using var one = broker.Broker.CreateProducer(Orders).Build();
        await using var other = broker.Broker.CreateProducer(Orders).Build();
        var first = await one.SendAsync("k", "v", messageId: "m-1");

        broker.Clock.Advance(s_window - TimeSpan.FromMilliseconds(1));
        var again = await other.SendAsync("k", "v again", messageId: "m-1");
        var next = await other.SendAsync("k", "w", messageId: "m-2");

        (again.IsDuplicate, again.Offset, first.IsDuplicate).Should().Be((true, first.Offset, false));
        next.IsDuplicate.Should().BeFalse();
        (await broker.ReadAsync()).Should().Equal("v", "w");
    }

    [Fact]
    public async Task A_message_id_is_forgotten_when_its_window_is_over()
    {
        await using var broker = await OpenAsync(topic: options => options.MessageIdWindow = s_window);
        await using var producer = broker.Broker.CreateProducer(Orders).Build();
        await producer.SendAsync("k", "v", messageId: "m-1");

        broker.Clock.Advance(s_window + TimeSpan.FromMilliseconds(1));
        var again = await producer.SendAsync("k", "v again", messageId: "m-1");

        again.IsDuplicate.Should().BeFalse();
        (await broker.ReadAsync()).Should().Equal("v", "v again");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_message_id_is_remembered_over_a_restart(bool checkpoint)
    {
        await using var broker = await OpenAsync(Place.Folder, topic: options => options.MessageIdWindow = s_window);
        var published = await PublishAsync(broker, "m-1");
        if (checkpoint)
            broker.Engine.Checkpoint();
        await broker.ReopenAsync();

        var again = await PublishAsync(broker, "m-1");

        (again.IsDuplicate, again.Offset).Should().Be((true, published.Offset));
        (await broker.ReadAsync()).Should().Equal("v");
    }

    [Fact]
    public async Task A_broker_whose_journal_has_failed_does_not_acknowledge_a_message_that_it_knows()
    {
        await using var broker = await OpenAsync(Place.Folder, topic: options => options.MessageIdWindow = s_window);
        await PublishAsync(broker, "m-1");

        broker.Engine.Journal.Fail(new StorageException("a disk that is gone"));

        await FluentActions.Awaiting(() => PublishAsync(broker, "m-1").AsTask()).Should().ThrowAsync<StorageException>();
    }

    [Fact]
    public async Task Of_many_at_the_same_time_with_one_message_id_one_is_stored()
    {
        await using var broker = await OpenAsync(topic: options => options.MessageIdWindow = s_window);

        var sent = await Task.WhenAll(Enumerable.Range(0, 32).Select(i => Task.Run(() => PublishAsync(broker, $"m-{i % 4}").AsTask())));

        sent.Count(metadata => !metadata.IsDuplicate).Should().Be(4);
        (await broker.ReadAsync()).Should().HaveCount(4);
    }

    [Fact]
    public async Task A_topic_without_a_window_refuses_message_ids()
    {
        await using var broker = await OpenAsync();

        await FluentActions.Awaiting(async () => await PublishAsync(broker, "m-1")).Should().ThrowAsync<InvalidOperationException>();

        broker.Offsets(First).HighWatermark.Should().Be(0);
    }

    private static ValueTask<RecordMetadata> PublishAsync(TestBroker broker, string id) =>
        broker.Broker.PublishAsync(Orders, new ProducerRecord<string, string>("k", "v") { MessageId = id });
}
