namespace ExactlyOnce.Tests.Clients.Producing;

public sealed class MessageIdTests : IAsyncDisposable
{
    private static readonly Topic<string, string> s_orders = Topic.Create("orders", Serdes.Utf8, Serdes.Utf8);

    private readonly FakeBackend _backend = new();
    private readonly Broker _broker;

    public MessageIdTests()
    {
        _broker = new Broker(_backend, new BrokerOptions());
        _backend.AddTopic("orders", topic => topic.MessageIdWindow = TimeSpan.FromMinutes(1));
    }

    public ValueTask DisposeAsync() => _broker.DisposeAsync();

    [Fact]
    public async Task A_record_whose_id_is_known_is_acknowledged_with_the_offset_of_the_original()
    {
        await using var producer = _broker.CreateProducer(s_orders).Build();
        await producer.SendAsync("k", "other");
        var original = await producer.SendAsync("k", "a", messageId: "m1");

        var duplicate = await producer.SendAsync("k", "a", messageId: "m1");

        duplicate.IsDuplicate.Should().BeTrue();
        duplicate.Offset.Should().Be(original.Offset).And.Be(1);
        _backend["orders"].Values.Should().Equal("other", "a");
        (await producer.SendAsync("k", "next")).Offset.Should().Be(2);
    }

    [Fact]
    public async Task The_id_is_stored_as_a_header_behind_those_of_the_caller()
    {
        await using var producer = _broker.CreateProducer(s_orders).Build();
        await producer.SendAsync(new ProducerRecord<string, string>("k", "a") { MessageId = "m1", Headers = [new RecordHeader("h", "1")] });

        _backend["orders"].Records.Single().Headers.Select(header => header.ToString()).Should().Equal("h=1", "message-id=m1");
    }

    [Fact]
    public async Task Known_records_are_taken_out_of_a_batch_and_the_rest_is_appended()
    {
        await using var producer = _broker.CreateProducer(s_orders).WithLinger(TimeSpan.FromMilliseconds(5)).Build();
        await producer.PostAsync(new ProducerRecord<string, string>("k", "m2") { MessageId = "m2" });
        await producer.FlushAsync();
        var sends = new[] { null, "m1", "m2", null, "m3" }
            .Select(id => producer.SendAsync(new ProducerRecord<string, string>("k", $"new {id}") { MessageId = id }).AsTask()).ToArray();

        _backend.Clock.Advance(TimeSpan.FromMilliseconds(5));

        (await Task.WhenAll(sends)).Select(at => (at.Offset, at.IsDuplicate)).Should().Equal(
            (1, false), (2, false), (0, true), (3, false), (4, false));
        _backend["orders"].Values.Should().Equal("m2", "new ", "new m1", "new ", "new m3");
        _backend["orders"].Batches.Select(batch => batch.BaseSequence).Should().Equal(0, 1);
        _backend.MessageIds["m3"].Should().Be(4);
    }

    [Fact]
    public async Task The_same_id_twice_in_a_row_never_shares_a_batch()
    {
        await using var producer = _broker.CreateProducer(s_orders).Build();
        await producer.PostAsync(new ProducerRecord<string, string>("k", "first") { MessageId = "m1" });
        await producer.PostAsync(new ProducerRecord<string, string>("k", "second") { MessageId = "m1" });

        await producer.FlushAsync();

        _backend["orders"].Values.Should().Equal("first");
    }

    [Fact]
    public async Task An_empty_id_is_refused()
    {
        await using var producer = _broker.CreateProducer(s_orders).Build();

        await producer.Awaiting(p => p.SendAsync("k", "v", messageId: "").AsTask()).Should().ThrowAsync<ArgumentException>();
    }
}
