using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Engine.Log;

/// <summary>The first pass of a compaction: the last offset of every key in the dirty part, leaving out aborted data and control batches (A15.2).</summary>
internal sealed class CompactionKeys
{
    private readonly KeyOffsets _offsets;
    private readonly AbortedLookup _aborted;
    private readonly BatchDecompressor _decompressor;
    private readonly long _firstDirtyOffset;

    public CompactionKeys(CompactionRules rules, long rangeEnd, AbortedLookup aborted, Func<CompressionType, ICompressionCodec?> codecs)
    {
        _offsets = new KeyOffsets(rules.KeysMax);
        _aborted = aborted;
        _decompressor = new BatchDecompressor(codecs, Compaction.ExpandedBytesMax);
        _firstDirtyOffset = rules.FirstDirtyOffset;
        End = rangeEnd;
    }

    /// <summary>Records at and above this offset are not known here and stay.</summary>
    public long End { get; private set; }

    /// <summary>Base offset of the last batch of the range, −1 before any was seen.</summary>
    public long LastBatchOffset { get; private set; } = -1;

    public bool IsLast(ReadOnlySpan<byte> key, long offset) => _offsets.IsLast(key, offset);

    public void Add(in BatchHeader header, ReadOnlyMemory<byte> batch)
    {
        LastBatchOffset = header.BaseOffset;
        if (header.IsControl || header.RecordCount == 0 || header.LastOffset < _firstDirtyOffset || header.BaseOffset >= End)
            return;
        if (header.IsTransactional && _aborted.IsAborted(header.Producer.Id, header.BaseOffset))
            return;
        if (_decompressor.Supports(header.Compression))
            AddRecords(header, batch.Span);
    }

    private void AddRecords(in BatchHeader header, ReadOnlySpan<byte> batch)
    {
        try
        {
            var records = _decompressor.Open(header, batch);
            while (records.MoveNext())
            {
                if (records.Offset < _firstDirtyOffset || !records.HasKey || _offsets.TryPut(records.Key, records.Offset))
                    continue;
                End = records.Offset;
                return;
            }
        }
        catch (CorruptRecordException)
        {
            // The second pass keeps such a batch whole, so that what was noted of it so far is there.
        }
    }
}
