using System.Buffers;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Serialization;

namespace ExactlyOnce.Tests.Kernel.Records;

public class BatchDecompressorTests
{
    private static readonly byte[] s_batch = TestRecord.Encode([TestRecord.Of("k", new string('v', 10_000))], GzipCodec.Instance);

    private static readonly BatchHeader s_header = BatchHeader.Read(s_batch);

    [Fact]
    public void A_gzip_bomb_is_refused()
    {
        s_header.SizeInBytes.Should().BeLessThan(200);
        Open(new BatchDecompressor(_ => GzipCodec.Instance, 10_100), s_batch).Should().NotThrow();
        Open(new BatchDecompressor(_ => GzipCodec.Instance, 9_999), s_batch).Should().Throw<CorruptRecordException>();
    }

    [Fact]
    public void A_codec_that_ignores_the_limit_is_stopped_by_the_buffer() =>
        Open(new BatchDecompressor(_ => new Endless(), 100_000), s_batch).Should().Throw<CorruptRecordException>();

    [Fact]
    public void Every_truncation_of_the_block_is_refused()
    {
        var decompressor = new BatchDecompressor(_ => GzipCodec.Instance, 1 << 20);
        for (var length = BatchHeader.Size + 1; length < s_batch.Length; length++)
            Open(decompressor, s_batch[..length]).Should().Throw<CorruptRecordException>();
    }

    [Fact]
    public void The_decompressor_goes_on_after_damage()
    {
        var decompressor = new BatchDecompressor(_ => GzipCodec.Instance, 1 << 20);
        Open(decompressor, s_batch[..^9]).Should().Throw<CorruptRecordException>().WithInnerException<InvalidDataException>();
        Open(decompressor, s_batch).Should().NotThrow();
    }

    [Fact]
    public void A_missing_codec_is_not_damage()
    {
        var decompressor = new BatchDecompressor(_ => null, 1 << 20);

        decompressor.Supports(CompressionType.Gzip).Should().BeFalse();
        decompressor.Supports(CompressionType.None).Should().BeTrue();
        Open(decompressor, s_batch).Should().Throw<NotSupportedException>().WithMessage("*Gzip*");
    }

    private static Action Open(BatchDecompressor decompressor, byte[] batch) =>
        () => TestRecord.ReadAll(decompressor.Open(s_header, batch)).Should().HaveCount(1);

    private sealed class Endless : ICompressionCodec
    {
        public CompressionType Type => CompressionType.Gzip;

        public void Compress(ReadOnlySpan<byte> source, IBufferWriter<byte> destination) => throw new NotSupportedException();

        public void Decompress(ReadOnlySpan<byte> source, IBufferWriter<byte> destination, int maxBytes)
        {
            while (true)
                destination.Write(new byte[1000]);
        }
    }
}
