using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics;
using System.Text;

namespace ExactlyOnce.Kafka.Endpoint.Codec;

/// <summary>
/// Writes one frame: fields into a buffer of its own, records not at all; where they belong is noted, and they are copied once, when whoever sends the frame
/// goes over it with <see cref="TryTakePiece"/>. Used again for frame after frame; <see cref="Clear"/> gives the buffer back.
/// </summary>
internal sealed class WireWriter : Wire
{
    private const int SmallestBuffer = 512;
    private const int VarIntBytesMax = 5;
    private const int NoTag = -1;

    private readonly List<Insertion> _insertions = [];
    private byte[] _buffer = [];
    private int _written;
    private int _insertedBytes;
    private int _insertionsTaken;
    private int _taken;
    private TagPass _pass;
    private int _tagCount;
    private int _tagBegin = NoTag;

    private enum TagPass
    {
        Count,
        Write,
    }

    /// <summary>Size of the frame, its length field included.</summary>
    public int Length => _written + _insertedBytes;

    /// <summary>Hands out the frame piece by piece, in order; a piece is valid until <see cref="Clear"/>. False at the end.</summary>
    public bool TryTakePiece(out ReadOnlyMemory<byte> piece)
    {
        var next = _insertionsTaken < _insertions.Count ? _insertions[_insertionsTaken] : new Insertion(_written, default);
        if (next.At > _taken)
        {
            piece = _buffer.AsMemory(_taken, next.At - _taken);
            _taken = next.At;
            return true;
        }
        piece = next.Bytes;
        return _insertionsTaken++ < _insertions.Count;
    }

    /// <summary>Writes an answer, whole, with its length.</summary>
    /// <param name="headerIsFlexible">The header of ApiVersions answers never is.</param>
    public void WriteAnswer(IMessage body, int correlationId, short version, int flexibleFrom, bool headerIsFlexible)
    {
        BeginFrame();
        PutInt32(correlationId);
        if (headerIsFlexible)
            PutVarUInt(0);
        WriteBody(body, version, flexibleFrom);
    }

    /// <summary>Writes a request, whole, with its length: what clients do, and tests.</summary>
    public void WriteRequest(IMessage body, RequestHeader header, string? clientId, int flexibleFrom)
    {
        BeginFrame();
        PutInt16(header.ApiKey);
        PutInt16(header.Version);
        PutInt32(header.CorrelationId);
        Begin(0, int.MaxValue);
        StringCore(ref clientId, isNullable: true);
        if (header.Version >= flexibleFrom)
            PutVarUInt(0);
        WriteBody(body, header.Version, flexibleFrom);
    }

    public byte[] ToArray()
    {
        var frame = new byte[Length];
        var rest = frame.AsSpan();
        while (TryTakePiece(out var piece))
        {
            piece.Span.CopyTo(rest);
            rest = rest[piece.Length..];
        }
        return frame;
    }

    /// <summary>Forgets the frame and gives its buffer back.</summary>
    public void Clear()
    {
        _insertions.Clear();
        (_written, _insertedBytes, _insertionsTaken, _taken) = (0, 0, 0, 0);
        if (_buffer.Length > 0)
            ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
    }

    protected override void Int8Core(ref sbyte value) => Reserve(1)[0] = (byte)value;

    protected override void Int16Core(ref short value) => PutInt16(value);

    protected override void Int32Core(ref int value) => PutInt32(value);

    protected override void Int64Core(ref long value) => BinaryPrimitives.WriteInt64BigEndian(Reserve(sizeof(long)), value);

    protected override void UuidCore(ref Guid value) => value.TryWriteBytes(Reserve(16), bigEndian: true, out _);

    protected override void StringCore(ref string? value, bool isNullable)
    {
        Debug.Assert(value is not null || isNullable, "This string may not be null.");
        var length = value is null ? -1 : Encoding.UTF8.GetByteCount(value);
        if (IsFlexible)
            PutVarUInt((uint)(length + 1));
        else
            PutInt16(checked((short)length));
        if (length > 0)
            Encoding.UTF8.GetBytes(value, Reserve(length));
    }

    protected override void BytesCore(ref byte[] value)
    {
        PutLength(value.Length);
        value.CopyTo(Reserve(value.Length));
    }

    protected override void RecordsCore(ref RecordBytes value)
    {
        PutLength(value.IsNull ? -1 : value.Length);
        if (value.Length > 0)
            _insertions.Add(new Insertion(_written, value.First));
        foreach (var piece in value.Rest ?? [])
            _insertions.Add(new Insertion(_written, piece));
        _insertedBytes += value.Length;
    }

    protected override void Int32sCore(ref int[]? value, bool isNullable)
    {
        if (PutCount(value?.Length, isNullable))
            foreach (var item in value!)
                PutInt32(item);
    }

    protected override void Int64sCore(ref long[] value)
    {
        PutCount(value.Length, isNullable: false);
        for (var i = 0; i < value.Length; i++)
            Int64Core(ref value[i]);
    }

    protected override void StringsCore(ref string[]? value, bool isNullable)
    {
        if (PutCount(value?.Length, isNullable))
            for (var i = 0; i < value!.Length; i++)
                StringCore(ref value[i]!, isNullable: false);
    }

    protected override void ArrayCore<T>(ref T[]? value, bool isNullable)
    {
        if (PutCount(value?.Length, isNullable))
            foreach (var item in value!)
                WriteStruct(item);
    }

    protected override void StructCore<T>(ref T value) => WriteStruct(value);

    protected override bool TagCore(int tag, bool isSet)
    {
        if (!isSet)
            return false;
        if (_pass == TagPass.Count)
        {
            _tagCount++;
            return false;
        }
        EndTag();
        PutVarUInt((uint)tag);
        _tagBegin = _written;
        return true;
    }

    private void BeginFrame()
    {
        Clear();
        PutInt32(0);
    }

    private void WriteBody(IMessage body, short version, int flexibleFrom)
    {
        Begin(version, flexibleFrom);
        WriteStruct(body);
        BinaryPrimitives.WriteInt32BigEndian(_buffer, Length - sizeof(int));
    }

    private void WriteStruct(IMessage message)
    {
        message.Fields(this);
        if (IsFlexible)
            WriteTags(message);
    }

    /// <summary>First how many there are, then each with its size, which is known once it is written: the content then makes room for it.</summary>
    private void WriteTags(IMessage message)
    {
        var (pass, tagCount, tagBegin) = (_pass, _tagCount, _tagBegin);
        (_pass, _tagCount, _tagBegin) = (TagPass.Count, 0, NoTag);
        message.Tagged(this);
        PutVarUInt((uint)_tagCount);
        if (_tagCount > 0)
        {
            _pass = TagPass.Write;
            message.Tagged(this);
            EndTag();
        }
        (_pass, _tagCount, _tagBegin) = (pass, tagCount, tagBegin);
    }

    private void EndTag()
    {
        if (_tagBegin == NoTag)
            return;
        var (begin, size) = (_tagBegin, _written - _tagBegin);
        _tagBegin = NoTag;
        PutVarUInt((uint)size);
        var sizeBytes = _written - begin - size;
        Span<byte> sizeField = stackalloc byte[VarIntBytesMax];
        sizeField = sizeField[..sizeBytes];
        _buffer.AsSpan(begin + size, sizeBytes).CopyTo(sizeField);
        _buffer.AsSpan(begin, size).CopyTo(_buffer.AsSpan(begin + sizeBytes));
        sizeField.CopyTo(_buffer.AsSpan(begin));
    }

    private bool PutCount(int? count, bool isNullable)
    {
        Debug.Assert(count is not null || isNullable, "This array may not be null.");
        PutLength(count ?? -1);
        return count > 0;
    }

    private void PutLength(int length)
    {
        if (IsFlexible)
            PutVarUInt((uint)(length + 1));
        else
            PutInt32(length);
    }

    private void PutInt16(short value) => BinaryPrimitives.WriteInt16BigEndian(Reserve(sizeof(short)), value);

    private void PutInt32(int value) => BinaryPrimitives.WriteInt32BigEndian(Reserve(sizeof(int)), value);

    private void PutVarUInt(uint value)
    {
        for (; value >= 0x80; value >>= 7)
            Reserve(1)[0] = (byte)(value | 0x80);
        Reserve(1)[0] = (byte)value;
    }

    private Span<byte> Reserve(int length)
    {
        if (_buffer.Length - _written < length)
            Grow(length);
        var reserved = _buffer.AsSpan(_written, length);
        _written += length;
        return reserved;
    }

    private void Grow(int length)
    {
        var larger = ArrayPool<byte>.Shared.Rent(Math.Max(SmallestBuffer, Math.Max(_buffer.Length * 2, _written + length)));
        _buffer.AsSpan(0, _written).CopyTo(larger);
        if (_buffer.Length > 0)
            ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = larger;
    }

    /// <summary>Bytes that belong in front of a position of the buffer.</summary>
    private readonly record struct Insertion(int At, ReadOnlyMemory<byte> Bytes);
}
