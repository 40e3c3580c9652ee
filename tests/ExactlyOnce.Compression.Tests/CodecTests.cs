using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using CsCheck;

namespace ExactlyOnce.Compression.Tests;

/// <summary>What every codec keeps: its own bytes come back, damage is refused, and nothing expands beyond what its reader allows.</summary>
public sealed class CodecTests
{
    private const int Mebi = 1 << 20;

    public static TheoryData<CompressionType> Types => [CompressionType.Zstd, CompressionType.Lz4, CompressionType.Snappy];

    [Theory, MemberData(nameof(Types))]
    public void What_was_compressed_comes_back(CompressionType type) =>
        Gen.Select(Gen.Byte.Array[0, 5000], Gen.Int[1, 40]).Sample((bytes, repeats) =>
        {
            var source = Enumerable.Repeat(bytes, repeats).SelectMany(part => part).ToArray();
            Decompress(type, Compress(type, source), source.Length).Should().Equal(source);
        }, iter: 50);

    [Theory, MemberData(nameof(Types))]
    public void A_block_of_several_mebibytes_comes_back(CompressionType type)
    {
        var source = Encoding.ASCII.GetBytes(string.Join(' ', Enumerable.Range(0, 600_000)));

        Decompress(type, Compress(type, source), source.Length).Should().Equal(source);
    }

    [Theory, MemberData(nameof(Types))]
    public void One_byte_more_than_allowed_is_refused(CompressionType type)
    {
        var block = Compress(type, new byte[100_000]);

        var reading = () => Decompress(type, block, 99_999);

        reading.Should().Throw<InvalidDataException>();
    }

    [Theory, MemberData(nameof(Types))]
    public void A_bomb_is_refused_without_the_memory_it_asks_for(CompressionType type)
    {
        var bomb = Compress(type, new byte[256 * Mebi]);
        Refuse(type, bomb, Mebi);

        var before = GC.GetAllocatedBytesForCurrentThread();
        Refuse(type, bomb, Mebi);
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        // The writer of the test doubles up to the limit, and LZ4 keeps a block.
        allocated.Should().BeLessThan(8 * Mebi);
    }

    [Theory, MemberData(nameof(Types))]
    public void A_block_that_is_cut_anywhere_is_refused(CompressionType type)
    {
        var source = Encoding.ASCII.GetBytes(string.Join(' ', Enumerable.Range(0, 5_000)));
        var block = Compress(type, source);
        for (var length = 0; length < block.Length; length += 97)
        {
            var cut = block[..length];
            var reading = () => Decompress(type, cut, source.Length);
            reading.Should().Throw<InvalidDataException>("it was cut at {0} of {1}", length, block.Length);
        }
    }

    [Theory, MemberData(nameof(Types))]
    public void Bytes_of_a_stranger_are_refused_or_read_and_never_beyond_the_limit(CompressionType type)
    {
        var random = new Random(7);
        var block = Compress(type, Encoding.ASCII.GetBytes(string.Join(' ', Enumerable.Range(0, 500))));
        for (var i = 0; i < 3_000; i++)
        {
            var changed = block.ToArray();
            for (var changes = random.Next(1, 4); changes > 0; changes--)
                changed[random.Next(changed.Length)] = (byte)random.Next(256);
            try
            {
                Decompress(type, changed, 10_000).Length.Should().BeLessThanOrEqualTo(10_000);
            }
            catch (InvalidDataException)
            {
            }
        }
    }

    [Theory, MemberData(nameof(Types))]
    public async Task Threads_do_not_disturb_each_other(CompressionType type)
    {
        await Task.WhenAll(Enumerable.Range(0, 4).Select(worker => Task.Run(() =>
        {
            for (var i = 0; i < 100; i++)
            {
                var source = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat($"{worker}-{i} ", 500)));
                Decompress(type, Compress(type, source), source.Length).Should().Equal(source);
            }
        })));
    }

    [Fact]
    public void Snappy_in_the_frames_of_Javas_library_is_read()
    {
        var (first, second) = (new byte[1000], Encoding.ASCII.GetBytes("and more"));
        Random.Shared.NextBytes(first);
        byte[] framed = [0x82, .. "SNAPPY"u8, 0, 0, 0, 0, 1, 0, 0, 0, 1, .. Chunk(first), .. Chunk(second)];

        Decompress(CompressionType.Snappy, framed, 2000).Should().Equal([.. first, .. second]);
        Refuse(CompressionType.Snappy, framed, 1007);
        Refuse(CompressionType.Snappy, framed[..^1], 2000);
        Refuse(CompressionType.Snappy, framed[..12], 2000);
    }

    [Fact]
    public void A_snappy_length_that_its_bytes_cannot_hold_is_refused_before_it_takes_memory()
    {
        var before = GC.GetAllocatedBytesForCurrentThread();

        // Announces 2^31 - 1 bytes.
        Refuse(CompressionType.Snappy, [0xFF, 0xFF, 0xFF, 0xFF, 0x07, 0, 0], int.MaxValue);

        (GC.GetAllocatedBytesForCurrentThread() - before).Should().BeLessThan(Mebi);
    }

    [Fact]
    public void A_zstd_window_of_two_gibibytes_is_refused_before_it_takes_memory()
    {
        // Magic; no checksum, no content size, several segments; a window of 2^31; then a block that is not there yet.
        Refuse(CompressionType.Zstd, [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0xA8, 0x01, 0x00, 0x00], int.MaxValue);
    }

    [Theory, MemberData(nameof(Types))]
    public void The_extension_adds_each_codec_once(CompressionType type)
    {
        var options = new BrokerOptions().AddCompression();

        options.Codecs.Should().ContainSingle(codec => codec.Type == type);
    }

    private static byte[] Chunk(byte[] source)
    {
        var block = Compress(CompressionType.Snappy, source);
        var length = new byte[sizeof(int)];
        BinaryPrimitives.WriteInt32BigEndian(length, block.Length);
        return [.. length, .. block];
    }

    private static ICompressionCodec CodecOf(CompressionType type) => new BrokerOptions().AddCompression().Codecs.Single(codec => codec.Type == type);

    private static byte[] Compress(CompressionType type, byte[] source)
    {
        var block = new ArrayBufferWriter<byte>();
        CodecOf(type).Compress(source, block);
        return block.WrittenSpan.ToArray();
    }

    private static byte[] Decompress(CompressionType type, byte[] block, int maxBytes)
    {
        var expanded = new ArrayBufferWriter<byte>();
        CodecOf(type).Decompress(block, expanded, maxBytes);
        return expanded.WrittenSpan.ToArray();
    }

    private static void Refuse(CompressionType type, byte[] block, int maxBytes)
    {
        var reading = () => Decompress(type, block, maxBytes);
        reading.Should().Throw<InvalidDataException>();
    }
}
