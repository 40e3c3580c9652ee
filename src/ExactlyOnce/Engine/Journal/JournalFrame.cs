using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Engine.Journal;

/// <summary>
/// One state change on its way into the journal: a list of pieces, one for each owner it concerns.
/// <code>
/// frame:  0 i32 length, these 14 bytes included   4 i64 broker time, Unix ms   12 u16 piece count   14 pieces
/// piece:  0 u8 owner kind   1 i32 topic   5 i32 partition index   9 u8 piece kind   10 i32 payload length   14 payload
/// </code>
/// Small parts are copied; large ones are referenced and must not change until the frame is visible. Pooled: rented from the journal, filled by one
/// thread, given back by the journal after it was published. A frame that is not linked is given back with <see cref="JournalWriter.Return"/>.
/// </summary>
internal sealed class JournalFrame : IBufferWriter<byte>
{
    public const int PiecesMax = ushort.MaxValue;

    /// <summary>Below this copying costs less than another segment.</summary>
    public const int ReferenceBytesMin = 4 * 1024;

    private const int InitialBytes = 512;
    private const int KeptBytesMax = 64 * 1024;
    private const int NoPiece = -1;

    private readonly List<Reference> _references = [];
    private readonly List<IVisibilityListener> _touched = [];
    private byte[] _bytes = new byte[InitialBytes];
    private int _count;
    private long _referencedBytes;
    private int _pieces;
    private int _pieceAt = NoPiece;
    private long _piecePayloadFrom;

    /// <summary>Bytes the frame takes in the journal; by so much the LSN advances.</summary>
    public long Length => _count + _referencedBytes;

    /// <summary>End of the frame in the journal, once reserved: durable when the visible LSN has reached it.</summary>
    public long Lsn { get; internal set; }

    /// <summary>The next frame of the queue; belongs to whoever owns the chain.</summary>
    internal JournalFrame? Next { get; set; }

    internal int SegmentCount => _references.Count * 2 + 1;

    internal IReadOnlyList<IVisibilityListener> Touched => _touched;

    /// <summary>Starts an empty frame.</summary>
    public void Begin(long brokerTimeMs)
    {
        Debug.Assert(_count == 0, "A rented frame is empty.");
        var header = GetSpan(JournalFormat.FrameHeaderBytes);
        BinaryPrimitives.WriteInt64LittleEndian(header[4..], brokerTimeMs);
        _count = JournalFormat.FrameHeaderBytes;
    }

    /// <summary>Adds a piece whose payload is copied.</summary>
    public void Add(byte ownerKind, PartitionKey partition, byte pieceKind, ReadOnlySpan<byte> payload)
    {
        BeginPiece(ownerKind, partition, pieceKind);
        payload.CopyTo(GetSpan(payload.Length));
        Advance(payload.Length);
        EndPiece();
    }

    /// <summary>Adds a piece whose payload stays where it is, when it is large; it must not change until the frame is visible.</summary>
    public void AddReference(byte ownerKind, PartitionKey partition, byte pieceKind, ReadOnlyMemory<byte> payload)
    {
        BeginPiece(ownerKind, partition, pieceKind);
        Append(payload);
        EndPiece();
    }

    /// <summary>Starts a piece; its payload is written through <see cref="GetSpan"/> and <see cref="Append"/> until <see cref="EndPiece"/>.</summary>
    public void BeginPiece(byte ownerKind, PartitionKey partition, byte pieceKind)
    {
        Debug.Assert(_count > 0 && _pieceAt == NoPiece, "A piece begins in a begun frame, after the last one ended.");
        if (_pieces == PiecesMax)
            throw new InvalidOperationException($"A frame has at most {PiecesMax} pieces; what is enrolled must be limited before.");
        var header = GetSpan(JournalFormat.PieceHeaderBytes);
        header[0] = ownerKind;
        BinaryPrimitives.WriteInt32LittleEndian(header[1..], partition.Topic);
        BinaryPrimitives.WriteInt32LittleEndian(header[5..], partition.Index);
        header[9] = pieceKind;
        _pieceAt = _count;
        _count += JournalFormat.PieceHeaderBytes;
        _piecePayloadFrom = Length;
        _pieces++;
    }

    /// <summary>Adds to the payload of the current piece: referenced when large, copied otherwise.</summary>
    public void Append(ReadOnlyMemory<byte> part)
    {
        Debug.Assert(_pieceAt != NoPiece, "A payload belongs to a piece.");
        if (part.Length < ReferenceBytesMin)
        {
            part.Span.CopyTo(GetSpan(part.Length));
            _count += part.Length;
            return;
        }
        _references.Add(new Reference(_count, part));
        _referencedBytes += part.Length;
    }

    public void EndPiece()
    {
        Debug.Assert(_pieceAt != NoPiece, "Only a begun piece ends.");
        BinaryPrimitives.WriteInt32LittleEndian(_bytes.AsSpan(_pieceAt + 10), checked((int)(Length - _piecePayloadFrom)));
        _pieceAt = NoPiece;
    }

    /// <summary>This listener is told when the frame has become visible: a partition that may have readers waiting.</summary>
    public void Touch(IVisibilityListener listener) => _touched.Add(listener);

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        EnsureRoom(sizeHint);
        return _bytes.AsSpan(_count);
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        EnsureRoom(sizeHint);
        return _bytes.AsMemory(_count);
    }

    public void Advance(int count)
    {
        Debug.Assert(count >= 0 && _count + count <= _bytes.Length, "Only what was asked for is written.");
        _count += count;
    }

    /// <summary>Completes the header; nothing is added after this.</summary>
    internal void Seal()
    {
        Debug.Assert(_count >= JournalFormat.FrameHeaderBytes && _pieceAt == NoPiece, "A frame is sealed when it has begun and its pieces have ended.");
        BinaryPrimitives.WriteInt32LittleEndian(_bytes, checked((int)Length));
        BinaryPrimitives.WriteUInt16LittleEndian(_bytes.AsSpan(12), (ushort)_pieces);
    }

    /// <summary>The frame's bytes in order: copied parts at even indexes (some empty), referenced ones between them.</summary>
    internal ReadOnlySpan<byte> Segment(int index)
    {
        var (reference, isReference) = (index >> 1, (index & 1) != 0);
        if (isReference)
            return _references[reference].Part.Span;
        var from = reference == 0 ? 0 : _references[reference - 1].At;
        var to = reference == _references.Count ? _count : _references[reference].At;
        return _bytes.AsSpan(from, to - from);
    }

    /// <summary>Empties the frame for its next use. What it referenced is let go, and so is a buffer that one large frame has blown up.</summary>
    internal void Reset()
    {
        _references.Clear();
        _touched.Clear();
        if (_bytes.Length > KeptBytesMax)
            _bytes = new byte[InitialBytes];
        _count = 0;
        _referencedBytes = 0;
        _pieces = 0;
        _pieceAt = NoPiece;
        Lsn = 0;
        Next = null;
    }

    private void EnsureRoom(int bytes)
    {
        bytes = Math.Max(bytes, 1);
        if (_bytes.Length - _count < bytes)
            Array.Resize(ref _bytes, (int)Math.Min(Array.MaxLength, Math.Max(_bytes.Length * 2L, _count + (long)bytes)));
    }

    /// <summary>A part that stands between the copied bytes, in front of position <paramref name="At"/>.</summary>
    private readonly record struct Reference(int At, ReadOnlyMemory<byte> Part);
}
