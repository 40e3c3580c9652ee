using System.Buffers;
using System.Collections.Concurrent;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Engine.Coordination;

/// <summary>
/// Which topics exist. Owned by the coordination lock; look-ups by name and by id take no lock. Decide, then apply: a record comes from a
/// Decide method and is applied live and at recovery by the same <see cref="Apply"/>.
/// </summary>
internal sealed class TopicCatalog
{
    /// <summary>The most partitions a topic may have.</summary>
    public const int PartitionsMax = 100_000;

    private readonly Dictionary<int, TopicRecord.Put> _byNumber = [];
    private readonly ConcurrentDictionary<string, TopicRecord.Put> _byName = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<Guid, TopicRecord.Put> _byId = new();
    private int _nextNumber = 1;

    public IEnumerable<TopicRecord.Put> Topics => _byName.Values;

    public TopicRecord.Put? Find(string name) => _byName.GetValueOrDefault(name);

    public TopicRecord.Put? Find(Guid id) => _byId.GetValueOrDefault(id);

    public TopicRecord.Put? Find(int number) => _byNumber.GetValueOrDefault(number);

    /// <summary>The error that forbids creating the topic, or the record that does it.</summary>
    public ErrorCode DecideCreate(string name, TopicOptions options, bool isInternal, Guid id, long nowMs, out TopicRecord.Put? record)
    {
        record = null;
        if (Find(name) is not null)
            return ErrorCode.TopicAlreadyExists;
        if (DescribeInvalid(options) is not null)
            return ErrorCode.InvalidConfig;
        record = new TopicRecord.Put(_nextNumber, name, id, options.Partitions, isInternal, nowMs, options.Clone());
        return ErrorCode.None;
    }

    public ErrorCode DecideAlter(string name, TopicOptions options, out TopicRecord.Put? record)
    {
        record = null;
        if (Find(name) is not { } topic)
            return ErrorCode.UnknownTopicOrPartition;
        var changed = options.Clone();
        changed.Partitions = topic.Partitions;
        if (DescribeInvalid(changed) is not null)
            return ErrorCode.InvalidConfig;
        record = topic with { Options = changed };
        return ErrorCode.None;
    }

    public ErrorCode DecideAddPartitions(string name, int partitions, out TopicRecord.Put? record)
    {
        record = null;
        if (Find(name) is not { } topic)
            return ErrorCode.UnknownTopicOrPartition;
        if (partitions <= topic.Partitions || partitions > PartitionsMax)
            return ErrorCode.InvalidPartitions;
        var options = topic.Options.Clone();
        options.Partitions = partitions;
        record = topic with { Partitions = partitions, Options = options };
        return ErrorCode.None;
    }

    public ErrorCode DecideDelete(string name, out TopicRecord.Delete? record)
    {
        record = Find(name) is { } topic ? new TopicRecord.Delete(topic.Number) : null;
        return record is null ? ErrorCode.UnknownTopicOrPartition : ErrorCode.None;
    }

    public void Apply(TopicRecord record)
    {
        if (_byNumber.Remove(record.Number, out var former) && record is not TopicRecord.Put)
        {
            _byName.TryRemove(former.Name, out _);
            _byId.TryRemove(former.Id, out _);
        }
        if (record is TopicRecord.Put put)
        {
            _byNumber.Add(put.Number, put);
            _byName[put.Name] = put;
            _byId[put.Id] = put;
        }
        _nextNumber = Math.Max(_nextNumber, record.Number + 1);
    }

    /// <summary>What is wrong with a topic's options, in words that say what is allowed; null when nothing is.</summary>
    public static string? DescribeInvalid(TopicOptions options) => options switch
    {
        { Partitions: < 1 or > PartitionsMax } => $"{nameof(TopicOptions.Partitions)} is {options.Partitions}; 1 to {PartitionsMax:N0} are allowed.",
        { Cleanup: < CleanupPolicy.Delete or > (CleanupPolicy.Delete | CleanupPolicy.Compact) } => $"{nameof(TopicOptions.Cleanup)} is {(int)options.Cleanup}; use Delete, Compact or both.",
        { SegmentBytes: < 1024 } => $"{nameof(TopicOptions.SegmentBytes)} is {options.SegmentBytes}; at least 1,024 are needed.",
        { MaxMessageBytes: < 128 } => $"{nameof(TopicOptions.MaxMessageBytes)} is {options.MaxMessageBytes}; at least 128 are needed.",
        { DuplicateWindowBatches: < 5 or > 1000 } => $"{nameof(TopicOptions.DuplicateWindowBatches)} is {options.DuplicateWindowBatches}; 5 to 1,000 are allowed.",
        { TimestampType: not (TimestampType.CreateTime or TimestampType.LogAppendTime) } => $"{nameof(TopicOptions.TimestampType)} is {(int)options.TimestampType}; use CreateTime or LogAppendTime.",
        { RetainBytes: < -1 } => $"{nameof(TopicOptions.RetainBytes)} is {options.RetainBytes}; use −1 for no limit.",
        _ when IsNegative(options.RetainFor) => Negative(nameof(TopicOptions.RetainFor)),
        _ when IsNegative(options.SegmentAge) => Negative(nameof(TopicOptions.SegmentAge)),
        _ when IsNegative(options.TimestampMaxAhead) => Negative(nameof(TopicOptions.TimestampMaxAhead)),
        _ when options.MinCompactionLag < TimeSpan.Zero => $"{nameof(TopicOptions.MinCompactionLag)} is negative.",
        _ when IsNegative(options.DeleteRetention) => Negative(nameof(TopicOptions.DeleteRetention)),
        _ when options.MessageIdWindow < TimeSpan.Zero => $"{nameof(TopicOptions.MessageIdWindow)} is negative; zero switches message ids off.",
        _ => null,
    };

    /// <summary>Bytes: next number i32, count i32, the put records.</summary>
    public void WriteSnapshot(IBufferWriter<byte> destination)
    {
        var writer = new FieldWriter(destination);
        writer.Int32(_nextNumber);
        writer.Int32(_byNumber.Count);
        foreach (var topic in _byNumber.Values)
            topic.Write(destination);
    }

    public static TopicCatalog ReadSnapshot(ReadOnlySpan<byte> source)
    {
        var reader = new FieldReader(source);
        var catalog = new TopicCatalog();
        var nextNumber = reader.Int32();
        for (var rest = reader.Count(6); rest > 0; rest--)
            catalog.Restore(TopicRecord.Read(ref reader));
        reader.ExpectEnd();
        catalog._nextNumber = Math.Max(nextNumber, catalog._nextNumber);
        return catalog;
    }

    private void Restore(TopicRecord record)
    {
        if (record is not TopicRecord.Put put || _byNumber.ContainsKey(put.Number) || _byName.ContainsKey(put.Name))
            throw new InvalidDataException($"Topic {record.Number} stands twice in the catalog, or as deleted.");
        Apply(put);
    }

    private static bool IsNegative(TimeSpan time) => time < TimeSpan.Zero && time != Timeout.InfiniteTimeSpan;

    private static string Negative(string name) => $"{name} is negative; use {nameof(TopicOptions)}.{nameof(TopicOptions.Forever)} for no limit.";
}
