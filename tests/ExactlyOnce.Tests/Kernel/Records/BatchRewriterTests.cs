using CsCheck;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Serialization;

namespace ExactlyOnce.Tests.Kernel.Records;

public class BatchRewriterTests
{
    private const long T = GoldenBatch.T;

    [Fact]
    public void What_is_kept_keeps_offset_sequence_time_and_bytes() => Gen.Select(TestRecord.Batch, Gen.Int, Gen.Bool, Gen.Bool).Sample(
        (records, pattern, hasHorizon, isCompressed) =>
        {
            var original = TestRecord.Encode(records);
            BatchHeader.Place(original, 500, 7);
            var rewriter = new BatchRewriter();

            var header = Rewrite(rewriter, original, hasHorizon ? T + 5000 : null, delta => (pattern >> delta & 1) != 0, isCompressed ? GzipCodec.Instance : null);

            var batch = rewriter.Bytes.ToArray();
            var before = BatchHeader.Read(original);
            BatchHeader.HasValidCrc(batch).Should().BeTrue();
            BatchHeader.Read(batch).Should().Be(header);
            (header.BaseOffset, header.LastOffset, header.LeaderEpoch, header.Producer, header.LastSequence)
                .Should().Be((500, before.LastOffset, 7, before.Producer, before.LastSequence));
            var kept = records.Where((_, delta) => (pattern >> delta & 1) != 0).ToList();
            TestRecord.ReadAll(new BatchDecompressor(_ => GzipCodec.Instance, 1 << 20).Open(header, batch)).Should().Equal(kept);
            header.RecordCount.Should().Be(kept.Count);
            header.HasDeleteHorizon.Should().Be(hasHorizon);
            if (hasHorizon)
                header.BaseTimestamp.Should().Be(T + 5000);
            if (kept.Count > 0)
                header.MaxTimestamp.Should().Be(kept.Max(r => r.TimestampMs));
        }, iter: 200);

    [Fact]
    public void A_batch_without_records_still_tells_its_producers_last_sequence()
    {
        var rewriter = new BatchRewriter();

        var header = Rewrite(rewriter, GoldenBatch.Three, null, _ => false, GzipCodec.Instance);

        rewriter.Bytes.Length.Should().Be(BatchHeader.Size);
        (header.RecordCount, header.LastOffsetDelta, header.LastSequence, header.BaseTimestamp, header.MaxTimestamp, header.Compression)
            .Should().Be((0, 2, 0, -1, T + 5, CompressionType.None));
    }

    [Fact]
    public void A_delete_horizon_once_set_stays()
    {
        var rewriter = new BatchRewriter();
        Rewrite(rewriter, GoldenBatch.Three, T + 9, _ => true, null);
        var first = rewriter.Bytes.ToArray();

        var header = Rewrite(rewriter, first, null, delta => delta > 0, null);

        (header.HasDeleteHorizon, header.BaseTimestamp).Should().Be((true, T + 9));
        TestRecord.ReadAll(BatchReader.Open(rewriter.Bytes.Span)).Select(r => r.TimestampMs).Should().Equal(T - 1000, T + 5);
    }

    [Fact]
    public void An_append_time_stays_that_of_the_batch_and_the_producers_time_in_the_records()
    {
        var original = GoldenBatch.Three.ToArray();
        BatchTimestamps.StampAppendTime(original, T + 777);
        var rewriter = new BatchRewriter();

        Rewrite(rewriter, original, null, delta => delta == 1, null).MaxTimestamp.Should().Be(T + 777);

        var reader = BatchReader.Open(rewriter.Bytes.Span);
        reader.MoveNext().Should().BeTrue();
        (reader.TimestampMs, reader.RecordedTimestampMs, reader.Sequence).Should().Be((T + 777, T - 1000, int.MaxValue));
    }

    [Fact]
    public void A_marker_gets_its_horizon_and_stays_a_marker()
    {
        var rewriter = new BatchRewriter();
        Rewrite(rewriter, GoldenBatch.Commit, T + 9, _ => true, null);

        ControlBatch.TryReadMarker(rewriter.Bytes.Span, out var marker).Should().BeTrue();
        marker.Should().Be(new TransactionMarker(true, new ProducerIdentity(4711, 4), 7, T));
    }

    private static BatchHeader Rewrite(BatchRewriter rewriter, byte[] original, long? horizon, Func<int, bool> keeps, ICompressionCodec? codec)
    {
        rewriter.Begin(BatchHeader.Read(original), horizon);
        var reader = BatchReader.Open(original);
        while (reader.MoveNext())
            if (keeps(reader.OffsetDelta))
                rewriter.Keep(reader);
        return rewriter.Seal(codec);
    }
}
