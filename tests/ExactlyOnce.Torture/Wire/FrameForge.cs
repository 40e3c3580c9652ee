using System.Buffers.Binary;
using System.Text;
using ExactlyOnce.Kafka.Endpoint.Apis;
using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Serving;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Testing.Fuzzing;
using ExactlyOnce.Torture.Fuzzing;

namespace ExactlyOnce.Torture.Wire;

/// <summary>Makes frames, good ones and malformed ones, of every API and version. One for each worker.</summary>
internal sealed class FrameForge
{
    private const int LengthBytes = sizeof(int);
    private const int HeaderBytes = 8;
    private const int RandomBytesMax = 300;

    private static readonly int[] s_hostileNumbers = [-1, -2, int.MinValue, int.MaxValue, int.MaxValue - 1, 1 << 20, 1 << 16, ushort.MaxValue,
        short.MaxValue, 200_001, 0];
    private static readonly byte[][] s_hostileCounts =
    [
        [0xFF, 0xFF, 0xFF, 0xFF, 0x0F], [0xFF, 0xFF, 0xFF, 0xFF, 0x07], [0xFF, 0xFF, 0xFF, 0xFF, 0xFF], [0x80, 0x80, 0x80, 0x80, 0x10],
            [0x80, 0x80, 0x40], [0x80, 0x00],
    ];

    private static readonly string[] s_mechanisms = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];

    private static readonly byte[][] s_tokens =
    [
        [.. "\0root\0secret"u8], [.. "root\0root\0secret"u8], [.. "\0root\0wrong"u8], [.. "n,,n=root,r=abcdefgh"u8], [.. "n,a=root,n=root,r=abcdefgh"u8], [.. "n,,n=nobody,r=x"u8],
        [.. "c=biws,r=abcdefgh,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="u8],
    ];

    private readonly WireWriter _writer = new();
    private readonly Mutator _mutator;
    private readonly PlausibleRequest _plausible;
    private FuzzRandom _random;
    private byte[] _other = [1, 2, 3, 4, 5, 6, 7, 8];

    public FrameForge(ulong seed, Guid topicId)
    {
        _random = new FuzzRandom(seed);
        _plausible = new PlausibleRequest(topicId);
        _mutator = new Mutator(new FuzzTarget("frame", static _ => { }) { FixUp = FixChecksum }, seed + 1);
    }

    public int Below(int limit) => _random.Below(limit);

    /// <summary>A request that could have been meant.</summary>
    public byte[] MakeGood()
    {
        var api = ApiRegistry.All[_random.Below(ApiRegistry.All.Count)];
        return MakeGood(api, (short)(api.Min + _random.Below(api.Max - api.Min + 1)));
    }

    /// <summary>A malformed frame, built on a request of this API in this version.</summary>
    public byte[] MakeBad(Api api, short version)
    {
        var good = MakeGood(api, version);
        var body = good.AsSpan(LengthBytes);
        switch (_random.Below(20))
        {
            case < 12:
                var mutated = Framed(_mutator.Mutate(body, _other));
                _other = good;
                return mutated;
            case < 15:
                return Hostile(good);
            case < 16:
                return Framed([.. body[..Math.Min(HeaderBytes, body.Length)], .. RandomBytes()]);
            case < 17:
                return Framed(RandomBytes());
            case < 19:
                return good[.._random.Below(good.Length)];
            default:
                BinaryPrimitives.WriteInt32BigEndian(good, s_hostileNumbers[_random.Below(s_hostileNumbers.Length)]);
                return good;
        }
    }

    /// <summary>Chooses a mechanism, in either way.</summary>
    public byte[] MakeHandshake() => Write(
        new SaslHandshakeRequest { Mechanism = s_mechanisms[_random.Below(s_mechanisms.Length)] }, ApiOf("SaslHandshake"), (short)_random.Below(2));

    /// <summary>Chooses PLAIN and logs in by it.</summary>
    public List<byte[]> MakeLogin(string user, string password) =>
    [
        Write(new SaslHandshakeRequest { Mechanism = s_mechanisms[0] }, ApiOf("SaslHandshake"), 1),
        Write(new SaslAuthenticateRequest { AuthBytes = Encoding.UTF8.GetBytes($"\0{user}\0{password}") }, ApiOf("SaslAuthenticate"), 2),
    ];

    /// <summary>A malformed token, with the protocol's header or without.</summary>
    public byte[] MakeBadToken()
    {
        var token = s_tokens[_random.Below(s_tokens.Length)];
        var api = ApiOf("SaslAuthenticate");
        return _random.Below(4) switch
        {
            0 => Framed(_mutator.Mutate(token, _other)),
            1 => Write(new SaslAuthenticateRequest { AuthBytes = _mutator.Mutate(token, _other).ToArray() }, api, (short)_random.Below(3)),
            2 => Framed(token),
            _ => Framed(_mutator.Mutate(Write(new SaslAuthenticateRequest { AuthBytes = token }, api, (short)_random.Below(3)).AsSpan(LengthBytes), _other)),
        };
    }

    private static Api ApiOf(string name) => ApiRegistry.All.Single(api => api.Name == name);

    private byte[] MakeGood(Api api, short version) => Write(_plausible.Fill(api.NewRequest(), ref _random), api, version);

    private byte[] Write(IMessage request, Api api, short version)
    {
        _writer.WriteRequest(request, new RequestHeader(api.Key, version, _random.Below(1000)), "fuzz",
            api.FlexibleFrom);
        var frame = _writer.ToArray();
        _writer.Clear();
        return frame;
    }

    /// <summary>A length or count, wherever it may stand, that announces what is not there.</summary>
    private byte[] Hostile(byte[] good)
    {
        var at = LengthBytes + HeaderBytes + _random.Below(Math.Max(1, good.Length - LengthBytes - HeaderBytes));
        if (_random.OneIn(2))
        {
            Span<byte> number = stackalloc byte[sizeof(int)];
            BinaryPrimitives.WriteInt32BigEndian(number, s_hostileNumbers[_random.Below(s_hostileNumbers.Length)]);
            number[..Math.Min(number.Length, good.Length - at)].CopyTo(good.AsSpan(at));
            return good;
        }
        return Framed([.. good.AsSpan(LengthBytes, at - LengthBytes), .. s_hostileCounts[_random.Below(s_hostileCounts.Length)],
            .. good.AsSpan(Math.Min(at + 1, good.Length))]);
    }

    private byte[] RandomBytes()
    {
        var bytes = new byte[_random.Below(RandomBytesMax)];
        for (var i = 0; i < bytes.Length; i++)
            bytes[i] = (byte)_random.Next();
        return bytes;
    }

    private static byte[] Framed(ReadOnlySpan<byte> body)
    {
        var frame = new byte[LengthBytes + body.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame, body.Length);
        body.CopyTo(frame.AsSpan(LengthBytes));
        return frame;
    }

    /// <summary>Of a request of Produce: its batch's checksum, without which nearly every change would end at it.</summary>
    private static void FixChecksum(Span<byte> body)
    {
        if (body.Length < HeaderBytes || body[0] != 0 || body[1] != 0)
            return;
        // The leader epoch and the format that every batch of ours has.
        var at = body.IndexOf((ReadOnlySpan<byte>)[0xFF, 0xFF, 0xFF, 0xFF, BatchHeader.Magic]) + 5 - BatchHeader.MagicAt - 1;
        if (at < 0 || body.Length - at < BatchHeader.Size)
            return;
        var length = BatchHeader.LengthAt + sizeof(int) + BinaryPrimitives.ReadInt32BigEndian(body[(at + BatchHeader.LengthAt)..]);
        if (length < BatchHeader.Size || length > body.Length - at)
            return;
        BinaryPrimitives.WriteUInt32BigEndian(body[(at + BatchHeader.CrcAt)..], BatchHeader.ComputeCrc(body.Slice(at, length)));
    }
}
