using System.Buffers.Binary;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Testing.Fuzzing;

namespace ExactlyOnce.Torture.Fuzzing;

/// <summary>
/// Changes an input: bits, bytes, numbers that lengths and counts go wrong with, pieces doubled, dropped, moved, taken from another input or from the
/// dictionary.
/// Then, most of the time, the target's checksums are made right again. One buffer, used again; the result is valid until the next call.
/// </summary>
internal sealed class Mutator(FuzzTarget target, ulong seed)
{
    private static readonly long[] s_interesting =
    [
        0, 1, -1, -2, 2, 7, 8, 16, 31, 32, 63, 64, 127, 128, 255, 256, 4095, 4096, short.MaxValue, short.MinValue, ushort.MaxValue, 1 << 16, 1 << 20, int.MaxValue, int.MinValue,
        int.MaxValue - 12, uint.MaxValue, long.MaxValue, long.MinValue, long.MaxValue - 1,
    ];

    /// <summary>Names and magics that a parser compares with and chance would not hit.</summary>
    private static readonly byte[][] s_words =
    [
        .. new[] { "EOJG", "EOMF", "EOCP", "version: 0\ntopic_id: ", "uniform", "range", "consumer", "..", "/", ".checkpoint", ".journal" }.Select(word => System.Text.Encoding.ASCII.GetBytes(word)),
        [0x1F, 0x8B, 8, 0], [0xFF, 0xFF, 0xFF, 0xFF, 0x0F], [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], [0xC0, 0x80], [0xED, 0xA0, 0x80],
    ];

    private readonly byte[] _bytes = new byte[target.InputBytesMax];
    private FuzzRandom _random = new(seed);
    private int _length;

    /// <summary>A changed <paramref name="source"/>; <paramref name="other"/> lends pieces.</summary>
    public ReadOnlySpan<byte> Mutate(ReadOnlySpan<byte> source, ReadOnlySpan<byte> other)
    {
        _length = Math.Min(source.Length, _bytes.Length);
        source[.._length].CopyTo(_bytes);
        for (var changes = 1 << _random.Below(4); changes > 0; changes--)
            Change(other);
        var input = _bytes.AsSpan(0, _length);
        if (target.FixUp is { } fixUp && !_random.OneIn(8))
            fixUp(input);
        return input;
    }

    public int Below(int limit) => _random.Below(limit);

    private void Change(ReadOnlySpan<byte> other)
    {
        switch (_random.Below(12))
        {
            case 0 or 1 when _length > 0:
                _bytes[Somewhere()] ^= (byte)(1 << _random.Below(8));
                break;
            case 2 when _length > 0:
                _bytes[Somewhere()] = (byte)_random.Next();
                break;
            case 3 or 4 when _length > 0:
                WriteInteresting();
                break;
            case 5 when _length > 0:
                Nudge();
                break;
            case 6:
                Insert(s_words[_random.Below(s_words.Length)]);
                break;
            case 7 when _length > 0:
                Remove();
                break;
            case 8 when _length > 0:
                Duplicate();
                break;
            case 9 when other.Length > 0:
                Splice(other);
                break;
            case 10:
                _length = _random.OneIn(4) ? _random.Below(_length + 1) : Math.Max(0, _length - _random.Below(16));
                break;
            default:
                Extend();
                break;
        }
    }

    /// <summary>Files are mostly padding: a zero is passed over now and then.</summary>
    private int Somewhere()
    {
        var at = _random.Below(_length);
        for (var tries = 0; tries < 3 && _bytes[at] == 0; tries++)
            at = _random.Below(_length);
        return at;
    }

    private void WriteInteresting()
    {
        var value = _random.OneIn(4) ? _length + _random.Below(5) - 2 : s_interesting[_random.Below(s_interesting.Length)];
        Span<byte> number = stackalloc byte[sizeof(long)];
        var size = 1 << _random.Below(4);
        if (_random.OneIn(2))
            BinaryPrimitives.WriteInt64LittleEndian(number, value);
        else
            BinaryPrimitives.WriteInt64BigEndian(number, value << (64 - (8 * size)));
        if (_random.OneIn(6))
            size = VarInt.Write(number, (int)value);
        var at = Somewhere();
        number[..Math.Min(size, _length - at)].CopyTo(_bytes.AsSpan(at));
    }

    /// <summary>Adds a little to a number of some width: off by one is what bounds are wrong by.</summary>
    private void Nudge()
    {
        var at = Somewhere();
        var delta = _random.Below(9) - 4;
        var rest = _bytes.AsSpan(at, _length - at);
        if (rest.Length >= sizeof(int) && _random.OneIn(2))
            BinaryPrimitives.WriteInt32BigEndian(rest, BinaryPrimitives.ReadInt32BigEndian(rest) + delta);
        else
            rest[0] = (byte)(rest[0] + delta);
    }

    private void Insert(ReadOnlySpan<byte> piece)
    {
        var at = _random.Below(_length + 1);
        if (_random.OneIn(2))
        {
            var fitting = Math.Min(piece.Length, _length - at);
            piece[..fitting].CopyTo(_bytes.AsSpan(at));
            return;
        }
        piece = piece[..Math.Min(piece.Length, _bytes.Length - _length)];
        _bytes.AsSpan(at, _length - at).CopyTo(_bytes.AsSpan(at + piece.Length));
        piece.CopyTo(_bytes.AsSpan(at));
        _length += piece.Length;
    }

    private void Remove()
    {
        var at = _random.Below(_length);
        var count = 1 + _random.Below(Math.Min(_length - at, 64));
        _bytes.AsSpan(at + count, _length - at - count).CopyTo(_bytes.AsSpan(at));
        _length -= count;
    }

    private void Duplicate()
    {
        var at = _random.Below(_length);
        Span<byte> piece = stackalloc byte[1 + _random.Below(Math.Min(_length - at, 128))];
        _bytes.AsSpan(at, piece.Length).CopyTo(piece);
        Insert(piece);
    }

    private void Splice(ReadOnlySpan<byte> other)
    {
        var from = _random.Below(other.Length);
        if (_random.OneIn(3))
        {
            // The front of one and the rest of the other.
            var at = _random.Below(_length + 1);
            var tail = other[from..];
            tail = tail[..Math.Min(tail.Length, _bytes.Length - at)];
            tail.CopyTo(_bytes.AsSpan(at));
            _length = at + tail.Length;
            return;
        }
        Insert(other.Slice(from, 1 + _random.Below(Math.Min(other.Length - from, 256))));
    }

    private void Extend()
    {
        var count = Math.Min(1 + _random.Below(32), _bytes.Length - _length);
        var filler = _random.OneIn(2) ? (byte)0 : (byte)_random.Next();
        _bytes.AsSpan(_length, count).Fill(filler);
        _length += count;
    }
}
