namespace ExactlyOnce.Tests.Clients.Producing;

/// <summary>A producer that has written to a topic which is deleted meanwhile.</summary>
public sealed class DeletedTopicTests
{
    private static readonly Topic<string, string> s_topic = Topic.Create("orders", Serdes.Utf8, Serdes.Utf8);
    private static readonly TimeSpan s_soon = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task A_topic_that_was_made_again_is_written_to_by_the_next_record()
    {
        await using var broker = Broker.CreateInMemory();
        await broker.PublishAsync(s_topic, "a", "of the old one");
        await using var producer = broker.CreateProducer(s_topic).Build();
        await producer.SendAsync("a", "of the old one");
        await broker.Admin.DeleteTopicAsync("orders");
        await broker.Admin.CreateTopicAsync("orders", topic => topic.Partitions = 3);

        await broker.PublishAsync(s_topic, "a", "published");
        var metadata = await producer.SendAsync("a", "sent");

        metadata.Offset.Should().Be(1);
        broker.Admin.DescribeTopic("orders")!.Partitions.Should().Be(3);
    }

    [Fact]
    public async Task A_topic_that_is_gone_is_made_anew_by_the_next_record_where_that_is_allowed()
    {
        await using var broker = Broker.CreateInMemory();
        await using var strict = Broker.CreateInMemory(options => options.AutoCreateTopics = false);
        await strict.Admin.CreateTopicAsync("orders");
        await broker.PublishAsync(s_topic, "a", "1");
        await strict.PublishAsync(s_topic, "a", "1");
        await broker.Admin.DeleteTopicAsync("orders");
        await strict.Admin.DeleteTopicAsync("orders");

        await broker.PublishAsync(s_topic, "a", "2");
        var publishing = async () => await strict.PublishAsync(s_topic, "a", "2");

        broker.Admin.DescribeTopic("orders").Should().NotBeNull();
        await publishing.Should().ThrowAsync<UnknownTopicException>();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Whatever_was_open_when_the_topic_was_deleted_fails_and_is_told(bool isMadeAgain)
    {
        await using var broker = Broker.CreateInMemory();
        await broker.Admin.CreateTopicAsync("orders", topic => topic.Partitions = 4);
        await using var producer = broker.CreateProducer(s_topic).WithLinger(TimeSpan.FromMinutes(1)).Build();
        var open = Enumerable.Range(0, 4).Select(partition => producer.SendAsync(In(partition)).AsTask()).ToArray();
        await broker.Admin.DeleteTopicAsync("orders");
        if (isMadeAgain)
            await broker.Admin.CreateTopicAsync("orders", topic => topic.Partitions = 4);

        // A full batch in one partition finds out; those of the others have nobody who would send them later.
        await producer.PostAsync(In(0) with { Value = new string('x', 20_000) });

        foreach (var sending in open)
            await FluentActions.Awaiting(() => sending.WaitAsync(s_soon)).Should().ThrowAsync<UnknownTopicException>();
        await FluentActions.Awaiting(() => producer.FlushAsync().AsTask().WaitAsync(s_soon)).Should().NotThrowAsync<TimeoutException>();
    }

    private static ProducerRecord<string, string> In(int partition) => new("a", "1") { Partition = partition };
}
