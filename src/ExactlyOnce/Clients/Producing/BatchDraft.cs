using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Clients.Producing;

/// <summary>
/// The bytes of the batch that one producer fills for one partition, the clock its records are stamped by and the sequence it will be signed with. One draft after the other: fill, sign,
/// append, clear. Owned by a <see cref="PartitionAccumulator"/> and guarded by its lock.
/// </summary>
internal sealed class BatchDraft(RecordAccumulator accumulator, BackendPartition partition)
{
    /// <summary>How many records may take over the timestamp of the clock's last reading: a reading per record is too many.</summary>
    private const int RecordsPerClockReading = 32;

    /// <summary>Up to this linger the records of a batch may share a reading of the clock: the error stays below what anybody can see in milliseconds.</summary>
    private static readonly TimeSpan s_clockReuseMax = TimeSpan.FromMilliseconds(10);

    private readonly bool _mayReuseReading = accumulator.Settings.PostLinger <= s_clockReuseMax;
    private BatchWriter _writer = new();
    private int _nextSequence;
    private long _nowMs;
    private int _recordsSinceReading;

    public int SizeInBytes => _writer.SizeInBytes;

    /// <summary>Adds a record; false, and nothing changed, when the batch would become larger than <paramref name="bytesMax"/>.</summary>
    public bool TryAppend(in EncodedRecord record, int bytesMax, out long timestampMs)
    {
        timestampMs = record.TimestampMs == EncodedRecord.TimestampNow ? ReadClock() : record.TimestampMs;
        return _writer.TryAppend(timestampMs, record.Key, record.HasKey, record.Value, record.HasValue, record.Headers, bytesMax);
    }

    /// <summary>Seals the bytes and gives them to <paramref name="batch"/>; may be done again with another identity or without some of the records.</summary>
    public void Sign(BatchOperation batch)
    {
        var settings = accumulator.Settings;
        var attributes = settings.IsTransactional ? BatchAttributes.Transactional : BatchAttributes.None;
        var header = Seal(batch.Session!.Identity, attributes, settings.Compression);
        batch.Sign(header, _writer.Bytes);
    }

    /// <summary>Writes a signed batch anew without the records whose message ids are known.</summary>
    public void Remove(BatchOperation batch, IReadOnlyDictionary<int, long> duplicates)
    {
        _writer = KnownMessages.Remove(batch, duplicates, accumulator.Backend);
        Sign(batch);
    }

    /// <summary>Takes the sequence numbers of a batch that was appended.</summary>
    public void Advance(int recordCount) => _nextSequence = Sequence.Add(_nextSequence, recordCount);

    /// <summary>Begins the next draft: the backend has copied the bytes.</summary>
    public void Clear() => _writer.Reset();

    /// <summary>Drops the bytes and numbers from 0: a new identity.</summary>
    public void Restart()
    {
        _writer.Reset();
        _nextSequence = 0;
    }

    private long ReadClock()
    {
        if (_writer.IsEmpty || ++_recordsSinceReading >= RecordsPerClockReading || !_mayReuseReading)
        {
            _nowMs = accumulator.Time.GetUtcNow().ToUnixTimeMilliseconds();
            _recordsSinceReading = 0;
        }
        return _nowMs;
    }

    private BatchHeader Seal(ProducerIdentity identity, BatchAttributes attributes, CompressionType compression)
    {
        if (compression != CompressionType.None)
        {
            try
            {
                return _writer.Seal(identity, _nextSequence, attributes, accumulator.Backend.GetCodec(compression));
            }
            catch (Exception exception)
            {
                // A codec is somebody else's code. Its failure must not lose records that were accepted; uncompressed they are as good.
                accumulator.NoteCompressionFailure(partition.Id, compression, exception);
            }
        }
        return _writer.Seal(identity, _nextSequence, attributes, codec: null);
    }
}
