using System.Buffers.Binary;
using ExactlyOnce.Kafka.Endpoint.Apis;
using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Serving;
using ExactlyOnce.Kafka.Endpoint.Tests.Clients;
using ExactlyOnce.Torture.Fuzzing;
using ExactlyOnce.Torture.Wire;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Museum;

/// <summary>Bugs that parsers of the protocol really had: sizes, counts and numbers that a stranger declares.</summary>
[Collection(Alone.Name)]
public sealed class FrameMuseumTests : EndpointTest
{
    private const int Connections = 50;
    private const int BytesEachMax = 64 << 10;

    /// <summary>What reading a frame of less than a KiB may allocate, whatever it says: its objects, and an exception.</summary>
    private const long AllocatedMax = 64 << 10;

    /// <summary>KAFKA-5062, CVE-2022-34917: four bytes announce gigabytes.</summary>
    [Theory]
    [InlineData(0), InlineData(1), InlineData(-1), InlineData(int.MinValue), InlineData(int.MaxValue), InlineData(0x47455420), InlineData(0x16030100),
        InlineData((16 << 20) - 1), InlineData((16 << 20) + 1)]
    public async Task Museum_W01_MalformedSize(int size)
    {
        var bytes = new byte[sizeof(int)];
        BinaryPrimitives.WriteInt32BigEndian(bytes, size);
        var clients = Enumerable.Range(0, Connections).Select(_ => Connect()).ToList();
        foreach (var client in clients)
            await client.CallAsync<ApiVersionsResponse>(0, new ApiVersionsRequest());
        var before = GC.GetTotalMemory(forceFullCollection: true);

        foreach (var client in clients)
            await client.SendAsync(bytes);
        // Answered behind them: what was announced has been looked at by then.
        (await Connect().CallAsync<ApiVersionsResponse>(0, new ApiVersionsRequest())).ErrorCode.Should().Be(KafkaError.None);

        if (size is 1 or (16 << 20) - 1)
            Endpoint.ConnectionCount.Should().BeGreaterThan(0, "a legal size is waited for");
        else
            foreach (var client in clients)
                await client.ShouldBeClosedAsync();
        ((GC.GetTotalMemory(forceFullCollection: true) - before) / Connections).Should().BeLessThan(BytesEachMax);
    }

    /// <summary>CVE-2026-111108: counts of arrays. Every place of every request of every version is taken for one.</summary>
    [Theory, MemberData(nameof(Apis))]
    public void Museum_W02_CountAmplification(string name)
    {
        foreach (var (api, version, body) in Requests(name))
            for (var at = 0; at < body.Length; at++)
            {
                foreach (var count in new[] { 1, body.Length + 1, 1 << 20, int.MaxValue, -2, int.MinValue })
                    Read(api, version, Overwritten(body, at, count));
                foreach (var count in new byte[][] { [0x80, 0x80, 0x40], [0xFF, 0xFF, 0xFF, 0xFF, 0x07], [0xFF, 0xFF, 0xFF, 0xFF, 0x0F],
                    [0xFF, 0xFF, 0xFF, 0xFF, 0xFF] })
                    Read(api, version, [.. body[..at], .. count, .. body[(at + 1)..]]);
            }
    }

    /// <summary>
    /// CVE-2026-111115: millions of tagged fields, before anybody has logged in. They are skipped, never stored; and a count of more than there can
    /// be is refused.
    /// </summary>
    [Fact]
    public void Museum_W03_TaggedFieldAmplification()
    {
        var api = ApiRegistry.Find(18)!;
        const int Tags = 4_000_000;
        var body = new byte[4 + 4 + (2 * Tags)];
        byte[] front = [2, (byte)'a', 2, (byte)'1', 0x80, 0x92, 0xF4, 0x01];
        front.CopyTo(body, 0);
        for (var i = 0; i < Tags; i++)
            body[8 + (2 * i)] = 0x7F;

        Read(api, 3, body).Should().BeTrue("unknown tags are legal");
        body[7] = 0x02;
        Read(api, 3, body).Should().BeFalse("there are fewer bytes than so many tags take");
    }

    /// <summary>Redpanda a46f0bafda, franz-go #1348: a negative length is null where null is legal, and nonsense elsewhere.</summary>
    [Theory]
    // A string that may not be null: FindCoordinator's key, classic and compact.
    [InlineData(10, 0, "0001 67", true), InlineData(10, 0, "0000", true), InlineData(10, 0, "FFFF", false), InlineData(10, 0, "FFFE", false),
        InlineData(10, 0, "8000", false)]
    [InlineData(10, 3, "02 67 00 00", true), InlineData(10, 3, "00 00 00", false), InlineData(10, 3, "80 80 04 00 00", false)]
    // A string that may: InitProducerId's transactional id.
    [InlineData(22, 0, "FFFF 00000001", true), InlineData(22, 0, "FFFE 00000001", false), InlineData(22, 0, "8000 00000001", false),
        InlineData(22, 2, "00 00000001 00", true)]
    // An array that may be null from version 1 on: Metadata's topics.
    [InlineData(3, 0, "FFFFFFFF", false), InlineData(3, 1, "FFFFFFFF", true), InlineData(3, 1, "FFFFFFFE", false), InlineData(3, 1, "80000000", false),
        InlineData(3, 9, "00 01 00 00 00", true)]
    // Bytes that may not be null: the assignment of SyncGroup.
    [InlineData(14, 0, "0001 67 00000001 0001 6D 00000001 0001 6D 00000000", true),
        InlineData(14, 0, "0001 67 00000001 0001 6D 00000001 0001 6D FFFFFFFF", false)]
    [InlineData(14, 0, "0001 67 00000001 0001 6D 00000001 0001 6D FFFFFFFE", false),
        InlineData(14, 0, "0001 67 00000001 0001 6D 00000001 0001 6D 80000000", false)]
    // Records that may: those of Produce.
    [InlineData(0, 3, "FFFF FFFF 00000001 00000001 0001 74 00000001 00000000 FFFFFFFF", true),
        InlineData(0, 3, "FFFF FFFF 00000001 00000001 0001 74 00000001 00000000 FFFFFFFE", false)]
    public void Museum_W05_NegativeLength(short key, short version, string body, bool isLegal) =>
        Read(ApiRegistry.Find(key)!, version, Convert.FromHexString(body.Replace(" ", ""))).Should().Be(isLegal);

    /// <summary>Numbers of variable length that are too long, or do not fit.</summary>
    [Fact]
    public void Museum_W07_VarIntOverflow()
    {
        var api = ApiRegistry.Find(10)!;
        for (var length = 0; length <= 300; length++)
            for (var width = 1; width <= 11; width++)
            {
                var number = Padded((ulong)length + 1, width);
                var isWhole = width >= Padded((ulong)length + 1, 0).Length;
                Read(api, 3, [.. number, .. new byte[length], 0, 0]).Should().Be(isWhole && width <= 5, "length {0} in {1} bytes", length, width);
            }
        foreach (var value in new[] { 1UL << 31, (1UL << 31) + 1, 1UL << 32, (1UL << 32) + 2, 1UL << 63, ulong.MaxValue })
            Read(api, 3, [.. Padded(value, 0), 1, 0, 0]).Should().BeFalse("{0} is no length", value);
    }

    public static TheoryData<string> Apis => [.. ApiRegistry.All.Select(api => api.Name)];

    private static IEnumerable<(Api Api, short Version, byte[] Body)> Requests(string name)
    {
        var api = ApiRegistry.All.Single(api => api.Name == name);
        var (random, plausible, writer) = (new FuzzRandom(1), new PlausibleRequest(Guid.NewGuid()), new WireWriter());
        for (var version = api.Min; version <= api.Max; version++)
        {
            writer.WriteAnswer(plausible.Fill(api.NewRequest(), ref random), 0, version, api.FlexibleFrom, headerIsFlexible: false);
            var body = writer.ToArray()[8..];
            writer.Clear();
            yield return (api, version, body);
        }
    }

    /// <summary>Whether it is a request; either way it takes no more memory than its bytes are worth.</summary>
    private static bool Read(Api api, short version, byte[] body)
    {
        var (isRequest, allocated) = Measure(api, version, body);
        // A process makes things for its first exception that it never makes again.
        if (allocated >= AllocatedMax)
            (isRequest, allocated) = Measure(api, version, body);
        allocated.Should().BeLessThan(AllocatedMax, "{0} v{1} has {2} bytes", api.Name, version, body.Length);
        return isRequest;
    }

    private static (bool IsRequest, long Allocated) Measure(Api api, short version, byte[] body)
    {
        var (reader, request) = (new WireReader(), api.NewRequest());
        reader.Open(body);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var isRequest = true;
        try
        {
            reader.ReadBody(request, version, api.FlexibleFrom);
        }
        catch (ProtocolException)
        {
            isRequest = false;
        }
        return (isRequest, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static byte[] Overwritten(byte[] body, int at, int value)
    {
        Span<byte> number = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32BigEndian(number, value);
        var changed = body.ToArray();
        number[..Math.Min(number.Length, body.Length - at)].CopyTo(changed.AsSpan(at));
        return changed;
    }

    /// <summary>A number in so many groups of seven bits, cut or padded with zeros; 0: in as many as it takes.</summary>
    private static byte[] Padded(ulong value, int width)
    {
        var bytes = new List<byte>();
        do
        {
            bytes.Add((byte)((value & 0x7F) | 0x80));
            value >>= 7;
        }
        while (width == 0 ? value > 0 : bytes.Count < width);
        bytes[^1] &= 0x7F;
        return [.. bytes];
    }
}
