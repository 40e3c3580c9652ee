using System.Diagnostics;
using ExactlyOnce.Kafka.Endpoint.Apis;
using ExactlyOnce.Kafka.Endpoint.Tests.Clients;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Apis;

public sealed class FetchTests : EndpointTest
{
    private const short Version = 12;
    private const sbyte Committed = 1;
    private const int MaxFetchBytes = 10 << 20;

    /// <summary>Longer than any client here has patience.</summary>
    private const int LongMs = 60_000;

    [Theory]
    [InlineData(4), InlineData(5), InlineData(7), InlineData(9), InlineData(10), InlineData(11), InlineData(12)]
    public async Task What_was_produced_is_fetched_byte_for_byte_in_every_version(short version)
    {
        await Broker.Admin.CreateTopicAsync("t");
        var batch = TestBatch.Of("a", "b");
        await ProduceAsync(batch);
        await ProduceAsync(TestBatch.Of("c"));

        var fetched = await FetchAsync(0, version: version);

        fetched.Should().BeEquivalentTo(new { ErrorCode = KafkaError.None, HighWatermark = 3L, LastStableOffset = 3L });
        fetched.Batches().Select(header => header.BaseOffset).Should().Equal(0, 2);
        // All but base offset and leader epoch, which are the broker's to write.
        fetched.Records.First.Slice(16, batch.Length - 16).ToArray().Should().Equal(batch[16..]);
        fetched.AbortedTransactions.Should().BeNull();
    }

    [Fact]
    public async Task From_version_13_topics_are_known_by_their_ids()
    {
        var topic = await Broker.Admin.CreateTopicAsync("t");
        await ProduceAsync(TestBatch.Of("a"));
        var request = TestBatch.Fetch("", 0);
        request.Topics[0].TopicId = topic.Id;

        var response = await Connect().CallAsync<FetchResponse>(13, request);
        request.Topics[0].TopicId = Guid.Parse("11111111-2222-3333-4444-555555555555");
        var unknown = await Connect().CallAsync<FetchResponse>(17, request);

        response.Responses.Single().TopicId.Should().Be(topic.Id);
        response.Only().Batches().Should().ContainSingle();
        unknown.Only().ErrorCode.Should().Be(KafkaError.UnknownTopicId);
    }

    [Fact]
    public async Task An_offset_inside_a_batch_returns_the_whole_batch()
    {
        await Broker.Admin.CreateTopicAsync("t");
        await ProduceAsync(TestBatch.Of("a", "b", "c"));

        (await FetchAsync(1)).Batches().Single().BaseOffset.Should().Be(0);
    }

    [Fact]
    public async Task The_first_batch_is_returned_whole_however_small_the_limits_and_no_second_one()
    {
        await Broker.Admin.CreateTopicAsync("t");
        await ProduceAsync(TestBatch.Of(new string('x', 5000)));
        await ProduceAsync(TestBatch.Of("y"));
        var client = Connect();

        var tight = await client.CallAsync<FetchResponse>(Version, TestBatch.Fetch("t", 0, partitionMaxBytes: 1));
        var tighter = await client.CallAsync<FetchResponse>(Version, TestBatch.Fetch("t", 0, maxBytes: 1));

        tight.Only().Batches().Should().ContainSingle().Which.SizeInBytes.Should().BeGreaterThan(5000);
        tighter.Only().Batches().Should().ContainSingle();
    }

    [Fact]
    public async Task Outside_of_the_log_the_offset_is_out_of_range_and_at_its_end_there_is_nothing()
    {
        await Broker.Admin.CreateTopicAsync("t");
        await ProduceAsync(TestBatch.Of("a", "b"));
        await Broker.Admin.DeleteRecordsAsync(new TopicPartition("t", 0), 1);

        (await FetchAsync(0)).Should().BeEquivalentTo(new { ErrorCode = KafkaError.OffsetOutOfRange, HighWatermark = -1L });
        (await FetchAsync(3)).ErrorCode.Should().Be(KafkaError.OffsetOutOfRange);
        var end = await FetchAsync(2);

        end.Should().BeEquivalentTo(new { ErrorCode = KafkaError.None, LogStartOffset = 1L });
        end.Records.IsNull.Should().BeFalse("no records are an empty string of bytes");
        end.Records.Length.Should().Be(0);
    }

    [Fact]
    public async Task A_long_poll_is_answered_by_what_is_appended_meanwhile()
    {
        await Broker.Admin.CreateTopicAsync("t");
        var client = Connect();
        var request = TestBatch.Fetch("t", 0, LongMs);
        await BeginAsync(client, request);

        await ProduceAsync(TestBatch.Of("a"));

        (await client.ReadAsync<FetchResponse>(Version, request)).Only().Batches().Should().ContainSingle();
    }

    [Fact]
    public async Task A_long_poll_waits_for_as_many_bytes_as_it_asks_for()
    {
        await Broker.Admin.CreateTopicAsync("t");
        var client = Connect();
        var request = TestBatch.Fetch("t", 0, LongMs, minBytes: 300);
        await BeginAsync(client, request);

        await ProduceAsync(TestBatch.Of(new string('x', 100)));
        await ProduceAsync(TestBatch.Of(new string('y', 200)));

        (await client.ReadAsync<FetchResponse>(Version, request)).Only().Batches().Should().HaveCount(2);
    }

    [Fact]
    public async Task A_long_poll_for_which_nothing_comes_ends_empty_after_its_time()
    {
        await Broker.Admin.CreateTopicAsync("t");
        var watch = Stopwatch.StartNew();

        var fetched = (await Connect().CallAsync<FetchResponse>(Version, TestBatch.Fetch("t", 0, maxWaitMs: 200))).Only();

        fetched.Should().BeEquivalentTo(new { ErrorCode = KafkaError.None, HighWatermark = 0L });
        watch.ElapsedMilliseconds.Should().BeGreaterThanOrEqualTo(190);
    }

    [Fact]
    public async Task Under_read_committed_an_open_transaction_wakes_nobody_and_its_marker_does()
    {
        await Broker.Admin.CreateTopicAsync("t");
        var transaction = await HostTransaction.OpenAsync(Broker, "x");
        var client = Connect();
        var request = TestBatch.Fetch("t", 0, LongMs, isolation: Committed);
        await BeginAsync(client, request);
        transaction.Write("t", "a");
        (await FetchAsync(0)).Should().BeEquivalentTo(new { HighWatermark = 1L, LastStableOffset = 0L });

        await transaction.EndAsync(commit: true);
        var fetched = (await client.ReadAsync<FetchResponse>(Version, request)).Only();

        fetched.LastStableOffset.Should().Be(2, "an answer before the marker would have been empty");
        fetched.Batches().Select(header => header.IsControl).Should().Equal(false, true);
        fetched.AbortedTransactions.Should().BeEmpty();
    }

    [Fact]
    public async Task Aborted_transactions_are_told_with_what_they_wrote_once_each()
    {
        await Broker.Admin.CreateTopicAsync("t");
        var transaction = await HostTransaction.OpenAsync(Broker, "x");
        foreach (var commit in new[] { false, true, false })
        {
            transaction.Write("t", "a");
            await transaction.EndAsync(commit);
        }

        var all = await FetchAsync(0, isolation: Committed);
        var behind = await FetchAsync(2, isolation: Committed);

        all.Batches().Should().HaveCount(6);
        all.AbortedTransactions!.Select(aborted => aborted.FirstOffset).Should().Equal(0, 4);
        behind.AbortedTransactions!.Select(aborted => aborted.FirstOffset).Should().Equal(4);
        all.AbortedTransactions!.Select(aborted => aborted.ProducerId).Should().OnlyContain(id => id == all.Batches()[0].Producer.Id);
    }

    [Fact]
    public async Task Aborted_transactions_that_overlap_are_told_in_the_order_of_their_beginnings()
    {
        await Broker.Admin.CreateTopicAsync("t");
        var early = await HostTransaction.OpenAsync(Broker, "early");
        var late = await HostTransaction.OpenAsync(Broker, "late");
        early.Write("t", "a");
        late.Write("t", "b");
        await late.EndAsync(commit: false);
        await early.EndAsync(commit: false);

        (await FetchAsync(0, isolation: Committed)).AbortedTransactions!.Select(aborted => aborted.FirstOffset).Should().Equal(0, 1);
    }

    [Fact]
    public async Task A_leader_epoch_from_the_past_or_the_future_is_refused()
    {
        await Broker.Admin.CreateTopicAsync("t");
        var request = TestBatch.Fetch("t", 0);
        request.Topics[0].Partitions[0].CurrentLeaderEpoch = 1;

        (await Connect().CallAsync<FetchResponse>(Version, request)).Only().ErrorCode.Should().Be(KafkaError.UnknownLeaderEpoch);
    }

    [Fact]
    public async Task Sessions_are_declined()
    {
        await Broker.Admin.CreateTopicAsync("t");
        var client = Connect();
        var request = TestBatch.Fetch("t", 0);
        foreach (var (id, epoch) in new[] { (0, 0), (7, 0), (0, -1), (7, -1) })
        {
            (request.SessionId, request.SessionEpoch) = (id, epoch);
            var answer = await client.CallAsync<FetchResponse>(Version, request);
            (answer.ErrorCode, answer.SessionId, answer.Responses.Length).Should().Be((KafkaError.None, 0, 1), "whoever begins a session, ends one or has none is answered in full");
        }
        foreach (var (id, epoch) in new[] { (7, 1), (0, 1), (7, -2), (0, int.MaxValue) })
        {
            (request.SessionId, request.SessionEpoch) = (id, epoch);
            var refused = await client.CallAsync<FetchResponse>(Version, request);
            (refused.ErrorCode, refused.Responses.Length).Should().Be((KafkaError.FetchSessionIdNotFound, 0), "nobody is in a session of ours");
        }
    }

    [Fact]
    public async Task Deleting_a_topic_ends_the_long_polls_on_it()
    {
        await Broker.Admin.CreateTopicAsync("t");
        var client = Connect();
        var request = TestBatch.Fetch("t", 0, LongMs);
        await BeginAsync(client, request);

        await Broker.Admin.DeleteTopicAsync("t");

        (await client.ReadAsync<FetchResponse>(Version, request)).Only().ErrorCode.Should().Be(KafkaError.UnknownTopicOrPartition);
    }

    [Fact]
    public async Task A_megabyte_in_small_batches_comes_in_fetches_that_keep_to_their_limits()
    {
        await Broker.Admin.CreateTopicAsync("t");
        var client = Connect();
        for (var i = 0; i < 1000; i++)
            await client.CallAsync<ProduceResponse>(9, TestBatch.Produce("t", TestBatch.Of(new string('x', 1000))));

        var offset = 0L;
        while (offset < 1000)
        {
            var fetched = (await client.CallAsync<FetchResponse>(Version, TestBatch.Fetch("t", offset, maxBytes: 100_000))).Only();
            fetched.Records.Length.Should().BeInRange(1, 100_000);
            fetched.Batches()[0].BaseOffset.Should().Be(offset);
            offset = fetched.Batches()[^1].NextOffset;
        }
    }

    [Fact]
    public async Task One_fetch_reads_over_many_pieces_of_the_log_without_a_gap()
    {
        await Broker.Admin.CreateTopicAsync("t");
        var client = Connect();
        for (var i = 0; i < 100; i++)
            await client.CallAsync<ProduceResponse>(9, TestBatch.Produce("t", TestBatch.Of(new string('x', 90_000))));

        var fetched = (await client.CallAsync<FetchResponse>(Version, TestBatch.Fetch("t", 0, maxBytes: 20 << 20, partitionMaxBytes: 20 << 20))).Only();

        fetched.Batches().Select(header => header.BaseOffset).Should().Equal(Enumerable.Range(0, 100).Select(i => (long)i));
    }

    [Fact]
    public async Task An_answer_stays_within_what_the_endpoint_gives_at_a_time()
    {
        await Broker.Admin.CreateTopicAsync("t");
        var client = Connect();
        for (var i = 0; i < 12; i++)
            await client.CallAsync<ProduceResponse>(9, TestBatch.Produce("t", TestBatch.Of(new string('x', 900_000))));

        var fetched = (await client.CallAsync<FetchResponse>(Version, TestBatch.Fetch("t", 0, maxBytes: 20 << 20, partitionMaxBytes: 20 << 20))).Only();

        fetched.Batches().Should().HaveCount(MaxFetchBytes / 900_000, "the client asked for all of them, and goes on from there");
    }

    private protected override KafkaEndpointOptions Options() => new() { Port = 0, MaxFetchBytes = MaxFetchBytes };

    /// <summary>Sends a fetch and returns when it has begun to wait: an answer to what was asked before it leaves then.</summary>
    private static async Task BeginAsync(RawClient client, FetchRequest request)
    {
        var before = new ApiVersionsRequest();
        await client.SendAsync([.. client.FrameOf(0, before), .. client.FrameOf(Version, request)]);
        await client.ReadAsync<ApiVersionsResponse>(0, before);
    }

    private async Task ProduceAsync(byte[] batch) =>
        (await Connect().CallAsync<ProduceResponse>(9, TestBatch.Produce("t", batch))).Only().ErrorCode.Should().Be(KafkaError.None);

    private async Task<FetchResponse.Partition> FetchAsync(long offset, sbyte isolation = 0, short version = Version) =>
        (await Connect().CallAsync<FetchResponse>(version, TestBatch.Fetch("t", offset, isolation: isolation))).Only();
}
