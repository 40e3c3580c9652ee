using ExactlyOnce.Kafka.Endpoint.Apis;
using ExactlyOnce.Kafka.Endpoint.Tests.Clients;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Apis;

public sealed class ListOffsetsTests : EndpointTest
{
    private const sbyte Committed = 1;

    private static readonly long s_nowMs = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();

    [Fact]
    public async Task The_beginning_the_end_and_the_first_record_at_a_time_are_found()
    {
        await Broker.Admin.CreateTopicAsync("t");
        await ProduceAsync(s_nowMs - 3000, s_nowMs - 1000);
        await ProduceAsync(s_nowMs - 2000);
        await Broker.Admin.DeleteRecordsAsync(new TopicPartition("t", 0), 1);

        (await FindAsync(-2)).Should().Be((KafkaError.None, 1, -1));
        (await FindAsync(-1)).Should().Be((KafkaError.None, 3, -1));
        (await FindAsync(s_nowMs - 2500)).Should().Be((KafkaError.None, 1, s_nowMs - 1000));
        (await FindAsync(s_nowMs)).Should().Be((KafkaError.None, -1, -1));
        (await FindAsync(-3)).Should().Be((KafkaError.None, 1, s_nowMs - 1000), "that is the largest timestamp");
        (await FindAsync(-4)).Should().Be((KafkaError.None, 1, -1));
        (await FindAsync(-5)).Should().Be((KafkaError.None, -1, -1));
        (await FindAsync(-6)).Error.Should().Be(KafkaError.UnsupportedVersion);
    }

    [Fact]
    public async Task Under_read_committed_the_end_is_the_last_stable_offset_and_nothing_behind_it_is_told()
    {
        await Broker.Admin.CreateTopicAsync("t");
        await ProduceAsync(s_nowMs - 5000);
        var transaction = await HostTransaction.OpenAsync(Broker, "x");
        transaction.Write("t", "open");

        (await FindAsync(-1, Committed)).Offset.Should().Be(1);
        (await FindAsync(-1)).Offset.Should().Be(2);
        (await FindAsync(s_nowMs - 4000, Committed)).Offset.Should().Be(-1);
        (await FindAsync(s_nowMs - 4000)).Offset.Should().Be(1);
    }

    [Fact]
    public async Task A_partition_that_is_asked_for_twice_or_does_not_exist_is_refused()
    {
        await Broker.Admin.CreateTopicAsync("t");

        var answer = await Connect().CallAsync<ListOffsetsResponse>(7, new ListOffsetsRequest
        {
            Topics = [new() { Name = "t", Partitions = [new() { Timestamp = -1 }, new() { Timestamp = -2 }, new() { PartitionIndex = 5, Timestamp = -1 }] }],
        });

        answer.Topics.Single().Partitions.Select(partition => partition.ErrorCode).Should().Equal(KafkaError.None, KafkaError.InvalidRequest, KafkaError.UnknownTopicOrPartition);
    }

    private async Task<(KafkaError Error, long Offset, long Timestamp)> FindAsync(long timestamp, sbyte isolation = 0)
    {
        var answer = await Connect().CallAsync<ListOffsetsResponse>(10, new ListOffsetsRequest
        {
            IsolationLevel = isolation,
            Topics = [new() { Name = "t", Partitions = [new() { Timestamp = timestamp }] }],
        });
        var partition = answer.Topics.Single().Partitions.Single();
        return (partition.ErrorCode, partition.Offset, partition.Timestamp);
    }

    private async Task ProduceAsync(params long[] timestamps)
    {
        var writer = new BatchWriter();
        foreach (var timestamp in timestamps)
            writer.TryAppend(timestamp, default, false, "x"u8, true, null, int.MaxValue);
        writer.Seal(ProducerIdentity.None, Sequence.None, BatchAttributes.None, null);
        (await Connect().CallAsync<ProduceResponse>(9, TestBatch.Produce("t", writer.Bytes.ToArray()))).Only().ErrorCode.Should().Be(KafkaError.None);
    }
}
