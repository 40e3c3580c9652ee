using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Tests.Serialization;

public sealed record Order(string Id, decimal Total, string[]? Lines = null)
{
    public bool Equals(Order? other) =>
        other is not null && Id == other.Id && Total == other.Total && (Lines ?? []).SequenceEqual(other.Lines ?? []);

    public override int GetHashCode() => Id.GetHashCode(StringComparison.Ordinal);
}

[JsonSerializable(typeof(Order))]
[JsonSerializable(typeof(int))]
internal sealed partial class OrderJson : JsonSerializerContext;

public class GeneratedJsonSerdeTests : SerdeConformance<Order>
{
    protected override ISerde<Order> Serde => Serdes.Json(OrderJson.Default.Order);

    protected override IEnumerable<(Order Value, string? Hex)> Examples =>
    [
        (new Order("o", 1.5m), Convert.ToHexString("""{"Id":"o","Total":1.5,"Lines":null}"""u8)),
        (new Order("ä\"<", -1, ["a", "b"]), null),
        (new Order(new string('x', 5000), 0), null),
    ];

    protected override IEnumerable<string> Malformed => ["", "7B", "7B7D7D", "FF", Convert.ToHexString("""{"Id":1}"""u8)];
}

public class ReflectedJsonSerdeTests : SerdeConformance<Order>
{
    private static readonly JsonSerializerOptions s_options = new(JsonSerializerDefaults.Web)
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        WriteIndented = true,
        MaxDepth = 2000,
    };

    protected override ISerde<Order> Serde => Serdes.Json<Order>(s_options);

    protected override IEnumerable<(Order Value, string? Hex)> Examples =>
        [(new Order("ä", 1.5m), Convert.ToHexString("""{"id":"ä","total":1.5,"lines":null}"""u8)), (new Order("<", 2, ["é"]), null)];

    protected override IEnumerable<string> Malformed => ["", "5B5D"];
}

public class JsonSerdeTests
{
    [Fact]
    public void The_defaults_need_no_options() =>
        Write(Serdes.Json<Order>(), new Order("o", 1)).Should().Be("""{"Id":"o","Total":1,"Lines":null}""");

    [Fact]
    public void A_serializer_that_throws_midway_does_not_spoil_the_next_record()
    {
        var serde = Serdes.Json<Thrower>();
        var destination = new ArrayBufferWriter<byte>();

        serde.Invoking(s => s.Serialize(new Thrower { Fails = true }, destination)).Should().Throw<InvalidOperationException>();

        Write(serde, new Thrower()).Should().Be("""{"Name":"x","Last":"y","Fails":false}""");
        Write(Serdes.Json(OrderJson.Default.Int32), 7).Should().Be("7");
    }

    [Fact]
    public void A_converter_may_serialize_in_turn() =>
        Write(Serdes.Json<Outer>(), new Outer()).Should().Be("""{"Inner":"{\u0022Id\u0022:\u0022i\u0022,\u0022Total\u0022:1,\u0022Lines\u0022:null}"}""");

    [Fact]
    public void Two_serdes_with_different_encoders_keep_their_own()
    {
        var relaxed = Serdes.Json<string>(new JsonSerializerOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        var strict = Serdes.Json<string>();
        for (var i = 0; i < 3; i++)
        {
            Write(relaxed, "ä").Should().Be("\"ä\"");
            Write(strict, "ä").Should().Be("\"\\u00E4\"");
        }
    }

    [Fact]
    public void Writing_a_record_allocates_nothing_of_its_own()
    {
        var serde = Serdes.Json(OrderJson.Default.Order);
        var order = new Order("o", 1.5m);
        var destination = new GrowableBuffer(4096);
        long allocated = 0;
        for (var i = 0; i < 200; i++)
        {
            destination.Clear();
            var before = GC.GetAllocatedBytesForCurrentThread();
            serde.Serialize(order, destination);
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        allocated.Should().Be(0);
    }

    private static string Write<T>(ISerde<T> serde, T value)
    {
        var destination = new ArrayBufferWriter<byte>();
        serde.Serialize(value, destination);
        return System.Text.Encoding.UTF8.GetString(destination.WrittenSpan);
    }

    private sealed class Thrower
    {
        public string Name { get; set; } = "x";

        public string Last => Fails ? throw new InvalidOperationException("no") : "y";

        public bool Fails { get; set; }
    }

    private sealed class Outer
    {
        public string Inner => Write(Serdes.Json(OrderJson.Default.Order), new Order("i", 1));
    }
}
