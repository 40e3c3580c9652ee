using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Kafka.Endpoint.Codec;

/// <summary>
/// Reads one frame. Nothing is allocated by a size that a stranger declared before as many bytes are there: an element of an array takes at least one, of an
/// array of numbers or strings as many as it says. Anything that makes no sense is a <see cref="ProtocolException"/>. Used again for frame after frame of a
/// connection.
/// </summary>
internal sealed class WireReader : Wire
{
    /// <summary>Bits that the fifth byte of a number of 32 bits may have.</summary>
    private const int LastVarIntByteMax = 0x0F;

    /// <summary>What librdkafka leaves behind a body at most.</summary>
    private const int SurplusBytesMax = 3;

    /// <summary>Elements of all arrays of a frame: twice the partitions that a topic may have. An element takes far more memory than bytes.</summary>
    private const int ElementsMax = 200_000;

    private static readonly UTF8Encoding s_utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private ReadOnlySequence<byte> _frame;
    private SequencePosition _next;

    /// <summary>The piece of the frame that is being read.</summary>
    private ReadOnlyMemory<byte> _piece;

    /// <summary>Where it begins in the frame.</summary>
    private int _pieceAt;
    private int _length;
    private int _position;
    private int _elements;
    private uint _tag;

    /// <summary>Bytes of the frame that have not been read.</summary>
    public int Remaining => _length - _position;

    /// <summary>Begins to read a frame, behind its length.</summary>
    public void Open(ReadOnlyMemory<byte> frame) => Open(new ReadOnlySequence<byte>(frame));

    /// <summary>Begins to read a frame, behind its length, in the pieces in which it lies.</summary>
    public void Open(in ReadOnlySequence<byte> frame)
    {
        _frame = frame;
        _next = frame.Start;
        _frame.TryGet(ref _next, out _piece);
        _length = (int)frame.Length;
        _pieceAt = _position = 0;
        _elements = 0;
    }

    /// <summary>Lets go of the frame.</summary>
    public void Close() => Open(ReadOnlySequence<byte>.Empty);

    public RequestHeader ReadHeader()
    {
        Begin(0, int.MaxValue);
        short key = 0, version = 0;
        var correlationId = 0;
        Int16Core(ref key);
        Int16Core(ref version);
        Int32Core(ref correlationId);
        return new RequestHeader(key, version, correlationId);
    }

    /// <summary>The second half of a request's header, whose form depends on the API. The client id has the classic encoding in every version.</summary>
    public string? ReadClientId(bool isFlexible)
    {
        Begin(0, int.MaxValue);
        string? clientId = null;
        StringCore(ref clientId, isNullable: true);
        if (isFlexible)
            SkipTags();
        return clientId;
    }

    /// <summary>The header of an answer, as a client reads it.</summary>
    public int ReadAnswerHeader(bool isFlexible)
    {
        Begin(0, int.MaxValue);
        var correlationId = 0;
        Int32Core(ref correlationId);
        if (isFlexible)
            SkipTags();
        return correlationId;
    }

    /// <summary>The body, which is the rest of the frame.</summary>
    public void ReadBody(IMessage body, short version, int flexibleFrom)
    {
        Begin(version, flexibleFrom);
        ReadStruct(body);
        if (Remaining is > 0 and var surplus && !TakeSurplusOfLibrdkafka())
            throw new ProtocolException($"{surplus} bytes stand behind the body of {body.GetType().Name} v{version}.");
    }

    /// <summary>
    /// librdkafka ends AlterUserScramCredentials with an empty tag section too many, and asks for the metadata of all topics with a null array that is four
    /// bytes long instead of one, which pushes two flags and a tag section out of the body. Kafka looks at nothing behind a body.
    /// </summary>
    private bool TakeSurplusOfLibrdkafka() => IsFlexible && Remaining <= SurplusBytesMax && !Take(Remaining).ContainsAnyExceptInRange((byte)0, (byte)1);

    protected override void Int8Core(ref sbyte value) => value = (sbyte)Take(1)[0];

    protected override void Int16Core(ref short value) => value = BinaryPrimitives.ReadInt16BigEndian(Take(sizeof(short)));

    protected override void Int32Core(ref int value) => value = BinaryPrimitives.ReadInt32BigEndian(Take(sizeof(int)));

    protected override void Int64Core(ref long value) => value = BinaryPrimitives.ReadInt64BigEndian(Take(sizeof(long)));

    protected override void UuidCore(ref Guid value) => value = new Guid(Take(16), bigEndian: true);

    protected override void StringCore(ref string? value, bool isNullable)
    {
        int length;
        if (IsFlexible)
            length = CompactLength();
        else
        {
            short classic = 0;
            Int16Core(ref classic);
            length = classic;
        }
        if (Refuse(length, isNullable) || length > short.MaxValue)
            throw new ProtocolException($"A string of length {length}.");
        value = length < 0 ? null : Text(Take(length));
    }

    protected override void BytesCore(ref byte[] value) => value = Take(BytesLength(isNullable: false)).ToArray();

    protected override void RecordsCore(ref RecordBytes value)
    {
        var length = BytesLength(isNullable: true);
        if (length < 0)
        {
            value = default;
            return;
        }
        RequireRemaining(length);
        var first = TakePiece(length);
        if (first.Length < Math.Min(length, BatchHeader.Size))
            // Whoever takes the batch finds its header in one piece.
            first = (byte[])[.. first.Span, .. Join(Math.Min(length, BatchHeader.Size) - first.Length)];
        value = new RecordBytes(first, first.Length < length ? TakePieces(length - first.Length) : null);
    }

    protected override void Int32sCore(ref int[]? value, bool isNullable)
    {
        var count = Count(isNullable, bytesEach: sizeof(int));
        if (count < 0)
        {
            value = null;
            return;
        }
        value = count == 0 ? [] : new int[count];
        for (var i = 0; i < count; i++)
            Int32Core(ref value[i]);
    }

    protected override void Int64sCore(ref long[] value)
    {
        var count = Count(isNullable: false, bytesEach: sizeof(long));
        value = count == 0 ? [] : new long[count];
        for (var i = 0; i < count; i++)
            Int64Core(ref value[i]);
    }

    protected override void StringsCore(ref string[]? value, bool isNullable)
    {
        var count = Count(isNullable, bytesEach: 1);
        if (count < 0)
        {
            value = null;
            return;
        }
        value = count == 0 ? [] : new string[count];
        for (var i = 0; i < count; i++)
            StringCore(ref value[i]!, isNullable: false);
    }

    protected override void ArrayCore<T>(ref T[]? value, bool isNullable)
    {
        var count = Count(isNullable, bytesEach: 1);
        if (count < 0)
        {
            value = null;
            return;
        }
        value = count == 0 ? [] : new T[count];
        for (var i = 0; i < count; i++)
        {
            value[i] = new T();
            ReadStruct(value[i]);
        }
    }

    protected override void StructCore<T>(ref T value)
    {
        value = new T();
        ReadStruct(value);
    }

    protected override bool TagCore(int tag, bool isSet) => tag == _tag;

    private void ReadStruct(IMessage message)
    {
        message.Fields(this);
        if (!IsFlexible)
            return;
        // This structure may itself be the content of a tag.
        var outer = _tag;
        ReadTags(message);
        _tag = outer;
    }

    private void ReadTags(IMessage message)
    {
        for (var count = TagCount(); count > 0; count--)
        {
            var tag = VarUInt();
            var size = TagSize();
            var end = _position + size;
            _tag = tag;
            message.Tagged(this);
            if (_position > end)
                throw new ProtocolException($"Tag {tag} of {message.GetType().Name} is longer than its size.");
            // Either nobody knows the tag, or it has grown since.
            Skip(end - _position);
        }
    }

    private void SkipTags()
    {
        for (var count = TagCount(); count > 0; count--)
        {
            VarUInt();
            Skip(TagSize());
        }
    }

    private uint TagCount()
    {
        var count = VarUInt();
        // A tag without bytes takes two: its number and its size.
        return count <= Remaining / 2 ? count : throw new ProtocolException($"{count} tags in {Remaining} bytes.");
    }

    private int TagSize()
    {
        var size = VarUInt();
        return size <= Remaining ? (int)size : throw new ProtocolException($"A tag of {size} bytes, of which {Remaining} are there.");
    }

    private int BytesLength(bool isNullable)
    {
        var length = 0;
        if (IsFlexible)
            length = CompactLength();
        else
            Int32Core(ref length);
        return Refuse(length, isNullable) ? throw new ProtocolException($"Bytes of length {length}.") : length;
    }

    private int Count(bool isNullable, int bytesEach)
    {
        var count = 0;
        if (IsFlexible)
            count = CompactLength();
        else
            Int32Core(ref count);
        if (Refuse(count, isNullable) || count > Remaining / bytesEach)
            throw new ProtocolException($"An array of {count} elements in {Remaining} bytes.");
        if (count > 0 && (_elements += count) > ElementsMax)
            throw new ProtocolException($"More than {ElementsMax} elements.");
        return count;
    }

    /// <summary>Of whatever has a length, −1 is null and less is nonsense.</summary>
    private static bool Refuse(int length, bool isNullable) => length < (isNullable ? -1 : 0);

    private int CompactLength()
    {
        var length = VarUInt();
        return length <= int.MaxValue ? (int)length - 1 : throw new ProtocolException($"A length of {length - 1L}.");
    }

    private uint VarUInt()
    {
        var value = 0u;
        for (var shift = 0; shift < 35; shift += 7)
        {
            var next = Take(1)[0];
            if (shift == 28 && next > LastVarIntByteMax)
                break;
            value |= (uint)(next & 0x7F) << shift;
            if (next < 0x80)
                return value;
        }
        throw new ProtocolException("A number of variable length has more than 32 bits.");
    }

    private static string Text(ReadOnlySpan<byte> utf8)
    {
        try
        {
            return s_utf8.GetString(utf8);
        }
        catch (DecoderFallbackException)
        {
            throw new ProtocolException("A string is not UTF-8.");
        }
    }

    private ReadOnlySpan<byte> Take(int length)
    {
        RequireRemaining(length);
        var at = _position - _pieceAt;
        if (length > _piece.Length - at)
            return Join(length);
        _position += length;
        return _piece.Span.Slice(at, length);
    }

    private void RequireRemaining(int length)
    {
        if ((uint)length > (uint)Remaining)
            throw new ProtocolException($"{length} bytes are missing at byte {_position} of a frame of {_length}.");
    }

    /// <summary>A field that crosses from one piece into the next.</summary>
    private byte[] Join(int length)
    {
        var joined = new byte[length];
        for (var at = 0; at < length;)
        {
            var piece = TakePiece(length - at);
            piece.Span.CopyTo(joined.AsSpan(at));
            at += piece.Length;
        }
        return joined;
    }

    private ReadOnlyMemory<byte>[] TakePieces(int length)
    {
        var pieces = new List<ReadOnlyMemory<byte>>();
        for (; length > 0; length -= pieces[^1].Length)
            pieces.Add(TakePiece(length));
        return [.. pieces];
    }

    private void Skip(int length)
    {
        while (length > 0)
            length -= TakePiece(length).Length;
    }

    /// <summary>What lies in one piece of the next bytes, of which there are <paramref name="bytesMax"/>; none only when that is 0.</summary>
    private ReadOnlyMemory<byte> TakePiece(int bytesMax)
    {
        while (_position - _pieceAt == _piece.Length && bytesMax > 0)
        {
            _pieceAt += _piece.Length;
            _frame.TryGet(ref _next, out _piece);
        }
        var rest = _piece[(_position - _pieceAt)..];
        var taken = rest[..Math.Min(rest.Length, bytesMax)];
        _position += taken.Length;
        return taken;
    }
}
