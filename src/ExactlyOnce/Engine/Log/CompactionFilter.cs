using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Engine.Log;

/// <summary>
/// Decides what one batch becomes in the second pass: as it is, rewritten with fewer records, emptied, or dropped (A15.2 to A15.9). Sees the batches of the
/// range in order, from the log's start, because the fate of a marker depends on whether data of its transaction came before it.
/// </summary>
internal sealed class CompactionFilter
{
    private readonly CompactionRules _rules;
    private readonly CompactionKeys _keys;
    private readonly AbortedLookup _aborted;
    private readonly IReadOnlyDictionary<long, ProducerTrace> _producers;
    private readonly BatchDecompressor _decompressor;
    private readonly Func<CompressionType, ICompressionCodec?> _codecs;
    private readonly BatchRewriter _rewriter = new();
    private readonly HashSet<long> _producersWithData = [];
    private bool[] _kept = new bool[256];

    public CompactionFilter(
        CompactionRules rules,
        CompactionKeys keys,
        AbortedLookup aborted,
        IReadOnlyDictionary<long, ProducerTrace> producers,
        Func<CompressionType, ICompressionCodec?> codecs)
    {
        _rules = rules;
        _keys = keys;
        _aborted = aborted;
        _producers = producers;
        _codecs = codecs;
        _decompressor = new BatchDecompressor(codecs, Compaction.ExpandedBytesMax);
    }

    /// <summary>True once something was dropped or rewritten.</summary>
    public bool HasChanged { get; private set; }

    /// <summary>What to write in the place of the batch; empty for nothing. Valid until the next call.</summary>
    public ReadOnlyMemory<byte> Filter(in BatchHeader header, ReadOnlyMemory<byte> batch)
    {
        var result = header.IsControl ? FilterControl(header, batch) : FilterData(header, batch);
        HasChanged |= !result.Equals(batch);
        return result;
    }

    private ReadOnlyMemory<byte> FilterControl(in BatchHeader header, ReadOnlyMemory<byte> batch)
    {
        if (!header.HasProducer)
            return batch;
        // Data that this pass met, kept or not, may still be in a reader's hands; the marker waits for a pass that meets none.
        var hasData = _producersWithData.Remove(header.Producer.Id);
        if (header.RecordCount == 0)
            return MustStay(header) ? batch : default;
        if (hasData)
            return batch;
        if (!header.HasDeleteHorizon)
            return Rewrite(header, batch.Span, _rules.NowMs + _rules.DeleteRetentionMs, keepAll: true);
        return _rules.NowMs < header.BaseTimestamp ? batch : DropOrEmpty(header);
    }

    private ReadOnlyMemory<byte> FilterData(in BatchHeader header, ReadOnlyMemory<byte> batch)
    {
        var isTransactional = header.IsTransactional && header.HasProducer;
        if (isTransactional)
            _producersWithData.Add(header.Producer.Id);
        if (header.RecordCount == 0)
            return MustStay(header) ? batch : default;
        if (isTransactional && _aborted.IsAborted(header.Producer.Id, header.BaseOffset))
            return DropOrEmpty(header);
        // Without its codec, or with records that no writer produces, nobody can say which records are old: all stay.
        if (!_decompressor.Supports(header.Compression) || !TryChoose(header, batch.Span, out var kept, out var hasTombstone))
            return batch;
        if (kept == 0)
            return DropOrEmpty(header);
        long? horizon = hasTombstone && !header.HasDeleteHorizon ? _rules.NowMs + _rules.DeleteRetentionMs : null;
        return kept == header.RecordCount && horizon is null ? batch : Rewrite(header, batch.Span, horizon, keepAll: false);
    }

    private bool TryChoose(in BatchHeader header, ReadOnlySpan<byte> batch, out int kept, out bool hasTombstone)
    {
        (kept, hasTombstone) = (0, false);
        try
        {
            var records = _decompressor.Open(header, batch);
            if (_kept.Length < header.RecordCount)
                _kept = new bool[header.RecordCount];
            for (var i = 0; records.MoveNext(); i++)
            {
                _kept[i] = IsKept(header, records);
                kept += _kept[i] ? 1 : 0;
                hasTombstone |= _kept[i] && !records.HasValue;
            }
            return true;
        }
        catch (CorruptRecordException)
        {
            // The checksum of the batch is right, so its producer sent it like this.
            return false;
        }
    }

    private bool IsKept(in BatchHeader header, scoped in BatchReader record)
    {
        if (record.Offset >= _keys.End)
            return true;
        if (!record.HasKey || !_keys.IsLast(record.Key, record.Offset))
            return false;
        return record.HasValue || !header.HasDeleteHorizon || _rules.NowMs < header.BaseTimestamp;
    }

    private ReadOnlyMemory<byte> Rewrite(in BatchHeader header, ReadOnlySpan<byte> batch, long? horizon, bool keepAll)
    {
        _rewriter.Begin(header, horizon);
        var records = _decompressor.Open(header, batch);
        for (var i = 0; records.MoveNext(); i++)
        {
            if (keepAll || _kept[i])
                _rewriter.Keep(records);
        }
        _rewriter.Seal(header.Compression == CompressionType.None ? null : _codecs(header.Compression));
        return _rewriter.Bytes;
    }

    private ReadOnlyMemory<byte> DropOrEmpty(in BatchHeader header)
    {
        if (!MustStay(header))
            return default;
        // Nothing left in it waits for a horizon.
        _rewriter.Begin(header with { Attributes = header.Attributes & ~BatchAttributes.DeleteHorizon }, deleteHorizonMs: null);
        _rewriter.Seal(codec: null);
        return _rewriter.Bytes;
    }

    /// <summary>The last batch of the range keeps the log's end in the files; a live producer's last one keeps its sequence.</summary>
    private bool MustStay(in BatchHeader header)
    {
        if (header.BaseOffset == _keys.LastBatchOffset)
            return true;
        if (!header.HasProducer || !_producers.TryGetValue(header.Producer.Id, out var trace))
            return false;
        return trace.LastDataOffset >= 0
            ? !header.IsControl && header.LastOffset == trace.LastDataOffset
            : header.IsControl && header.Producer.Epoch == trace.Epoch;
    }
}
