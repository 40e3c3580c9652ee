using ExactlyOnce.Kafka.Endpoint.Apis;
using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Tests.Clients;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Apis;

public sealed class ProduceTests : EndpointTest
{
    private const short Version = 9;

    private static readonly ProducerIdentity s_producer = new(4711, 3);

    public static TheoryData<string, int> Refusals => new()
    {
        { nameof(KafkaError.CorruptMessage), BatchHeader.CrcAt },
        { nameof(KafkaError.InvalidRecord), BatchHeader.MagicAt },
        { nameof(KafkaError.InvalidRecord), BatchHeader.BaseOffsetAt + 7 },
        { nameof(KafkaError.InvalidRecord), BatchHeader.RecordCountAt + 3 },
        { nameof(KafkaError.InvalidRecord), BatchHeader.LastOffsetDeltaAt + 3 },
        { nameof(KafkaError.CorruptMessage), BatchHeader.LengthAt + 3 },
    };

    [Theory]
    [InlineData(3), InlineData(5), InlineData(7), InlineData(8), InlineData(9), InlineData(12)]
    public async Task A_batch_is_appended_in_every_version_and_its_offset_answered(short version)
    {
        await Broker.Admin.CreateTopicAsync("t");

        (await ProduceAsync("t", TestBatch.Of("a", "b"), version)).Should().BeEquivalentTo(new { ErrorCode = KafkaError.None, BaseOffset = 0L });
        var second = await ProduceAsync("t", TestBatch.Of("c"), version);

        second.BaseOffset.Should().Be(2);
        second.LogAppendTimeMs.Should().Be(-1);
        second.LogStartOffset.Should().Be(version >= 5 ? 0 : -1);
    }

    [Fact]
    public async Task A_batch_goes_to_the_topic_with_the_id_and_to_no_other()
    {
        var topic = await Broker.Admin.CreateTopicAsync("t");

        (await ProduceByIdAsync(topic.Id)).ErrorCode.Should().Be(KafkaError.None);
        (await ProduceByIdAsync(Guid.Parse("11111111-2222-3333-4444-555555555555"))).ErrorCode.Should().Be(KafkaError.UnknownTopicId);
    }

    [Fact]
    public async Task A_batch_that_was_received_in_many_pieces_is_in_the_log_as_it_was_sent()
    {
        await Broker.Admin.CreateTopicAsync("t");
        var random = new Random(3);
        foreach (var size in new[] { 32_000, 33_000, 100_000, 700_000 })
        {
            string[] values = [.. Enumerable.Range(0, 10_000).TakeWhile(number => number < size / 300).Select(number => new string((char)('a' + (number % 26)), random.Next(600)))];
            var batch = TestBatch.Of(values);

            var answer = await ProduceAsync("t", batch);

            answer.ErrorCode.Should().Be(KafkaError.None);
            var fetched = (await Connect().CallAsync<FetchResponse>(12, TestBatch.Fetch("t", answer.BaseOffset))).Only();
            fetched.Records.Batch.Join()[16..batch.Length].ToArray().Should().Equal(batch[16..]);
        }
    }

    [Fact]
    public async Task Damage_in_a_late_piece_is_refused_like_damage_in_the_first()
    {
        await Broker.Admin.CreateTopicAsync("t");
        var batch = TestBatch.Of([.. Enumerable.Range(0, 1000).Select(number => $"{number}" + new string('x', 300))]);
        var changed = batch.ToArray();
        changed[200_000] ^= 0x10;
        // Length and checksum are right, but the last record is not all there.
        var cut = batch[..^5];
        BatchHeader.WriteWithCrc(cut, BatchHeader.Read(cut) with { SizeInBytes = cut.Length });

        (await ProduceAsync("t", changed)).ErrorCode.Should().Be(KafkaError.CorruptMessage);
        var refused = await ProduceAsync("t", cut);
        refused.ErrorCode.Should().Be(KafkaError.CorruptMessage);
        refused.RecordErrors.Single().BatchIndex.Should().Be(999);
        (await ProduceAsync("t", batch)).BaseOffset.Should().Be(0);
    }

    [Theory, MemberData(nameof(Refusals))]
    public async Task A_batch_with_a_wrong_header_is_refused_and_changes_nothing(string error, int at)
    {
        await Broker.Admin.CreateTopicAsync("t");
        var batch = TestBatch.Of("a", "b");
        var value = (byte)(batch[at] + 1);
        var wrong = at == BatchHeader.CrcAt ? batch.Select((old, i) => i == at ? value : old).ToArray() : TestBatch.With(batch, at, value);

        var answer = await ProduceAsync("t", wrong);

        answer.ErrorCode.ToString().Should().Be(error);
        answer.BaseOffset.Should().Be(-1);
        answer.ErrorMessage.Should().NotBeNullOrEmpty();
        (await ProduceAsync("t", batch)).BaseOffset.Should().Be(0);
    }

    [Fact]
    public async Task Two_batches_at_once_none_and_a_control_batch_are_refused()
    {
        await Broker.Admin.CreateTopicAsync("t");
        var batch = TestBatch.Of("a");

        (await ProduceAsync("t", [.. batch, .. batch])).ErrorCode.Should().Be(KafkaError.InvalidRecord);
        (await ProduceAsync("t", [])).ErrorCode.Should().Be(KafkaError.InvalidRecord);
        (await ProduceAsync("t", TestBatch.With(batch, BatchHeader.AttributesAt + 1, 0x20))).ErrorCode.Should().Be(KafkaError.InvalidRecord);
    }

    [Fact]
    public async Task A_batch_beyond_the_topics_limit_is_too_large()
    {
        await Broker.Admin.CreateTopicAsync("t", options => options.MaxMessageBytes = 200);

        (await ProduceAsync("t", TestBatch.Of(new string('x', 300)))).ErrorCode.Should().Be(KafkaError.MessageTooLarge);
        (await ProduceAsync("t", TestBatch.Of("x"))).ErrorCode.Should().Be(KafkaError.None);
    }

    [Fact]
    public async Task A_retry_is_answered_with_the_offset_of_its_original()
    {
        await Broker.Admin.CreateTopicAsync("t");
        var first = TestBatch.Of(s_producer, 0, "a", "b");

        (await ProduceAsync("t", first)).BaseOffset.Should().Be(0);
        (await ProduceAsync("t", TestBatch.Of(s_producer, 2, "c"))).BaseOffset.Should().Be(2);
        var retry = await ProduceAsync("t", first);

        retry.Should().BeEquivalentTo(new { ErrorCode = KafkaError.None, BaseOffset = 0L });
        (await ProduceAsync("t", TestBatch.Of(s_producer, 3, "d"))).BaseOffset.Should().Be(3);
    }

    [Fact]
    public async Task A_gap_in_the_sequence_and_an_old_epoch_are_refused()
    {
        await Broker.Admin.CreateTopicAsync("t");
        await ProduceAsync("t", TestBatch.Of(s_producer, 0, "a"));

        (await ProduceAsync("t", TestBatch.Of(s_producer, 2, "c"))).ErrorCode.Should().Be(KafkaError.OutOfOrderSequenceNumber);
        (await ProduceAsync("t", TestBatch.Of(new ProducerIdentity(s_producer.Id, 2), 1, "b"))).ErrorCode.Should().Be(KafkaError.InvalidProducerEpoch);
    }

    [Fact]
    public async Task An_unknown_topic_an_unknown_partition_and_a_name_that_is_none_are_told_apart()
    {
        await Broker.Admin.CreateTopicAsync("t");

        (await ProduceAsync("nowhere", TestBatch.Of("a"))).ErrorCode.Should().Be(KafkaError.UnknownTopicOrPartition);
        (await ProduceAsync("t", TestBatch.Of("a"), partition: 1)).ErrorCode.Should().Be(KafkaError.UnknownTopicOrPartition);
        (await ProduceAsync("../t", TestBatch.Of("a"))).ErrorCode.Should().Be(KafkaError.InvalidTopicException);
    }

    [Fact]
    public async Task A_topic_that_was_deleted_and_made_again_is_another_one()
    {
        await Broker.Admin.CreateTopicAsync("t");
        var client = Connect();
        (await client.CallAsync<ProduceResponse>(Version, TestBatch.Produce("t", TestBatch.Of("a", "b")))).Only().BaseOffset.Should().Be(0);
        await Broker.Admin.DeleteTopicAsync("t");
        (await client.CallAsync<ProduceResponse>(Version, TestBatch.Produce("t", TestBatch.Of("c")))).Only().ErrorCode.Should().Be(KafkaError.UnknownTopicOrPartition);
        await Broker.Admin.CreateTopicAsync("t");

        (await client.CallAsync<ProduceResponse>(Version, TestBatch.Produce("t", TestBatch.Of("d")))).Only().BaseOffset.Should().Be(0);
    }

    [Fact]
    public async Task Without_acknowledgement_nothing_is_answered_and_a_refusal_closes_the_connection()
    {
        await Broker.Admin.CreateTopicAsync("t");
        var client = Connect();

        await client.SendAsync(Version, TestBatch.Produce("t", TestBatch.Of("a"), acks: 0));
        (await client.CallAsync<ProduceResponse>(Version, TestBatch.Produce("t", TestBatch.Of("b")))).Only().BaseOffset.Should().Be(1, "the next answer is the next request's");
        await client.SendAsync(Version, TestBatch.Produce("nowhere", TestBatch.Of("a"), acks: 0));

        await client.ShouldBeClosedAsync();
    }

    [Fact]
    public async Task Acknowledgements_that_do_not_exist_are_refused()
    {
        await Broker.Admin.CreateTopicAsync("t");

        var answer = await Connect().CallAsync<ProduceResponse>(Version, TestBatch.Produce("t", TestBatch.Of("a"), acks: 2));

        answer.Only().ErrorCode.Should().Be(KafkaError.InvalidRequiredAcks);
    }

    [Fact]
    public async Task A_topic_that_stamps_answers_its_time_and_the_original_one_to_a_retry()
    {
        await Broker.Admin.CreateTopicAsync("t", options => options.TimestampType = TimestampType.LogAppendTime);
        var batch = TestBatch.Of(s_producer, 0, "a");

        var first = await ProduceAsync("t", batch);
        await Task.Delay(20);
        var retry = await ProduceAsync("t", batch);

        first.LogAppendTimeMs.Should().BeGreaterThan(0);
        retry.LogAppendTimeMs.Should().Be(first.LogAppendTimeMs);
    }

    [Fact]
    public async Task The_versions_that_are_only_told_of_close_the_connection()
    {
        await Broker.Admin.CreateTopicAsync("t");
        var client = Connect();

        await client.SendAsync(2, TestBatch.Produce("t", TestBatch.Of("a")));

        await client.ShouldBeClosedAsync();
    }

    private async Task<ProduceResponse.Partition> ProduceAsync(string topic, byte[] batch, short version = Version, int partition = 0)
    {
        using var client = new RawClient(Endpoint);
        return (await client.CallAsync<ProduceResponse>(version, TestBatch.Produce(topic, batch, partition: partition))).Only();
    }

    private async Task<ProduceResponse.Partition> ProduceByIdAsync(Guid id)
    {
        var request = TestBatch.Produce("", TestBatch.Of("a"));
        request.TopicData[0].TopicId = id;
        return (await Connect().CallAsync<ProduceResponse>(13, request)).Only();
    }
}
