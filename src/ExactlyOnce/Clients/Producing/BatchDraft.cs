using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.References;

namespace ExactlyOnce.Clients.Producing;

/// <summary>
/// The bytes of the batch that one producer fills for one partition, the clock its records are stamped by and the sequence it will be signed with. One draft
/// after the other: fill, sign, append, clear. Owned by a <see cref="PartitionAccumulator"/> and guarded by its lock.
/// </summary>
internal sealed class BatchDraft(RecordAccumulator accumulator, BackendPartition partition)
{
    /// <summary>How many records may take over the timestamp of the clock's last reading: a reading per record is too many.</summary>
    private const int RecordsPerClockReading = 32;

    /// <summary>
    /// Up to this linger the records of a batch may share a reading of the clock: the error stays below what anybody can see in milliseconds.
    /// </summary>
    private static readonly TimeSpan s_clockReuseMax = TimeSpan.FromMilliseconds(10);

    private readonly bool _mayReuseReading = accumulator.Settings.PostLinger <= s_clockReuseMax;
    private BatchWriter _writer = new();
    private ReferencePage? _references;
    private int _nextSequence;
    private long _nowMs;
    private int _recordsSinceReading;

    public int SizeInBytes => _writer.SizeInBytes;

    /// <summary>Adds a record; false, and nothing changed, when the batch would become larger than <paramref name="bytesMax"/>.</summary>
    public bool TryAppend(in EncodedRecord record, int bytesMax, out long timestampMs)
    {
        timestampMs = record.TimestampMs == EncodedRecord.TimestampNow ? ReadClock() : record.TimestampMs;
        return record.Reference is { } reference
            ? TryAppendReference(record, reference, timestampMs, bytesMax)
            : _writer.TryAppend(timestampMs, record.Key, record.HasKey, record.Value, record.HasValue, record.Headers, bytesMax);
    }

    /// <summary>Seals the bytes and gives them to <paramref name="batch"/>; may be done again with another identity or without some of the records.</summary>
    public void Sign(BatchOperation batch)
    {
        var settings = accumulator.Settings;
        var attributes = settings.IsTransactional ? BatchAttributes.Transactional : BatchAttributes.None;
        var header = Seal(batch.Session!.Identity, attributes, settings.Compression);
        batch.Sign(header, _writer.Bytes);
        batch.References = _references;
        if (_references is not null && settings.IsTransactional)
            _references.Transaction = header.Producer.Id;
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
    public void Clear()
    {
        _writer.Reset();
        _references = null;
    }

    /// <summary>Drops the bytes and numbers from 0: a new identity.</summary>
    public void Restart()
    {
        Clear();
        _nextSequence = 0;
    }

    private bool TryAppendReference(in EncodedRecord record, object reference, long timestampMs, int bytesMax)
    {
        if (partition.References is null)
            throw new InvalidRequestException(
                ErrorCode.InvalidConfig,
                $"The topic '{partition.Id.Topic}' carries its values by reference (Serdes.Reference), which only a broker in memory can hold. Give it a serde that writes bytes, Serdes.Json for example.");
        if ((partition.TopicOptions.Cleanup & CleanupPolicy.Compact) != 0)
            throw new InvalidRequestException(
                ErrorCode.InvalidConfig, $"The topic '{partition.Id.Topic}' is compacted, and its values are carried by reference (Serdes.Reference): use a serde that writes bytes, or CleanupPolicy.Delete.");
        var page = _references ?? new ReferencePage();
        Span<byte> value = stackalloc byte[ReferencePage.ValueBytes];
        page.WriteNext(value);
        if (!_writer.TryAppend(timestampMs, record.Key, record.HasKey, value, hasValue: true, record.Headers, bytesMax))
            return false;
        page.Add(reference);
        _references = page;
        return true;
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
        // What refers to objects is read where the batch goes, by whoever lets go of them; and there is nothing in it to compress.
        if (compression != CompressionType.None && _references is null)
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
