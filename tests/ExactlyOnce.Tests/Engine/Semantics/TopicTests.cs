using static ExactlyOnce.Tests.Engine.Semantics.TestBroker;

namespace ExactlyOnce.Tests.Engine.Semantics;

public sealed class TopicTests
{
    [Theory]
    [InlineData(Place.Memory)]
    [InlineData(Place.Folder)]
    public async Task A_topic_that_is_created_again_has_nothing_of_its_predecessor(Place place)
    {
        await using var broker = await OpenAsync(place);
        await broker.Broker.PublishAsync(Orders, "k", "old");
        await broker.Admin.ResetGroupOffsetAsync("billing", First, 1);
        var old = broker.Admin.DescribeTopic("orders")!;
        if (place == Place.Folder)
            broker.Engine.Checkpoint();

        await broker.Admin.DeleteTopicAsync("orders");
        broker.Admin.DescribeTopic("orders").Should().BeNull();
        await broker.Admin.CreateTopicAsync("orders");

        broker.Admin.DescribeTopic("orders")!.Id.Should().NotBe(old.Id);
        (await broker.ReadAsync()).Should().BeEmpty();
        (await broker.Admin.GetGroupOffsetsAsync("billing", "orders")).Should().BeEmpty();
        (await broker.Broker.PublishAsync(Orders, "k", "new")).Offset.Should().Be(0, "a producer that held the old topic writes to the new one");
        if (place == Place.Memory)
            return;
        await broker.ReopenAsync();
        (await broker.ReadAsync()).Should().Equal("new");
    }

    [Fact]
    public async Task A_transaction_that_wrote_to_a_deleted_topic_does_not_hold_up_the_others()
    {
        await using var broker = await OpenAsync(Place.Folder);
        var producer = await SignedProducer.OpenAsync(broker, "t");
        await producer.WriteAsync(First, 0, "gone");
        await producer.WriteAsync(new("invoices", 0), 0, "invoice");

        await using var plain = broker.Broker.CreateProducer(Orders).Build();
        await plain.SendAsync("k", "gone too");
        await broker.Admin.DeleteTopicAsync("orders");
        await producer.EndAsync(commit: false);
        await broker.ReopenAsync();

        (await broker.ReadAsync(Invoices)).Should().BeEmpty();
        broker.Offsets(new("invoices", 0)).LastStable.Should().Be(2);
    }

    [Fact]
    public async Task A_consumer_that_waits_hears_of_a_partition_that_is_added()
    {
        await using var broker = await OpenAsync();
        await using var consumer = broker.Broker.CreateConsumer(Orders).StartFrom(StartFrom.Earliest).Build();
        await using var loop = consumer.ReadAllAsync().GetAsyncEnumerator();
        var next = loop.MoveNextAsync().AsTask();
        next.IsCompleted.Should().BeFalse("there is nothing yet, and the loop waits");

        await broker.Admin.AddPartitionsAsync("orders", 2);
        await using var producer = broker.Broker.CreateProducer(Orders).Build();
        await producer.SendAsync(new ProducerRecord<string, string>("k", "v") { Partition = 1 });

        (await next.WaitAsync(Soon)).Should().BeTrue();
        loop.Current.TopicPartition.Should().Be(Second);
    }

    [Fact]
    public async Task A_record_keeps_its_key_while_the_number_of_partitions_grows()
    {
        await using var broker = await OpenAsync(Place.Folder);
        await broker.Broker.PublishAsync(Orders, "k", "before");

        await broker.Admin.AddPartitionsAsync("orders", 4);
        await broker.ReopenAsync();
        await broker.Broker.PublishAsync(Orders, new ProducerRecord<string, string>("k", "after") { Partition = 3 });

        broker.Admin.DescribeTopic("orders")!.Partitions.Should().Be(4);
        (await broker.ReadAsync()).Should().BeEquivalentTo("before", "after");
        await FluentActions.Awaiting(() => broker.Admin.AddPartitionsAsync("orders", 4)).Should().ThrowAsync<InvalidRequestException>();
    }

    [Fact]
    public async Task A_topic_that_exists_is_not_created_again_and_options_that_are_not_valid_change_nothing()
    {
        await using var broker = await OpenAsync();

        (await FluentActions.Awaiting(() => broker.Admin.CreateTopicAsync("orders")).Should().ThrowAsync<InvalidRequestException>())
            .Which.Code.Should().Be(ErrorCode.TopicAlreadyExists);
        await FluentActions.Awaiting(() => broker.Admin.AlterTopicAsync("orders", options => options.MaxMessageBytes = -1)).Should().ThrowAsync<InvalidRequestException>();
        await FluentActions.Awaiting(() => broker.Admin.AlterTopicAsync("orders", options => options.Partitions = 7)).Should().ThrowAsync<InvalidRequestException>();
        await broker.Admin.AlterTopicAsync("orders", options => options.MaxMessageBytes = 1000);

        broker.Admin.DescribeTopic("orders")!.Options.MaxMessageBytes.Should().Be(1000);
        broker.Admin.DescribeTopic("orders")!.Partitions.Should().Be(1);
        await FluentActions.Awaiting(async () => await broker.Broker.PublishAsync(Orders, "k", new string('x', 1000))).Should().ThrowAsync<RecordTooLargeException>();
    }
}
