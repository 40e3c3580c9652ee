namespace ExactlyOnce.Kernel.Records;

/// <summary>
/// The shape rules of batches that clients send (Kafka: LogValidator), decided before any state is looked at. Pure: reads, and answers a verdict.
/// Batches of the own process were encoded by <see cref="BatchWriter"/> an instant ago: for them the header says enough. Batches from outside are read to
/// the last byte.
/// </summary>
internal static class BatchValidation
{
    /// <summary>
    /// The rules a header can answer. Enough for batches of the own process; not checked then: keys (the client refuses a missing one when it is sent) and
    /// the lower bound of timestamps.
    /// </summary>
    public static BatchVerdict DecideHeader(in BatchHeader header, BatchRules rules, long nowMs)
    {
        if (header.SizeInBytes > rules.MaxBatchBytes)
            return BatchVerdict.TooLarge;
        if (header.BaseOffset != 0)
            return BatchVerdict.BaseOffsetNotZero;
        if (header.RecordCount == 0)
            return BatchVerdict.Empty;
        if (header.RecordCount != header.LastOffsetDelta + 1)
            return BatchVerdict.CountMismatch;
        var attributes = DecideAttributes(header);
        if (attributes != BatchVerdict.Accepted)
            return attributes;
        if (header.HasProducer ? header.BaseSequence < 0 || header.Producer.Epoch < 0 : header.IsTransactional)
            return BatchVerdict.IncompleteProducer;
        return rules.TimestampType == TimestampType.CreateTime && IsTooFarAhead(header.MaxTimestamp, rules, nowMs)
            ? BatchVerdict.TimestampOutOfRange
            : BatchVerdict.Accepted;
    }

    /// <summary>All rules, for what a client sent for one partition: exactly one batch, its checksum, and every record in it.</summary>
    public static BatchValidity Decide(BatchBytes bytes, BatchRules rules, long nowMs, BatchDecompressor decompressor)
    {
        var length = bytes.Length;
        if (!BatchHeader.TryRead(bytes.First, out var header) || header.SizeInBytes > length)
            return new BatchValidity(BatchVerdict.Malformed);
        if (header.SizeInBytes != length)
            return new BatchValidity(BatchVerdict.NotOneBatch);
        if (header.SizeInBytes > rules.MaxBatchBytes)
            return new BatchValidity(BatchVerdict.TooLarge);
        if (!BatchHeader.HasValidCrc(bytes))
            return new BatchValidity(BatchVerdict.ChecksumMismatch);
        var verdict = DecideHeader(header, rules, nowMs);
        if (verdict != BatchVerdict.Accepted)
            return new BatchValidity(verdict);
        return decompressor.Supports(header.Compression)
            ? DecideRecords(header, bytes, rules, nowMs, decompressor)
            : new BatchValidity(BatchVerdict.UnsupportedCompression);
    }

    private static BatchVerdict DecideAttributes(in BatchHeader header)
    {
        if (header.IsControl)
            return BatchVerdict.ControlBatch;
        if (header.IsLogAppendTime)
            return BatchVerdict.AppendTimeSet;
        // A delete horizon is known, but only compaction may set one.
        if ((header.Attributes & ~BatchAttributes.Known) != 0 || header.HasDeleteHorizon)
            return BatchVerdict.UnknownAttributes;
        return header.Compression > CompressionType.Zstd ? BatchVerdict.UnsupportedCompression : BatchVerdict.Accepted;
    }

    private static BatchValidity DecideRecords(
        in BatchHeader header, BatchBytes batch, BatchRules rules, long nowMs, BatchDecompressor decompressor)
    {
        var index = 0;
        try
        {
            var maxTimestamp = long.MinValue;
            var reader = decompressor.Open(header, batch);
            for (; reader.MoveNext(); index++)
            {
                var record = reader.Current;
                var verdict = DecideRecord(record, index, rules, nowMs);
                if (verdict != BatchVerdict.Accepted)
                    return new BatchValidity(verdict, index);
                maxTimestamp = Math.Max(maxTimestamp, record.TimestampMs);
            }
            return new BatchValidity(BatchVerdict.Accepted) { RecordsMaxTimestamp = maxTimestamp };
        }
        catch (CorruptRecordException)
        {
            return new BatchValidity(BatchVerdict.DamagedRecords, index);
        }
    }

    private static BatchVerdict DecideRecord(in RecordView record, int index, BatchRules rules, long nowMs)
    {
        if (record.Offset != index)
            return BatchVerdict.OffsetsNotDense;
        if (rules.RequiresKeys && !record.HasKey)
            return BatchVerdict.KeyMissing;
        if (rules.TimestampType != TimestampType.CreateTime || record.TimestampMs == BatchHeader.NoTimestamp)
            return BatchVerdict.Accepted;
        return IsTooFarAhead(record.TimestampMs, rules, nowMs) || IsTooFarBehind(record.TimestampMs, rules, nowMs)
            ? BatchVerdict.TimestampOutOfRange
            : BatchVerdict.Accepted;
    }

    /// <summary>Compared as unsigned: a difference of two longs in the right order always fits an unsigned one.</summary>
    private static bool IsTooFarAhead(long timestampMs, BatchRules rules, long nowMs) =>
        timestampMs > nowMs && rules.TimestampMaxAheadMs != BatchRules.NoLimit
        && (ulong)(timestampMs - nowMs) > (ulong)rules.TimestampMaxAheadMs;

    private static bool IsTooFarBehind(long timestampMs, BatchRules rules, long nowMs) =>
        timestampMs < nowMs && rules.TimestampMaxBehindMs != BatchRules.NoLimit
        && (ulong)(nowMs - timestampMs) > (ulong)rules.TimestampMaxBehindMs;
}
