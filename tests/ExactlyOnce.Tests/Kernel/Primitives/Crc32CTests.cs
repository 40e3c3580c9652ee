using CsCheck;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Tests.Kernel.Primitives;

public class Crc32CTests
{
    [Fact]
    public void The_check_value_is_E3069283() => Crc32C.Compute("123456789"u8).Should().Be(0xE3069283);

    [Fact]
    public void The_vectors_of_RFC_3720_hold()
    {
        Crc32C.Compute(new byte[32]).Should().Be(0x8A9136AA);
        Crc32C.Compute(Enumerable.Repeat((byte)0xFF, 32).ToArray()).Should().Be(0x62A8AB43);
        Crc32C.Compute(Enumerable.Range(0, 32).Select(i => (byte)i).ToArray()).Should().Be(0x46DD794E);
        Crc32C.Compute([]).Should().Be(0);
    }

    [Theory]
    [InlineData(255)]
    [InlineData(256)]
    [InlineData(257)]
    [InlineData(512)]
    [InlineData(767)]
    [InlineData(768)]
    [InlineData(769)]
    [InlineData(1535)]
    [InlineData(1536)]
    [InlineData(5000)]
    public void Long_input_gives_the_sum_of_one_bit_at_a_time(int length)
    {
        var bytes = new byte[length];
        new Random(length).NextBytes(bytes);

        Crc32C.Compute(bytes).Should().Be(OneBitAtATime(bytes));
    }

    [Fact]
    public void Any_bytes_give_the_sum_of_one_bit_at_a_time_from_any_start() =>
        Gen.Select(Gen.Byte.Array[0, 2000], Gen.Int[0, 2000]).Sample((bytes, split) =>
        {
            split = Math.Min(split, bytes.Length);
            var expected = OneBitAtATime(bytes);
            return Crc32C.Compute(bytes) == expected
                && Crc32C.Append(Crc32C.Compute(bytes.AsSpan(0, split)), bytes.AsSpan(split)) == expected;
        }, iter: 200);

    private static uint OneBitAtATime(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var next in bytes)
        {
            crc ^= next;
            for (var bit = 0; bit < 8; bit++)
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82F63B78 : crc >> 1;
        }
        return ~crc;
    }
}
