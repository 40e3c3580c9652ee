using CsCheck;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Serialization;

namespace ExactlyOnce.Tests.Kernel.Records;

/// <summary>A batch that lies in several pieces is judged and copied as if it lay in one.</summary>
public sealed class BatchBytesTests
{
    private const long T = GoldenBatch.T;

    public static TheoryData<byte[]> Batches => [GoldenBatch.Simple, GoldenBatch.Three, GoldenBatch.Transactional, GoldenBatch.Gzip, Large(CompressionType.None), Large(CompressionType.Gzip)];

    [Theory, MemberData(nameof(Batches))]
    public void A_batch_is_judged_and_copied_alike_however_it_is_cut(byte[] batch)
    {
        foreach (var pieceBytes in new[] { 1, 2, 3, 7, 64, 1000 })
        {
            Decide(Cut(batch, BatchHeader.Size, pieceBytes)).Should().Be(Decide(batch)).And.Match<BatchValidity>(validity => validity.IsAccepted);
            Copy(Cut(batch, BatchHeader.Size, pieceBytes)).Should().Equal(batch);
        }
        for (var at = BatchHeader.Size; at <= Math.Min(batch.Length, 1000); at++)
            Decide(Cut(batch, at, batch.Length)).Should().Be(Decide(batch));
    }

    [Fact]
    public void Damage_is_found_at_the_same_record_however_the_batch_is_cut() =>
        Gen.Select(Gen.Int[BatchHeader.Size, GoldenBatch.Three.Length - 1], Gen.Byte, Gen.Int[1, 20]).Sample((at, value, pieceBytes) =>
        {
            var batch = GoldenBatch.Three.ToArray();
            batch[at] = value;
            BatchHeader.WriteWithCrc(batch, BatchHeader.Read(batch));

            Decide(Cut(batch, BatchHeader.Size, pieceBytes)).Should().Be(Decide(batch));
        }, iter: 2000);

    [Fact]
    public void A_batch_without_its_last_bytes_is_refused_however_it_is_cut()
    {
        for (var length = BatchHeader.Size; length < GoldenBatch.Three.Length; length++)
        {
            var batch = GoldenBatch.Three[..length];
            Decide(Cut(batch, BatchHeader.Size, 3)).Verdict.Should().Be(BatchVerdict.Malformed);

            // The same with a header that fits: now a record is cut off.
            BatchHeader.WriteWithCrc(batch, BatchHeader.Read(batch) with { SizeInBytes = length });
            Decide(Cut(batch, BatchHeader.Size, 3)).Should().Be(Decide(batch)).And.Match<BatchValidity>(validity => validity.Verdict == BatchVerdict.DamagedRecords);
        }
    }

    [Fact]
    public void A_wrong_byte_in_any_piece_is_seen_by_the_checksum()
    {
        for (var at = BatchHeader.AttributesAt; at < GoldenBatch.Three.Length; at++)
        {
            var batch = GoldenBatch.Three.ToArray();
            batch[at] ^= 1;

            BatchHeader.HasValidCrc(Cut(batch, BatchHeader.Size, 5)).Should().BeFalse();
        }
        BatchHeader.HasValidCrc(Cut(GoldenBatch.Three, BatchHeader.Size, 5)).Should().BeTrue();
    }

    [Fact]
    public void The_largest_timestamp_is_corrected_in_the_first_piece_under_the_checksum_of_all()
    {
        var batch = GoldenBatch.Three.ToArray();
        BatchHeader.WriteWithCrc(batch, BatchHeader.Read(batch) with { MaxTimestamp = T });
        var first = batch[..70];

        BatchTimestamps.CorrectMaxTimestamp(first, T + 5, [batch.AsMemory(70)]);

        first.Concat(batch.Skip(70)).Should().Equal(GoldenBatch.Three);
    }

    private static BatchValidity Decide(BatchBytes batch) => BatchValidation.Decide(batch, new BatchRules(), T, new BatchDecompressor(type => type == CompressionType.Gzip ? GzipCodec.Instance : null, 1 << 20));

    private static byte[] Copy(BatchBytes batch)
    {
        var copy = new byte[batch.Length];
        batch.CopyTo(copy);
        batch.Join().ToArray().Should().Equal(copy);
        return copy;
    }

    private static BatchBytes Cut(byte[] batch, int firstBytes, int pieceBytes) =>
        new(batch.AsSpan(0, firstBytes), [.. batch[firstBytes..].Chunk(pieceBytes).Select(piece => new ReadOnlyMemory<byte>(piece))]);

    /// <summary>Records of all sizes up to several pieces, with keys, headers, empty and absent values.</summary>
    private static byte[] Large(CompressionType compression)
    {
        var writer = new BatchWriter();
        var headers = new RecordHeaders([new RecordHeader("trace", "0123456789"u8.ToArray())]);
        for (var i = 0; i < 60; i++)
            writer.TryAppend(T + i, new byte[i], i % 3 != 0, new byte[i * 41], i % 7 != 0, i % 5 == 0 ? headers : null, int.MaxValue).Should().BeTrue();
        writer.Seal(ProducerIdentity.None, Sequence.None, BatchAttributes.None, compression == CompressionType.None ? null : GzipCodec.Instance);
        return writer.Bytes.ToArray();
    }
}
