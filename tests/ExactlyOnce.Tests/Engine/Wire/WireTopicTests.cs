using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Tests.Engine.Semantics;
using static ExactlyOnce.Tests.Engine.Wire.WireBroker;

namespace ExactlyOnce.Tests.Engine.Wire;

/// <summary>Topics, their ids and their configs as a Kafka endpoint uses them (wire.md 8.13), and the id of the cluster (8.11).</summary>
public sealed class WireTopicTests
{
    private readonly WireBroker _broker = Open();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_topic_is_found_by_an_id_that_it_has_for_life(bool isClean)
    {
        var broker = Open(Place.Folder);
        var id = broker.Wire.FindTopic("orders")!.Id;
        id.Should().NotBe(Guid.Empty);
        broker.Run(() => broker.Wire.AlterTopicAsync("orders", new TopicOptions { RetainBytes = 5 })).Error.Should().Be(ErrorCode.None);
        broker.Run(() => broker.Wire.AddPartitionsAsync("orders", 3)).Error.Should().Be(ErrorCode.None);

        broker = isClean ? broker.Reopen() : broker.Revive();

        broker.Wire.FindTopic(id).Should().Match<TopicDescription>(topic => topic.Name == "orders" && topic.Partitions == 3 && topic.Options.RetainBytes == 5);
        broker.Wire.FindTopic(Guid.NewGuid()).Should().BeNull();
    }

    [Fact]
    public void A_topic_that_is_created_anew_has_another_id()
    {
        var id = _broker.Wire.FindTopic("orders")!.Id;
        _broker.Run(() => _broker.Wire.DeleteTopicAsync("orders")).Error.Should().Be(ErrorCode.None);
        _broker.Wire.FindTopic(id).Should().BeNull();
        _broker.Wire.FindPartition(First).Should().BeNull();

        var created = _broker.Run(() => _broker.Wire.CreateTopicAsync("orders", new TopicOptions()));

        created.Topic!.Id.Should().NotBe(id);
        _broker.Wire.FindTopic(id).Should().BeNull();
        _broker.Wire.FindTopic(created.Topic.Id)!.Name.Should().Be("orders");
    }

    [Fact]
    public void Topics_that_cannot_be_are_refused_in_numbers_and_words()
    {
        Create("orders").Should().Match<TopicAnswer>(answer => answer.Error == ErrorCode.TopicAlreadyExists && answer.Topic!.Partitions == 2);
        foreach (var name in new[] { "", ".", "..", "a/b", new string('x', 250), "__consumer_offsets" })
            Create(name).Should().Match<TopicAnswer>(answer => answer.Error == ErrorCode.InvalidTopic && answer.Message != null);
        Create("none", new TopicOptions { Partitions = 0 }).Error.Should().Be(ErrorCode.InvalidPartitions);
        Create("bad", new TopicOptions { SegmentBytes = 3 }).Should().Match<TopicAnswer>(answer => answer.Error == ErrorCode.InvalidConfig && answer.Message!.Contains("SegmentBytes"));
        _broker.Run(() => _broker.Wire.AddPartitionsAsync("orders", 2)).Error.Should().Be(ErrorCode.InvalidPartitions);
        _broker.Run(() => _broker.Wire.AddPartitionsAsync("nothing", 2)).Error.Should().Be(ErrorCode.UnknownTopicOrPartition);
        _broker.Run(() => _broker.Wire.DeleteTopicAsync("nothing")).Error.Should().Be(ErrorCode.UnknownTopicOrPartition);
        _broker.Run(() => _broker.Wire.DeleteTopicAsync("__transaction_state")).Error.Should().Be(ErrorCode.InvalidTopic);
    }

    [Fact]
    public void Records_are_deleted_up_to_an_offset_that_is_there()
    {
        var producer = new WireProducer(_broker, null).Ready();
        for (var i = 0; i < 3; i++)
            producer.Send(First, $"{i}", isTransactional: false).Should().Be(ErrorCode.None);

        DeleteRecords(First, 4).Should().Be(new LogStartAnswer(ErrorCode.OffsetOutOfRange, -1));
        DeleteRecords(First, 2).Should().Be(new LogStartAnswer(ErrorCode.None, 2));
        DeleteRecords(First, -1).Should().Be(new LogStartAnswer(ErrorCode.None, 3));
        DeleteRecords(Missing, 0).Should().Be(new LogStartAnswer(ErrorCode.UnknownTopicOrPartition, -1));
    }

    [Theory]
    [InlineData(Place.Folder, true)]
    [InlineData(Place.Folder, false)]
    public void The_cluster_has_an_id_that_stays(Place place, bool isClean)
    {
        var broker = Open(place);
        var id = broker.Wire.ClusterId;

        broker = isClean ? broker.Reopen() : broker.Revive();

        id.Should().MatchRegex("^[A-Za-z0-9_-]{22}$");
        broker.Wire.ClusterId.Should().Be(id);
        Open(place).Backend.OpenWire(new WireSettings()).ClusterId.Should().HaveLength(22);
    }

    [Fact]
    public void A_broker_in_memory_has_one_cluster_id_for_all_its_endpoints() =>
        _broker.Backend.OpenWire(new WireSettings()).ClusterId.Should().Be(_broker.Wire.ClusterId);

    // Configs

    [Theory]
    [InlineData("cleanup.policy", "compact")]
    [InlineData("cleanup.policy", "compact,delete")]
    [InlineData("delete.retention.ms", "1234")]
    [InlineData("max.message.bytes", "2000")]
    [InlineData("message.timestamp.after.max.ms", "5000")]
    [InlineData("message.timestamp.type", "LogAppendTime")]
    [InlineData("min.compaction.lag.ms", "77")]
    [InlineData("retention.bytes", "4096")]
    [InlineData("retention.ms", "-1")]
    [InlineData("retention.ms", "60000")]
    [InlineData("segment.bytes", "65536")]
    [InlineData("segment.ms", "1000")]
    public void A_config_is_kept_as_it_was_given_and_can_be_taken_back(string name, string value)
    {
        var config = TopicConfigs.Find(name)!;
        var options = new TopicOptions();
        config.HasEffect.Should().BeTrue();
        config.Read(options).Should().Be(config.Default);

        config.TryWrite(options, value).Should().BeTrue();
        Create("configured", options).Error.Should().Be(ErrorCode.None);

        config.Read(_broker.Wire.FindTopic("configured")!.Options).Should().Be(value);
        config.TryWrite(options, null).Should().BeTrue();
        config.Read(options).Should().Be(config.Default);
    }

    [Theory]
    [InlineData("cleanup.policy", "shred")]
    [InlineData("message.timestamp.type", "createtime")]
    [InlineData("retention.ms", "a day")]
    [InlineData("retention.ms", "-2")]
    [InlineData("segment.bytes", "99999999999")]
    [InlineData("preallocate", "perhaps")]
    [InlineData("min.insync.replicas", "two")]
    public void A_value_that_a_config_cannot_have_changes_nothing(string name, string value)
    {
        var options = new TopicOptions();

        TopicConfigs.Find(name)!.TryWrite(options, value).Should().BeFalse();

        options.Should().BeEquivalentTo(new TopicOptions());
    }

    [Fact]
    public void Kafkas_largest_time_means_for_ever()
    {
        var options = new TopicOptions();

        TopicConfigs.Find("message.timestamp.after.max.ms")!.TryWrite(options, "9223372036854775807").Should().BeTrue();

        options.TimestampMaxAhead.Should().Be(TopicOptions.Forever);
    }

    [Fact]
    public void Configs_that_mean_nothing_here_are_taken_and_unknown_ones_are_not_there()
    {
        TopicConfigs.Find("compression.type")!.Should().Match<TopicConfig>(config => !config.HasEffect && config.Read(new TopicOptions()) == "producer");
        TopicConfigs.Find("min.insync.replicas")!.TryWrite(new TopicOptions(), "2").Should().BeTrue();
        TopicConfigs.Find("no.such.config").Should().BeNull();
        TopicConfigs.All.Select(config => config.Name).Should().BeInAscendingOrder(StringComparer.Ordinal).And.OnlyHaveUniqueItems();
    }

    [Fact]
    public void A_changed_config_holds_from_the_next_append_on()
    {
        var producer = new WireProducer(_broker, null).Ready();
        producer.Send(First, new string('x', 500), isTransactional: false).Should().Be(ErrorCode.None);
        var options = _broker.Wire.FindTopic("orders")!.Options;
        TopicConfigs.Find("max.message.bytes")!.TryWrite(options, "300").Should().BeTrue();
        TopicConfigs.Find("message.timestamp.type")!.TryWrite(options, "LogAppendTime").Should().BeTrue();

        _broker.Run(() => _broker.Wire.AlterTopicAsync("orders", options)).Topic!.Partitions.Should().Be(2);

        producer.Send(First, new string('x', 500), isTransactional: false).Should().Be(ErrorCode.MessageTooLarge);
        producer.Append(First, "small", sequence: 1, isTransactional: false).LogAppendTimeMs.Should().Be(_broker.Backend.Engine.NowMs);
    }

    private TopicAnswer Create(string name, TopicOptions? options = null) => _broker.Run(() => _broker.Wire.CreateTopicAsync(name, options ?? new TopicOptions()));

    private LogStartAnswer DeleteRecords(TopicPartition partition, long before) => _broker.Run(() => _broker.Wire.DeleteRecordsAsync(partition, before));
}
