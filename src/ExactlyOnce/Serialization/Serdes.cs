using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using ExactlyOnce.Serialization;

namespace ExactlyOnce;

/// <summary>
/// The serdes that come with the library. All are thread-safe.
/// <para>
/// <b>Null.</b> A null key or value (a null reference, or a <see cref="Nullable{T}"/> without a value) is never given to a serializer: the client writes a null
/// field, which as a value is a <i>tombstone</i> and in a compacted topic deletes the key. A null field is never given to a deserializer: it reads as
/// <c>default</c>. For a value type that is not nullable the default looks like a real value: use <see cref="Nullable{T}(ISerde{T})"/> for topics of such
/// types that carry tombstones. An empty field is not a null one: <c>""</c> stays <c>""</c>.
/// </para>
/// <para><b>Bad input</b> throws <see cref="FormatException"/>, JSON <see cref="JsonException"/>; nothing is guessed or replaced.</para>
/// </summary>
public static class Serdes
{
    /// <summary>Text as UTF-8 (Kafka: StringSerializer). Text that is not valid UTF-16, and bytes that are not valid UTF-8, are refused.</summary>
    public static ISerde<string> Utf8 { get; } = new Utf8Serde();

    /// <summary>Bytes as they are; reading copies them into a new array.</summary>
    public static ISerde<byte[]> Bytes { get; } = new BytesSerde();

    /// <summary>Bytes as they are, from any memory; reading copies them.</summary>
    public static ISerde<ReadOnlyMemory<byte>> Memory { get; } = new MemorySerde();

    /// <summary>A 16-bit integer, 2 bytes big-endian (Kafka: ShortSerializer).</summary>
    public static ISerde<short> Int16 { get; } = new Int16Serde();

    /// <summary>A 32-bit integer, 4 bytes big-endian (Kafka: IntegerSerializer).</summary>
    public static ISerde<int> Int32 { get; } = new Int32Serde();

    /// <summary>A 64-bit integer, 8 bytes big-endian (Kafka: LongSerializer).</summary>
    public static ISerde<long> Int64 { get; } = new Int64Serde();

    /// <summary>A 64-bit floating-point number, 8 bytes big-endian (Kafka: DoubleSerializer).</summary>
    public static ISerde<double> Double { get; } = new DoubleSerde();

    /// <summary>One byte, 0 or 1 (Kafka: BooleanSerializer).</summary>
    public static ISerde<bool> Boolean { get; } = new BooleanSerde();

    /// <summary>
    /// 16 bytes in the order the identifier is written (big-endian, RFC 9562). Kafka's UUIDSerializer writes text instead: read that with <see cref="Utf8"/>.
    /// </summary>
    public static ISerde<Guid> Guid { get; } = new GuidSerde();

    /// <summary>JSON by source-generated metadata; works with trimming and NativeAOT.</summary>
    /// <typeparam name="T">The type written and read.</typeparam>
    /// <param name="typeInfo">The metadata: <c>ShopJson.Default.Order</c>.</param>
    /// <exception cref="ArgumentNullException"><paramref name="typeInfo"/> is null.</exception>
    public static ISerde<T> Json<T>(JsonTypeInfo<T> typeInfo)
    {
        ArgumentNullException.ThrowIfNull(typeInfo);
        return new JsonSerde<T>(typeInfo);
    }

    /// <summary>JSON by reflection. Indentation asked for by the options is not written.</summary>
    /// <typeparam name="T">The type written and read.</typeparam>
    /// <param name="options">How to write; null for the defaults. They become read-only.</param>
    [RequiresUnreferencedCode("Reads the type by reflection. Use Json(JsonTypeInfo<T>) when trimming.")]
    [RequiresDynamicCode("May generate code at run time. Use Json(JsonTypeInfo<T>) with NativeAOT.")]
    public static ISerde<T> Json<T>(JsonSerializerOptions? options = null)
    {
        options ??= JsonSerializerOptions.Default;
        options.MakeReadOnly(populateMissingResolver: true);
        return new JsonSerde<T>((JsonTypeInfo<T>)options.GetTypeInfo(typeof(T)));
    }

    /// <summary>
    /// Values that are not copied: a record refers to the object itself, and every reader gets that object, so treat it as immutable. For topics of a broker in
    /// memory; a durable one refuses the record. The log lets go of an object with its record: by retention, by a deletion, and when its transaction is
    /// aborted. Not for keys, and not for compacted topics.
    /// </summary>
    /// <typeparam name="T">The type of the objects.</typeparam>
    /// <example><code>
    /// var placed = Topic.Create("order-placed", Serdes.Reference&lt;OrderPlaced&gt;());
    /// </code></example>
    public static ISerde<T> Reference<T>() where T : class => new ReferenceSerde<T>();

    /// <summary>
    /// Makes a value type nullable: null is written as a null field (a tombstone), and a null field reads as null instead of the type's default.
    /// </summary>
    /// <typeparam name="T">The value type.</typeparam>
    /// <param name="serde">How values that exist are written and read.</param>
    /// <exception cref="ArgumentNullException"><paramref name="serde"/> is null.</exception>
    public static ISerde<T?> Nullable<T>(ISerde<T> serde)
        where T : struct
    {
        ArgumentNullException.ThrowIfNull(serde);
        return new NullableSerde<T>(serde);
    }

    /// <summary>A serde of two functions, which must be thread-safe.</summary>
    /// <typeparam name="T">The type written and read.</typeparam>
    /// <param name="serialize">Writes a value, which is never null.</param>
    /// <param name="deserialize">Reads a value. The span is valid only during the call.</param>
    /// <example><code>
    /// var days = Serdes.Create&lt;DateOnly&gt;(
    ///     (day, destination) => Serdes.Int32.Serialize(day.DayNumber, destination),
    ///     source => DateOnly.FromDayNumber(Serdes.Int32.Deserialize(source)));
    /// </code></example>
    /// <exception cref="ArgumentNullException">One of the functions is null.</exception>
    public static ISerde<T> Create<T>(Action<T, IBufferWriter<byte>> serialize, Func<ReadOnlySpan<byte>, T> deserialize)
    {
        ArgumentNullException.ThrowIfNull(serialize);
        ArgumentNullException.ThrowIfNull(deserialize);
        return new DelegateSerde<T>(serialize, deserialize);
    }
}
