using ExactlyOnce.Tests.Clients.Producing;

namespace ExactlyOnce.Tests;

public sealed class TopicDeclarationTests
{
    private readonly FakeBackend _backend = new();

    [Fact]
    public async Task A_declared_topic_is_created_when_it_is_missing()
    {
        await new TopicDeclaration("orders", new TopicOptions { Partitions = 3 }).EnsureAsync(_backend, default);

        _backend.TryGetTopic("orders")!.Partitions.Should().Be(3);
    }

    [Fact]
    public async Task A_declared_topic_with_fewer_partitions_is_grown()
    {
        _backend.AddTopic("orders", topic => topic.Partitions = 2);

        await new TopicDeclaration("orders", new TopicOptions { Partitions = 3 }).EnsureAsync(_backend, default);

        _backend.TryGetTopic("orders")!.Partitions.Should().Be(3);
    }

    [Fact]
    public async Task Partitions_are_never_taken_away()
    {
        _backend.AddTopic("orders", topic => topic.Partitions = 3);
        var declaration = new TopicDeclaration("orders", new TopicOptions { Partitions = 2 });

        var refused = await declaration.Awaiting(d => d.EnsureAsync(_backend, default).AsTask()).Should().ThrowAsync<InvalidRequestException>();

        refused.Which.Message.Should().Contain("has 3 partitions and 2 are declared");
        _backend.TryGetTopic("orders")!.Partitions.Should().Be(3);
    }

    [Fact]
    public async Task A_topic_can_be_declared_on_an_open_broker_too()
    {
        await using var broker = Broker.CreateInMemory();
        await broker.Admin.EnsureTopicAsync("orders", topic => topic.Partitions = 2);
        await broker.Admin.EnsureTopicAsync("orders", topic => topic.Partitions = 3);

        broker.Admin.DescribeTopic("orders")!.Partitions.Should().Be(3);
        await broker.Awaiting(b => b.Admin.EnsureTopicAsync("orders")).Should().ThrowAsync<InvalidRequestException>().WithMessage("*3 partitions and 1 are declared*");
    }

    [Fact]
    public void A_topic_is_declared_once() =>
        Broker.CreateBuilder().AddTopic("orders").Invoking(builder => builder.AddTopic("orders")).Should().Throw<ArgumentException>();

    [Fact]
    public async Task Altering_options_keeps_those_that_are_not_mentioned_and_the_partitions()
    {
        _backend.AddTopic("orders", topic => (topic.Partitions, topic.RetainBytes) = (2, 77));
        var admin = new BrokerAdmin(_backend);

        await admin.AlterTopicAsync("orders", topic => topic.RetainFor = TimeSpan.FromHours(1));

        _backend.TryGetTopic("orders")!.Options.Should().Match<TopicOptions>(o => o.RetainBytes == 77 && o.RetainFor == TimeSpan.FromHours(1) && o.Partitions == 2);
        await admin.Awaiting(a => a.AlterTopicAsync("orders", topic => topic.Partitions = 3)).Should().ThrowAsync<InvalidRequestException>();
        await admin.Awaiting(a => a.AlterTopicAsync("none", _ => { })).Should().ThrowAsync<UnknownTopicException>();
    }
}
