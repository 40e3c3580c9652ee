using System.Buffers.Binary;
using System.IO.Compression;
using ExactlyOnce.Kafka.Endpoint.Apis;
using ExactlyOnce.Kafka.Endpoint.Tests.Clients;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Museum;

/// <summary>Bugs that brokers really had with the batches that strangers sent.</summary>
[Collection(Alone.Name)]
public sealed class BatchMuseumTests : EndpointTest
{
    /// <summary>Sixteen times what the topic takes in one batch.</summary>
    private const long ExpandedMax = 16 * 1_048_588;

    /// <summary>CVE-2026-111073 and others: a batch that expands to a thousand times its size. The codecs beside gzip are not in the core.</summary>
    [Theory]
    [InlineData(1), InlineData(4)]
    public async Task Museum_W04_DecompressionBomb(int members)
    {
        await Broker.Admin.CreateTopicAsync("t");
        var client = Connect();
        var bomb = Compressed(Bomb(1 << 28, members));
        bomb.Length.Should().BeLessThan(300_000);
        var (before, kept) = (GC.GetTotalAllocatedBytes(precise: true), GC.GetTotalMemory(forceFullCollection: true));

        var answer = (await client.CallAsync<ProduceResponse>(9, TestBatch.Produce("t", bomb))).Only();

        answer.ErrorCode.Should().NotBe(KafkaError.None);
        // Arrays that double up to the limit are less than two of it together, and the last one is the limit; the request and its copies here come to it.
        (GC.GetTotalAllocatedBytes(precise: true) - before).Should().BeLessThan((3 * ExpandedMax) + (4 << 20));
        (GC.GetTotalMemory(forceFullCollection: true) - kept).Should().BeLessThan(4 << 20, "what the bomb took is given back");
        (await EndAsync(client)).Should().Be(0);
        (await client.CallAsync<ProduceResponse>(9, TestBatch.Produce("t", TestBatch.Of("a")))).Only().ErrorCode.Should().Be(KafkaError.None);
    }

    /// <summary>KAFKA-13149: a record that ends inside itself.</summary>
    [Fact]
    public async Task Museum_W06_TruncatedRecord()
    {
        await Broker.Admin.CreateTopicAsync("t");
        var client = Connect();
        var batch = TestBatch.Of("first", "second", "third");
        for (var length = BatchHeader.Size; length < batch.Length; length++)
        {
            var answer = (await client.CallAsync<ProduceResponse>(9, TestBatch.Produce("t", Resized(batch[..length])))).Only();
            answer.ErrorCode.Should().NotBe(KafkaError.None, "{0} of {1} bytes", length, batch.Length);
        }

        (await EndAsync(client)).Should().Be(0, "nothing of a broken batch is kept");
        (await client.CallAsync<ProduceResponse>(9, TestBatch.Produce("t", batch))).Only().ErrorCode.Should().Be(KafkaError.None);
    }

    /// <summary>The same of each record's numbers: overlong and overflowing ones, at every byte.</summary>
    [Fact]
    public async Task Museum_W07_VarIntOverflowInRecords()
    {
        await Broker.Admin.CreateTopicAsync("t");
        var client = Connect();
        var batch = TestBatch.Of("first");
        byte[][] numbers = [[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
            [0xFF, 0xFF, 0xFF, 0xFF, 0x7F]];
        for (var at = BatchHeader.Size; at < batch.Length; at++)
            foreach (var number in numbers)
            {
                var damaged = Resized([.. batch[..at], .. number, .. batch[(at + 1)..]]);
                (await client.CallAsync<ProduceResponse>(9, TestBatch.Produce("t", damaged))).Only().ErrorCode.Should().NotBe(KafkaError.None, "byte {0}", at);
            }

        (await EndAsync(client)).Should().Be(0);
    }

    private static async Task<long> EndAsync(RawClient client) => (await client.CallAsync<FetchResponse>(12, TestBatch.Fetch("t", 0))).Only().HighWatermark;

    /// <summary>Zeros, compressed, in so many gzip members one behind the other.</summary>
    private static byte[] Bomb(long zeros, int members)
    {
        var compressed = new MemoryStream();
        var block = new byte[1 << 16];
        for (var member = 0; member < members; member++)
        {
            using var gzip = new GZipStream(compressed, CompressionLevel.SmallestSize, leaveOpen: true);
            for (var left = zeros / members; left > 0; left -= block.Length)
                gzip.Write(block, 0, (int)Math.Min(block.Length, left));
        }
        return compressed.ToArray();
    }

    private static byte[] Compressed(byte[] records)
    {
        byte[] batch = [.. TestBatch.Of("a")[..BatchHeader.Size], .. records];
        batch[BatchHeader.AttributesAt + 1] = (byte)CompressionType.Gzip;
        return Resized(batch);
    }

    /// <summary>With the length and the checksum that its bytes should have.</summary>
    private static byte[] Resized(byte[] batch)
    {
        BinaryPrimitives.WriteInt32BigEndian(batch.AsSpan(BatchHeader.LengthAt), batch.Length - BatchHeader.LengthOverhead);
        BinaryPrimitives.WriteUInt32BigEndian(batch.AsSpan(BatchHeader.CrcAt), BatchHeader.ComputeCrc(batch));
        return batch;
    }
}
