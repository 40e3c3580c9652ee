using System.IO.Compression;
using CsCheck;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Serialization;

namespace ExactlyOnce.Tests.Serialization;

public class GzipCodecTests
{
    [Fact]
    public void Any_bytes_come_back() => Gen.Byte.Array[0, 3000].Sample(
        bytes => Decompress(Compress(bytes), bytes.Length).AsSpan().SequenceEqual(bytes), iter: 200);

    [Fact]
    public void Nothing_comes_back_as_nothing_from_a_member_that_any_reader_knows()
    {
        var compressed = Compress([]);

        Decompress(compressed, 0).Should().BeEmpty();
        using var other = new GZipStream(new MemoryStream(compressed), CompressionMode.Decompress);
        other.ReadByte().Should().Be(-1);
        compressed.Should().NotBeEmpty();
    }

    [Fact]
    public void What_another_writer_compressed_is_read()
    {
        using var stream = new MemoryStream();
        using (var gzip = new GZipStream(stream, CompressionLevel.SmallestSize))
            gzip.Write("hello, hello, hello"u8);

        Decompress(stream.ToArray(), 100).Should().Equal("hello, hello, hello"u8.ToArray());
    }

    [Fact]
    public void A_bomb_is_refused_before_it_fills_the_memory()
    {
        var bomb = Compress(new byte[50_000_000]);
        bomb.Length.Should().BeLessThan(100_000);
        var destination = new GrowableBuffer();

        FluentActions.Invoking(() => GzipCodec.Instance.Decompress(bomb, destination, 1_000_000)).Should().Throw<InvalidDataException>();

        destination.Capacity.Should().BeLessThan(4_000_000);
    }

    [Fact]
    public void The_limit_itself_may_be_reached()
    {
        var block = Compress(new byte[1000]);

        Decompress(block, 1000).Should().HaveCount(1000);
        FluentActions.Invoking(() => Decompress(block, 999)).Should().Throw<InvalidDataException>();
    }

    [Fact]
    public void A_block_cut_off_anywhere_is_refused()
    {
        var bytes = Enumerable.Range(0, 300).Select(i => (byte)(i * i)).ToArray();
        var block = Compress(bytes);
        for (var length = 0; length < block.Length; length++)
            FluentActions.Invoking(() => Decompress(block[..length], 10_000)).Should().Throw<InvalidDataException>($"only {length} bytes of {block.Length} are there");
    }

    private static byte[] Compress(byte[] bytes)
    {
        var destination = new GrowableBuffer();
        GzipCodec.Instance.Compress(bytes, destination);
        return destination.WrittenSpan.ToArray();
    }

    private static byte[] Decompress(byte[] block, int maxBytes)
    {
        var destination = new GrowableBuffer();
        GzipCodec.Instance.Decompress(block, destination, maxBytes);
        return destination.WrittenSpan.ToArray();
    }
}
