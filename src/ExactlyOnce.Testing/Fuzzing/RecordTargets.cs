using System.Buffers.Binary;
using System.Text;
using ExactlyOnce.Clients.Consuming;
using ExactlyOnce.Engine.Backend;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Kernel.Transactions;
using ExactlyOnce.Serialization;

namespace ExactlyOnce.Testing.Fuzzing;

/// <summary>Record batches, as clients send them and files hold them, and the small things of clients.</summary>
internal static class RecordTargets
{
    private const int ExpandedBytesMax = 64 << 10;
    private const long NowMs = 1_767_225_600_000;

    public static IEnumerable<FuzzTarget> Create()
    {
        yield return new FuzzTarget("batch-sequence", WalkBatches) { Refusal = typeof(CorruptRecordException), Seeds = SampleParts.Runs };
        var decompressor = new BatchDecompressor(new Codecs([]).Find, ExpandedBytesMax);
        yield return new FuzzTarget("records", input => ReadRecords(input, decompressor))
        {
            Refusal = typeof(CorruptRecordException),
            FixUp = FixBatch,
            Seeds = SampleParts.Batches,
            // The buffer that a compressed batch grows, by doubling, up to its cap.
            AllocatedBytesBase = 4 * ExpandedBytesMax,
        };
        yield return new FuzzTarget("markers", input => ControlBatch.TryReadMarker(input, out _))
        {
            Refusal = typeof(CorruptRecordException), FixUp = FixBatch, Seeds = SampleParts.Markers,
        };
        var expanded = new GrowableBuffer();
        yield return new FuzzTarget("gzip", input => Expand(input, expanded))
        {
            Refusal = typeof(InvalidDataException), Seeds = SampleParts.GzipBlocks, AllocatedBytesBase = 4 * ExpandedBytesMax,
        };
        yield return new FuzzTarget("varint", ReadVarInt) { Seeds = () => [[0], [0x80, 0x01], [0xFF, 0xFF, 0xFF, 0xFF, 0x0F], [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]], InputBytesMax = 16 };
        yield return new FuzzTarget("prepared-token", ReadToken) { Seeds = () => [Encoding.UTF8.GetBytes("outer:4:1"), Encoding.UTF8.GetBytes("a:b:9223372036854775807:32767")], InputBytesMax = 128, AllocatedBytesPerByte = 16 };
        yield return new FuzzTarget("text", ReadText) { Refusal = typeof(FormatException), Seeds = () => [Encoding.UTF8.GetBytes("Grüße, 世界 🎉")], InputBytesMax = 256 };
    }

    /// <summary>Makes one batch of the bytes: length, magic and checksum.</summary>
    public static void FixBatch(Span<byte> input)
    {
        if (input.Length < BatchHeader.Size)
            return;
        BinaryPrimitives.WriteInt32BigEndian(input[BatchHeader.LengthAt..], input.Length - BatchHeader.LengthOverhead);
        input[BatchHeader.MagicAt] = BatchHeader.Magic;
        BinaryPrimitives.WriteUInt32BigEndian(input[BatchHeader.CrcAt..], BatchHeader.ComputeCrc(input));
    }

    private static void WalkBatches(ReadOnlySpan<byte> input)
    {
        var sequence = new BatchSequence(input);
        var end = 0;
        while (sequence.MoveNext())
        {
            FuzzTargets.Require(sequence.Position == end && sequence.Batch.Length >= BatchHeader.Size, "batches follow each other");
            end += sequence.Batch.Length;
        }
        FuzzTargets.Require(end == input.Length, "nothing is left over");
    }

    /// <summary>What the broker accepts from a client must be what every reader of the log can read, to the same records.</summary>
    private static void ReadRecords(ReadOnlySpan<byte> input, BatchDecompressor decompressor)
    {
        var verdict = BatchValidation.Decide(input, new BatchRules { MaxBatchBytes = 1 << 20 }, NowMs, decompressor);
        FuzzTargets.Require(verdict == InPieces(input, decompressor), "a batch in pieces is judged as it is in one");
        if (!BatchHeader.TryRead(input, out var header) || header.SizeInBytes != input.Length || !decompressor.Supports(header.Compression))
            return;
        try
        {
            CompareReaders(header, decompressor.Decompress(header, input));
        }
        catch (CorruptRecordException exception) when (verdict.IsAccepted)
        {
            throw new FuzzFailure("a batch that was accepted cannot be read", exception);
        }
    }

    /// <summary>As it would come over a network in small pieces, whose size follows from the input.</summary>
    private static BatchValidity InPieces(ReadOnlySpan<byte> input, BatchDecompressor decompressor)
    {
        var first = Math.Min(input.Length, BatchHeader.Size);
        var copy = input[first..].ToArray();
        var size = copy.Length == 0 ? 1 : 1 + Math.Max(copy[^1], copy.Length / 64);
        var pieces = new ReadOnlyMemory<byte>[(copy.Length + size - 1) / size];
        for (var i = 0; i < pieces.Length; i++)
            pieces[i] = copy.AsMemory(i * size, Math.Min(size, copy.Length - (i * size)));
        return BatchValidation.Decide(new BatchBytes(input[..first], pieces), new BatchRules { MaxBatchBytes = 1 << 20 }, NowMs, decompressor);
    }

    private static void CompareReaders(in BatchHeader header, ReadOnlySpan<byte> records)
    {
        var reader = new BatchReader(header, records);
        var at = 0;
        var slot = default(RecordSlot);
        while (reader.MoveNext())
        {
            slot.Decode(header, records, at);
            at = slot.End;
            var record = reader.Current;
            FuzzTargets.Require(
                slot.Offset == record.Offset && slot.TimestampMs == record.TimestampMs && slot.Key(records).SequenceEqual(record.Key)
                && slot.Value(records).SequenceEqual(record.Value) && slot.HeaderCount == record.Headers.Count,
                "the broker's reader and the client's read the same record");
            var headers = record.Headers;
            var bytes = 0;
            while (headers.MoveNext())
                bytes += headers.Key.Length + headers.Value.Length;
            FuzzTargets.Require(bytes <= records.Length, "headers lie in their batch");
        }
    }

    private static void Expand(ReadOnlySpan<byte> input, GrowableBuffer expanded)
    {
        expanded.Clear(ExpandedBytesMax);
        GzipCodec.Instance.Decompress(input, expanded, ExpandedBytesMax);
        FuzzTargets.Require(expanded.Length <= ExpandedBytesMax, "no more than allowed");
    }

    private static void ReadVarInt(ReadOnlySpan<byte> input)
    {
        Span<byte> again = stackalloc byte[VarInt.MaxLength64];
        if (VarInt.TryRead64(input, out var wide, out var length))
            FuzzTargets.Require(again[..VarInt.Write(again, wide)].SequenceEqual(input[..length]), "a number has one form");
        if (VarInt.TryRead(input, out var narrow, out var narrowLength))
            FuzzTargets.Require(narrow == wide && narrowLength == length, "both widths read the same number");
    }

    private static void ReadToken(ReadOnlySpan<byte> input)
    {
        var token = Encoding.UTF8.GetString(input);
        if (PreparedToken.TryParse(token, out var id, out var transaction))
            FuzzTargets.Require(
                PreparedToken.TryParse(PreparedToken.Format(id, transaction), out var again, out var same) && again == id && same == transaction,
                "a token that is understood can be written again");
    }

    private static void ReadText(ReadOnlySpan<byte> input) =>
        FuzzTargets.Require(Encoding.UTF8.GetBytes(Serdes.Utf8.Deserialize(input)).AsSpan().SequenceEqual(input), "text keeps its bytes");
}
