using System.Buffers.Binary;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Engine.Journal;

/// <summary>
/// A frame as recovery reads it; laid out as <see cref="JournalFrame"/> says. Its bytes are the reader's and valid until the next frame is read.
/// </summary>
internal readonly struct JournalFrameView
{
    private readonly ReadOnlyMemory<byte> _bytes;

    private JournalFrameView(long lsn, ReadOnlyMemory<byte> bytes)
    {
        Lsn = lsn;
        _bytes = bytes;
    }

    /// <summary>End of the frame in the journal.</summary>
    public long Lsn { get; }

    public int Length => _bytes.Length;

    public long BrokerTimeMs => BinaryPrimitives.ReadInt64LittleEndian(_bytes.Span[4..]);

    public int PieceCount => BinaryPrimitives.ReadUInt16LittleEndian(_bytes.Span[12..]);

    public Enumerator GetEnumerator() => new(_bytes);

    /// <summary>
    /// Takes the first frame of <paramref name="source"/>, which starts at LSN <paramref name="baseLsn"/>; false when its lengths do not add up.
    /// </summary>
    public static bool TryRead(long baseLsn, ReadOnlyMemory<byte> source, out JournalFrameView frame)
    {
        frame = default;
        if (source.Length < JournalFormat.FrameHeaderBytes)
            return false;
        var length = BinaryPrimitives.ReadInt32LittleEndian(source.Span);
        if (length < JournalFormat.FrameHeaderBytes || length > source.Length)
            return false;
        frame = new JournalFrameView(baseLsn + length, source[..length]);
        return HasWholePieces(source.Span[..length], frame.PieceCount);
    }

    private static bool HasWholePieces(ReadOnlySpan<byte> frame, int count)
    {
        var rest = frame[JournalFormat.FrameHeaderBytes..];
        for (var piece = 0; piece < count; piece++)
        {
            if (rest.Length < JournalFormat.PieceHeaderBytes)
                return false;
            var payload = BinaryPrimitives.ReadInt32LittleEndian(rest[10..]);
            if (payload < 0 || payload > rest.Length - JournalFormat.PieceHeaderBytes)
                return false;
            rest = rest[(JournalFormat.PieceHeaderBytes + payload)..];
        }
        return rest.IsEmpty;
    }

    /// <summary>Walks the pieces in order.</summary>
    public struct Enumerator(ReadOnlyMemory<byte> frame)
    {
        private ReadOnlyMemory<byte> _rest = frame[JournalFormat.FrameHeaderBytes..];

        public JournalPiece Current { get; private set; }

        public bool MoveNext()
        {
            if (_rest.IsEmpty)
                return false;
            var header = _rest.Span;
            var end = JournalFormat.PieceHeaderBytes + BinaryPrimitives.ReadInt32LittleEndian(header[10..]);
            Current = new JournalPiece(
                header[0],
                new PartitionKey(BinaryPrimitives.ReadInt32LittleEndian(header[1..]), BinaryPrimitives.ReadInt32LittleEndian(header[5..])),
                header[9],
                _rest[JournalFormat.PieceHeaderBytes..end]);
            _rest = _rest[end..];
            return true;
        }
    }
}

/// <summary>What one owner does about a frame. Which kinds there are is the owners' affair; the journal carries them.</summary>
internal readonly record struct JournalPiece(byte OwnerKind, PartitionKey Partition, byte Kind, ReadOnlyMemory<byte> Payload);
