using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Serialization;

namespace ExactlyOnce.Tests.Kernel.Records;

public class BatchValidationTests
{
    private const long T = GoldenBatch.T;

    private static readonly BatchDecompressor s_gzipOnly = new(type => type == CompressionType.Gzip ? GzipCodec.Instance : null, 1 << 20);

    [Fact]
    public void Well_formed_batches_are_accepted()
    {
        Decide(GoldenBatch.Simple).Should().Be(new BatchValidity(BatchVerdict.Accepted) { RecordsMaxTimestamp = T });
        Decide(GoldenBatch.Three).Should().Be(new BatchValidity(BatchVerdict.Accepted) { RecordsMaxTimestamp = T + 5 });
        Decide(GoldenBatch.Transactional).IsAccepted.Should().BeTrue();
        Decide(GoldenBatch.Gzip).IsAccepted.Should().BeTrue();
        Decide(GoldenBatch.Simple).Error.Should().Be(ErrorCode.None);
    }

    [Fact]
    public void A_request_has_exactly_one_batch_per_partition()
    {
        Refuses([.. GoldenBatch.Simple, .. GoldenBatch.Simple], BatchVerdict.NotOneBatch, ErrorCode.InvalidRecord);
        Refuses([.. GoldenBatch.Simple, 0], BatchVerdict.NotOneBatch, ErrorCode.InvalidRecord);
        Refuses([], BatchVerdict.Malformed, ErrorCode.CorruptMessage);
    }

    [Fact]
    public void Every_truncation_is_refused()
    {
        for (var length = 0; length < GoldenBatch.Three.Length; length++)
            Refuses(GoldenBatch.Three[..length], BatchVerdict.Malformed, ErrorCode.CorruptMessage);
    }

    [Fact]
    public void An_older_format_is_refused() => Refuses(Patch(GoldenBatch.Simple, BatchHeader.MagicAt, 1), BatchVerdict.Malformed, ErrorCode.CorruptMessage);

    [Fact]
    public void A_wrong_checksum_is_refused() =>
        Refuses(Patch(GoldenBatch.Simple, GoldenBatch.Simple.Length - 2, 0x77), BatchVerdict.ChecksumMismatch, ErrorCode.CorruptMessage);

    [Fact]
    public void A_control_batch_is_not_a_clients_to_send() => Refuses(GoldenBatch.Commit, BatchVerdict.ControlBatch, ErrorCode.InvalidRecord);

    [Fact]
    public void A_batch_larger_than_the_topic_allows_is_refused()
    {
        Decide(GoldenBatch.Three, new BatchRules { MaxBatchBytes = 98 }).IsAccepted.Should().BeTrue();
        var verdict = Decide(GoldenBatch.Three, new BatchRules { MaxBatchBytes = 97 });
        (verdict.Verdict, verdict.Error).Should().Be((BatchVerdict.TooLarge, ErrorCode.MessageTooLarge));
    }

    [Fact]
    public void A_producer_id_needs_epoch_and_sequence_and_a_transaction_a_producer_id()
    {
        RefusesHeader(h => h with { BaseSequence = -1 }, BatchVerdict.IncompleteProducer, ErrorCode.InvalidRecord);
        RefusesHeader(h => h with { BaseSequence = -7 }, BatchVerdict.IncompleteProducer, ErrorCode.InvalidRecord);
        RefusesHeader(h => h with { Producer = new ProducerIdentity(4711, -1) }, BatchVerdict.IncompleteProducer, ErrorCode.InvalidRecord);
        RefusesHeader(
            h => h with { Producer = ProducerIdentity.None, BaseSequence = -1, Attributes = BatchAttributes.Transactional },
            BatchVerdict.IncompleteProducer, ErrorCode.InvalidRecord);
    }

    [Fact]
    public void Offset_count_and_attributes_must_be_those_of_a_new_batch()
    {
        RefusesHeader(h => h with { BaseOffset = 1 }, BatchVerdict.BaseOffsetNotZero, ErrorCode.InvalidRecord);
        RefusesHeader(h => h with { RecordCount = 0 }, BatchVerdict.Empty, ErrorCode.InvalidRecord);
        RefusesHeader(h => h with { RecordCount = 2 }, BatchVerdict.CountMismatch, ErrorCode.InvalidRecord);
        RefusesHeader(h => h with { LastOffsetDelta = 3 }, BatchVerdict.CountMismatch, ErrorCode.InvalidRecord);
        RefusesHeader(h => h with { LastOffsetDelta = int.MaxValue }, BatchVerdict.CountMismatch, ErrorCode.InvalidRecord);
        RefusesHeader(h => h with { Attributes = BatchAttributes.LogAppendTime }, BatchVerdict.AppendTimeSet, ErrorCode.InvalidTimestamp);
        RefusesHeader(h => h with { Attributes = BatchAttributes.DeleteHorizon }, BatchVerdict.UnknownAttributes, ErrorCode.InvalidRecord);
        for (var bit = 7; bit < 16; bit++)
            RefusesHeader(h => h with { Attributes = (BatchAttributes)(short)(1 << bit) }, BatchVerdict.UnknownAttributes, ErrorCode.InvalidRecord);
        for (var codec = 5; codec < 8; codec++)
            RefusesHeader(h => h with { Attributes = (BatchAttributes)codec }, BatchVerdict.UnsupportedCompression, ErrorCode.InvalidRecord);
    }

    [Fact]
    public void A_compression_without_codec_is_refused() =>
        Refuses(Reheaded(GoldenBatch.Three, h => h with { Attributes = (BatchAttributes)CompressionType.Zstd }), BatchVerdict.UnsupportedCompression, ErrorCode.InvalidRecord);

    [Fact]
    public void A_block_that_does_not_decompress_is_refused() =>
        Refuses(Reheaded(GoldenBatch.Three, h => h with { Attributes = (BatchAttributes)CompressionType.Gzip }), BatchVerdict.DamagedRecords, ErrorCode.CorruptMessage);

    [Fact]
    public void Offsets_in_a_new_batch_are_dense()
    {
        // Two records at 0 and 2 in a batch whose header tells of three.
        byte[] records = [.. GoldenBatch.Three.AsSpan(61, 8), .. GoldenBatch.Three.AsSpan(80, 18)];
        var batch = new byte[BatchHeader.Size + records.Length + 7];
        records.CopyTo(batch, BatchHeader.Size);
        Convert.FromHexString("0c000006010100").CopyTo(batch, BatchHeader.Size + records.Length);
        BatchHeader.WriteWithCrc(batch, BatchHeader.Read(GoldenBatch.Three) with { SizeInBytes = batch.Length, LastOffsetDelta = 3, RecordCount = 4 });
        Refuses(batch, BatchVerdict.OffsetsNotDense, ErrorCode.InvalidRecord, recordIndex: 1);
    }

    [Fact]
    public void The_record_that_is_damaged_is_named()
    {
        var batch = GoldenBatch.Three.ToArray();
        batch[69] = 0x16;
        BatchHeader.WriteWithCrc(batch, BatchHeader.Read(batch));

        Refuses(batch, BatchVerdict.DamagedRecords, ErrorCode.CorruptMessage, recordIndex: 1);
    }

    [Fact]
    public void A_compacted_topic_needs_keys()
    {
        var verdict = Decide(GoldenBatch.Three, new BatchRules { RequiresKeys = true });

        (verdict.Verdict, verdict.RecordIndex, verdict.Error).Should().Be((BatchVerdict.KeyMissing, 0, ErrorCode.InvalidRecord));
        Decide(GoldenBatch.Simple, new BatchRules { RequiresKeys = true }).IsAccepted.Should().BeTrue();
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(1000, true)]
    [InlineData(1001, false)]
    [InlineData(-500, true)]
    [InlineData(-501, false)]
    [InlineData(long.MaxValue - T, false)]
    [InlineData(long.MinValue + T, false)]
    public void Timestamps_lie_in_the_window_around_the_brokers_clock(long distance, bool isAccepted)
    {
        var rules = new BatchRules { TimestampMaxAheadMs = 1000, TimestampMaxBehindMs = 500 };
        var batch = TestRecord.Encode([TestRecord.Of("a", "b", T), TestRecord.Of("a", "b", T + distance)]);

        var verdict = Decide(batch, rules);

        verdict.IsAccepted.Should().Be(isAccepted);
        if (!isAccepted)
            verdict.Error.Should().Be(ErrorCode.InvalidTimestamp);
        Decide(batch, rules with { TimestampType = TimestampType.LogAppendTime }).IsAccepted.Should().BeTrue("the broker's time replaces them");
        Decide(batch, new BatchRules { TimestampMaxAheadMs = BatchRules.NoLimit }).IsAccepted.Should().BeTrue("both sides may be unlimited");
    }

    [Fact]
    public void A_record_without_timestamp_is_in_every_window() => Decide(
        TestRecord.Encode([TestRecord.Of("a", "b", -1), TestRecord.Of("a", "b", -2)]), new BatchRules { TimestampMaxBehindMs = 1 })
        .Should().Be(new BatchValidity(BatchVerdict.TimestampOutOfRange, 1));

    [Fact]
    public void A_header_that_claims_a_time_to_come_is_refused_though_its_records_do_not() =>
        RefusesHeader(h => h with { MaxTimestamp = T + 3_600_001 }, BatchVerdict.TimestampOutOfRange, ErrorCode.InvalidTimestamp);

    [Fact]
    public void A_careless_largest_timestamp_is_found_and_can_be_corrected()
    {
        var batch = Reheaded(GoldenBatch.Three, h => h with { MaxTimestamp = T });

        var validity = Decide(batch);
        validity.RecordsMaxTimestamp.Should().Be(T + 5);
        BatchTimestamps.CorrectMaxTimestamp(batch, validity.RecordsMaxTimestamp!.Value);

        batch.Should().Equal(GoldenBatch.Three);
    }

    [Fact]
    public void What_the_writer_made_passes_by_its_header_alone()
    {
        BatchValidation.DecideHeader(BatchHeader.Read(GoldenBatch.Three), new BatchRules(), T).Should().Be(BatchVerdict.Accepted);
        BatchValidation.DecideHeader(BatchHeader.Read(GoldenBatch.Three), new BatchRules { MaxBatchBytes = 97 }, T).Should().Be(BatchVerdict.TooLarge);
        BatchValidation.DecideHeader(BatchHeader.Read(GoldenBatch.Three), new BatchRules(), T - 3_600_000).Should().Be(BatchVerdict.TimestampOutOfRange);
    }

    private static BatchValidity Decide(byte[] bytes, BatchRules? rules = null) => BatchValidation.Decide(bytes, rules ?? new BatchRules(), T, s_gzipOnly);

    private static void Refuses(byte[] bytes, BatchVerdict verdict, ErrorCode error, int recordIndex = 0)
    {
        var validity = Decide(bytes);
        (validity.Verdict, validity.Error).Should().Be((verdict, error));
        if (recordIndex > 0)
            validity.RecordIndex.Should().Be(recordIndex);
    }

    private static void RefusesHeader(Func<BatchHeader, BatchHeader> change, BatchVerdict verdict, ErrorCode error)
    {
        Refuses(Reheaded(GoldenBatch.Three, change), verdict, error);
        BatchValidation.DecideHeader(change(BatchHeader.Read(GoldenBatch.Three)), new BatchRules(), T).Should().Be(verdict);
    }

    private static byte[] Reheaded(byte[] batch, Func<BatchHeader, BatchHeader> change)
    {
        var copy = batch.ToArray();
        BatchHeader.WriteWithCrc(copy, change(BatchHeader.Read(copy)));
        return copy;
    }

    private static byte[] Patch(byte[] batch, int at, byte value)
    {
        var copy = batch.ToArray();
        copy[at] = value;
        return copy;
    }
}
