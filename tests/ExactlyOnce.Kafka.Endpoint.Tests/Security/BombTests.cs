using ExactlyOnce.Kafka.Endpoint.Apis;
using ExactlyOnce.Kafka.Endpoint.Tests.Clients;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Serialization;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Security;

/// <summary>Batches that are small and expand without end.</summary>
public sealed class BombTests : EndpointTest
{
    private const int Mebi = 1 << 20;

    /// <summary>Gzip makes a thousandth of it, and of the other a two hundredth.</summary>
    private static readonly byte[] s_zeros = new byte[4 * Mebi];
    private static readonly byte[] s_repeats = Repeats(2 * Mebi);

    [Fact]
    public async Task What_expands_to_less_than_a_mebibyte_may_expand_as_it_likes() =>
        (await ProduceAsync(s_zeros[..900_000], 1_048_588)).Should().Be(KafkaError.None);

    [Fact]
    public async Task What_expands_to_more_than_a_thousand_times_its_size_is_refused() =>
        (await ProduceAsync(s_zeros, 1_048_588)).Should().Be(KafkaError.CorruptMessage);

    [Fact]
    public async Task What_expands_to_more_than_sixteen_times_what_the_topic_takes_is_refused()
    {
        (await ProduceAsync(s_repeats, 100_000)).Should().Be(KafkaError.CorruptMessage);
        (await ProduceAsync(s_repeats, 200_000)).Should().Be(KafkaError.None);
    }

    private async Task<KafkaError> ProduceAsync(byte[] value, int batchBytesMax)
    {
        var topic = $"t{batchBytesMax}";
        await Broker.Admin.CreateTopicAsync(topic, options => options.MaxMessageBytes = batchBytesMax);
        return (await Connect().CallAsync<ProduceResponse>(9, TestBatch.Produce(topic, Compressed(value)))).Only().ErrorCode;
    }

    private static byte[] Repeats(int bytes)
    {
        var part = new byte[600];
        new Random(7).NextBytes(part);
        return [.. Enumerable.Range(0, bytes).Select(i => part[i % part.Length])];
    }

    private static byte[] Compressed(byte[] value)
    {
        var writer = new BatchWriter();
        writer.TryAppend(TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds(), default, false, value, true, null, int.MaxValue).Should().BeTrue();
        writer.Seal(ProducerIdentity.None, Sequence.None, BatchAttributes.None, GzipCodec.Instance);
        return writer.Bytes.ToArray();
    }
}
