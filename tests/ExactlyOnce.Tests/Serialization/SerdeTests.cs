using System.Text;

namespace ExactlyOnce.Tests.Serialization;

public class Utf8SerdeTests : SerdeConformance<string>
{
    protected override ISerde<string> Serde => Serdes.Utf8;

    protected override IEnumerable<(string Value, string? Hex)> Examples =>
        [("", ""), ("abc", "616263"), ("ä€😀", "C3A4E282ACF09F9880"), ("a\0b", "610062"), (new string('ö', 1000), null)];

    protected override IEnumerable<string> Malformed => ["FF", "C3", "E282", "EDA080", "C080"];

    [Fact]
    public void Half_a_surrogate_pair_is_refused_and_not_replaced() =>
        Serdes.Utf8.Invoking(s => Write("a\ud800")).Should().Throw<FormatException>();
}

public class BytesSerdeTests : SerdeConformance<byte[]>
{
    protected override ISerde<byte[]> Serde => Serdes.Bytes;

    protected override IEnumerable<(byte[] Value, string? Hex)> Examples => [([], ""), ([0, 255, 7], "00FF07"), (new byte[10_000], null)];

    protected override bool AreEqual(byte[] left, byte[] right) => left.AsSpan().SequenceEqual(right);
}

public class MemorySerdeTests : SerdeConformance<ReadOnlyMemory<byte>>
{
    protected override ISerde<ReadOnlyMemory<byte>> Serde => Serdes.Memory;

    protected override IEnumerable<(ReadOnlyMemory<byte> Value, string? Hex)> Examples =>
        [(default, ""), (new byte[] { 1, 2, 3, 4 }.AsMemory(1, 2), "0203")];

    protected override bool AreEqual(ReadOnlyMemory<byte> left, ReadOnlyMemory<byte> right) => left.Span.SequenceEqual(right.Span);
}

public class Int16SerdeTests : SerdeConformance<short>
{
    protected override ISerde<short> Serde => Serdes.Int16;

    protected override IEnumerable<(short Value, string? Hex)> Examples => [(0, "0000"), (-2, "FFFE"), (0x1234, "1234"), (short.MinValue, "8000")];

    protected override IEnumerable<string> Malformed => ["", "00", "000000"];
}

public class Int32SerdeTests : SerdeConformance<int>
{
    protected override ISerde<int> Serde => Serdes.Int32;

    protected override IEnumerable<(int Value, string? Hex)> Examples =>
        [(0, "00000000"), (-1, "FFFFFFFF"), (0x12345678, "12345678"), (int.MinValue, "80000000")];

    protected override IEnumerable<string> Malformed => ["", "000000", "0000000000"];
}

public class Int64SerdeTests : SerdeConformance<long>
{
    protected override ISerde<long> Serde => Serdes.Int64;

    protected override IEnumerable<(long Value, string? Hex)> Examples =>
        [(0, "0000000000000000"), (-1, "FFFFFFFFFFFFFFFF"), (0x123456789ABCDEF0, "123456789ABCDEF0")];

    protected override IEnumerable<string> Malformed => ["", "00000000", "000000000000000000"];
}

public class DoubleSerdeTests : SerdeConformance<double>
{
    protected override ISerde<double> Serde => Serdes.Double;

    protected override IEnumerable<(double Value, string? Hex)> Examples =>
        [(0, "0000000000000000"), (1.5, "3FF8000000000000"), (double.NegativeInfinity, "FFF0000000000000"), (double.NaN, null)];

    protected override IEnumerable<string> Malformed => ["", "00000000"];
}

public class BooleanSerdeTests : SerdeConformance<bool>
{
    protected override ISerde<bool> Serde => Serdes.Boolean;

    protected override IEnumerable<(bool Value, string? Hex)> Examples => [(false, "00"), (true, "01")];

    protected override IEnumerable<string> Malformed => ["", "02", "FF", "0101"];
}

public class GuidSerdeTests : SerdeConformance<Guid>
{
    protected override ISerde<Guid> Serde => Serdes.Guid;

    protected override IEnumerable<(Guid Value, string? Hex)> Examples =>
        [(Guid.Empty, new string('0', 32)), (new Guid("00112233-4455-6677-8899-aabbccddeeff"), "00112233445566778899AABBCCDDEEFF")];

    protected override IEnumerable<string> Malformed => ["", "00", new string('0', 34)];
}

public class NullableSerdeTests : SerdeConformance<int?>
{
    protected override ISerde<int?> Serde => Serdes.Nullable(Serdes.Int32);

    protected override IEnumerable<(int? Value, string? Hex)> Examples => [(0, "00000000"), (-1, "FFFFFFFF")];

    protected override IEnumerable<string> Malformed => ["", "00"];

    [Fact]
    public void Null_is_the_clients_to_write() => Serde.Invoking(_ => Write(null)).Should().Throw<ArgumentNullException>();
}

public class CreatedSerdeTests : SerdeConformance<DateOnly>
{
    protected override ISerde<DateOnly> Serde => Serdes.Create<DateOnly>(
        (day, destination) => Serdes.Int32.Serialize(day.DayNumber, destination),
        source => DateOnly.FromDayNumber(Serdes.Int32.Deserialize(source)));

    protected override IEnumerable<(DateOnly Value, string? Hex)> Examples => [(DateOnly.FromDayNumber(258), "00000102")];

    protected override IEnumerable<string> Malformed => [""];
}

public class SerdesTests
{
    [Fact]
    public void A_serde_cannot_be_made_of_nothing()
    {
        FluentActions.Invoking(() => Serdes.Create<int>(null!, _ => 1)).Should().Throw<ArgumentNullException>();
        FluentActions.Invoking(() => Serdes.Create<int>((_, _) => { }, null!)).Should().Throw<ArgumentNullException>();
        FluentActions.Invoking(() => Serdes.Nullable<int>(null!)).Should().Throw<ArgumentNullException>();
        FluentActions.Invoking(() => Serdes.Json<string>((System.Text.Json.Serialization.Metadata.JsonTypeInfo<string>)null!)).Should().Throw<ArgumentNullException>();
    }

    [Fact]
    public void A_null_that_gets_to_a_serializer_is_refused()
    {
        var destination = new System.Buffers.ArrayBufferWriter<byte>();
        Serdes.Utf8.Invoking(s => s.Serialize(null!, destination)).Should().Throw<ArgumentNullException>();
        Serdes.Bytes.Invoking(s => s.Serialize(null!, destination)).Should().Throw<ArgumentNullException>();
        destination.WrittenCount.Should().Be(0);
        Encoding.UTF8.GetString(destination.WrittenSpan).Should().BeEmpty();
    }
}
