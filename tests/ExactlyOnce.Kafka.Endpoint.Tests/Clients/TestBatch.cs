using System.Text;
using ExactlyOnce.Kafka.Endpoint.Apis;
using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Clients;

/// <summary>Batches and the requests that carry them.</summary>
internal static class TestBatch
{
    public static byte[] Of(params string[] values) => Of(ProducerIdentity.None, Sequence.None, values);

    public static byte[] Of(ProducerIdentity producer, int sequence, params string[] values)
    {
        var writer = new BatchWriter();
        foreach (var value in values)
            writer.TryAppend(TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds(), default, false, Encoding.UTF8.GetBytes(value), true, null, int.MaxValue).Should().BeTrue();
        writer.Seal(producer, sequence, BatchAttributes.None, null);
        return writer.Bytes.ToArray();
    }

    /// <summary>Changes a byte and makes the checksum right again, so that only the change is wrong.</summary>
    public static byte[] With(byte[] batch, int at, byte value)
    {
        var changed = batch.ToArray();
        changed[at] = value;
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(changed.AsSpan(BatchHeader.CrcAt), BatchHeader.ComputeCrc(changed));
        return changed;
    }

    public static ProduceRequest Produce(string topic, byte[] batch, short acks = -1, int partition = 0) => new()
    {
        Acks = acks,
        TimeoutMs = 1000,
        TopicData = [new ProduceRequest.Topic { Name = topic, PartitionData = [new ProduceRequest.Partition { Index = partition, Records = new RecordBytes(batch) }] }],
    };

    public static FetchRequest Fetch(string topic, long offset, int maxWaitMs = 0, int minBytes = 1, sbyte isolation = 0, int maxBytes = 1 << 20, int partitionMaxBytes = 1 << 20) => new()
    {
        MaxWaitMs = maxWaitMs,
        MinBytes = minBytes,
        MaxBytes = maxBytes,
        IsolationLevel = isolation,
        Topics = [new FetchRequest.Topic { Name = topic, Partitions = [new FetchRequest.Partition { FetchOffset = offset, PartitionMaxBytes = partitionMaxBytes }] }],
    };

    /// <summary>The first partition's answer.</summary>
    public static ProduceResponse.Partition Only(this ProduceResponse response) => response.Responses.Single().PartitionResponses.Single();

    /// <inheritdoc cref="Only(ProduceResponse)"/>
    public static FetchResponse.Partition Only(this FetchResponse response) => response.Responses.Single().Partitions.Single();

    public static List<BatchHeader> Batches(this FetchResponse.Partition partition)
    {
        var headers = new List<BatchHeader>();
        foreach (var header in new BatchSequence(partition.Records.First.Span))
            headers.Add(header);
        return headers;
    }
}
