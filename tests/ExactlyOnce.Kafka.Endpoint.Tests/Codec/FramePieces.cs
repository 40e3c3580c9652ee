using System.Buffers;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Codec;

/// <summary>A frame as a connection receives it: in pieces.</summary>
internal static class FramePieces
{
    public static ReadOnlySequence<byte> Cut(byte[] frame, int pieceBytes)
    {
        Segment? first = null, last = null;
        foreach (var piece in frame.Chunk(pieceBytes))
        {
            last = last?.Append(piece) ?? new Segment(piece);
            first ??= last;
        }
        return first is null ? ReadOnlySequence<byte>.Empty : new ReadOnlySequence<byte>(first, 0, last!, last!.Memory.Length);
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(byte[] piece) => Memory = piece;

        public Segment Append(byte[] piece)
        {
            var next = new Segment(piece) { RunningIndex = RunningIndex + Memory.Length };
            Next = next;
            return next;
        }
    }
}
