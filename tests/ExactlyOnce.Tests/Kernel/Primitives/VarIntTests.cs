using CsCheck;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Tests.Kernel.Primitives;

public class VarIntTests
{
    [Theory]
    [InlineData(0, "00")]
    [InlineData(-1, "01")]
    [InlineData(1, "02")]
    [InlineData(63, "7E")]
    [InlineData(-64, "7F")]
    [InlineData(64, "8001")]
    [InlineData(-65, "8101")]
    [InlineData(8191, "FE7F")]
    [InlineData(-8192, "FF7F")]
    [InlineData(8192, "808001")]
    [InlineData(int.MaxValue, "FEFFFFFF0F")]
    [InlineData(int.MinValue, "FFFFFFFF0F")]
    [InlineData(1L << 31, "8080808010")]
    [InlineData(long.MaxValue, "FEFFFFFFFFFFFFFFFF01")]
    [InlineData(long.MinValue, "FFFFFFFFFFFFFFFFFF01")]
    public void A_number_has_exactly_one_encoding(long value, string hex)
    {
        var bytes = Convert.FromHexString(hex);
        var buffer = new byte[VarInt.MaxLength64];
        var length = VarInt.Write(buffer, value);

        buffer[..length].Should().Equal(bytes);
        VarInt.Length(value).Should().Be(bytes.Length);
        VarInt.TryRead64(bytes, out var read, out var taken).Should().BeTrue();
        (read, taken).Should().Be((value, bytes.Length));
        VarInt.TryRead(bytes, out var narrow, out _).Should().Be(value is >= int.MinValue and <= int.MaxValue);
        if (value is >= int.MinValue and <= int.MaxValue)
            narrow.Should().Be((int)value);
    }

    [Fact]
    public void Every_power_of_two_and_its_neighbours_come_back()
    {
        var buffer = new byte[VarInt.MaxLength64 + 1];
        for (var shift = 0; shift < 64; shift++)
            for (var near = -1; near <= 1; near++)
                foreach (var value in new[] { (1L << shift) + near, -((1L << shift) + near) })
                {
                    var length = VarInt.Write(buffer, value);
                    length.Should().Be(VarInt.Length(value));
                    var position = 0;
                    VarInt.TryReadAt64(buffer, ref position, out var read).Should().BeTrue();
                    (read, position).Should().Be((value, length));
                }
    }

    [Fact]
    public void Any_number_comes_back() => Gen.Long.Sample(value =>
    {
        var buffer = new byte[VarInt.MaxLength64];
        var length = VarInt.Write(buffer, value);
        return VarInt.TryRead64(buffer.AsSpan(0, length), out var read, out var taken) && read == value && taken == length;
    });

    [Fact]
    public void All_encodings_of_one_and_two_bytes_are_read_as_written_or_refused()
    {
        var buffer = new byte[VarInt.MaxLength64];
        for (var first = 0; first < 256; first++)
            for (var second = 0; second < 256; second++)
            {
                byte[] source = [(byte)first, (byte)second];
                if (!VarInt.TryRead(source, out var value, out var taken))
                {
                    (first >= 0x80 && (second is 0 or >= 0x80)).Should().BeTrue($"{first:X2}{second:X2} is a number");
                    continue;
                }
                VarInt.Write(buffer, value).Should().Be(taken);
                buffer.AsSpan(0, taken).SequenceEqual(source.AsSpan(0, taken)).Should().BeTrue();
            }
    }

    [Theory]
    [InlineData("")]
    [InlineData("80")]
    [InlineData("8000")]
    [InlineData("FF8000")]
    [InlineData("8080808000")]
    [InlineData("808080808000")]
    [InlineData("80808080808080808000")]
    [InlineData("80808080808080808002")]
    [InlineData("8080808080808080808001")]
    [InlineData("FFFFFFFFFFFFFFFFFF7F")]
    public void What_no_writer_produces_is_refused_and_the_position_stays(string hex)
    {
        var bytes = Convert.FromHexString(hex);
        var position = 0;

        VarInt.TryRead64(bytes, out _, out var length).Should().BeFalse();
        length.Should().Be(0);
        VarInt.TryReadAt(bytes, ref position, out _).Should().BeFalse();
        VarInt.TryReadAt64(bytes, ref position, out _).Should().BeFalse();
        position.Should().Be(0);
    }

    [Theory]
    [InlineData("8080808010")]
    [InlineData("FFFFFFFF1F")]
    [InlineData("808080808001")]
    public void A_number_beyond_32_bits_is_refused_where_one_of_32_is_expected(string hex)
    {
        VarInt.TryRead(Convert.FromHexString(hex), out _, out _).Should().BeFalse();
        VarInt.TryRead64(Convert.FromHexString(hex), out _, out _).Should().BeTrue();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(int.MaxValue)]
    [InlineData(-1)]
    public void Reading_behind_the_end_is_refused(int position)
    {
        var at = position;
        VarInt.TryReadAt([0x00], ref at, out _).Should().BeFalse();
        VarInt.TryReadAt64([0x00], ref at, out _).Should().BeFalse();
        at.Should().Be(position);
    }
}
