using System.Buffers;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Engine.Coordination;

/// <summary>
/// Which message ids each topic has accepted lately, and at which offset. The window runs from the first acceptance and is not refreshed by a retry. Owned
/// by the coordination lock; decided, journaled with the batch, applied, replayed.
/// </summary>
internal sealed class MessageIdWindows
{
    private readonly Dictionary<int, TopicWindow> _topics = [];

    /// <summary>The original of a message id, when the topic still remembers it at <paramref name="nowMs"/>.</summary>
    public bool TryFind(int topic, string id, long nowMs, out long offset)
    {
        offset = -1;
        if (!_topics.TryGetValue(topic, out var window) || !window.Ids.TryGetValue(id, out var entry) || entry.ExpiresMs <= nowMs)
            return false;
        offset = entry.Offset;
        return true;
    }

    public void Apply(MessageIdRecord record)
    {
        if (!_topics.TryGetValue(record.Partition.Topic, out var window))
            _topics.Add(record.Partition.Topic, window = new TopicWindow());
        window.DropExpired(record.AtMs);
        window.Order.Enqueue(record);
        foreach (var (delta, id) in record.Ids)
            window.Ids[id] = (record.BaseOffset + delta, record.AtMs + record.WindowMs);
    }

    public void Forget(int topic) => _topics.Remove(topic);

    /// <summary>Bytes: count i32, the records still in a window, oldest first.</summary>
    public void WriteSnapshot(IBufferWriter<byte> destination)
    {
        var writer = new FieldWriter(destination);
        writer.Int32(_topics.Values.Sum(window => window.Order.Count));
        foreach (var window in _topics.Values)
            foreach (var record in window.Order)
                record.Write(destination);
    }

    public static MessageIdWindows ReadSnapshot(ReadOnlySpan<byte> source)
    {
        var reader = new FieldReader(source);
        var windows = new MessageIdWindows();
        for (var rest = reader.Count(37); rest > 0; rest--)
            windows.Apply(MessageIdRecord.Read(ref reader));
        reader.ExpectEnd();
        return windows;
    }

    private sealed class TopicWindow
    {
        public Dictionary<string, (long Offset, long ExpiresMs)> Ids { get; } = new(StringComparer.Ordinal);

        public Queue<MessageIdRecord> Order { get; } = new();

        public void DropExpired(long nowMs)
        {
            while (Order.TryPeek(out var oldest) && oldest.AtMs + oldest.WindowMs <= nowMs)
            {
                Order.Dequeue();
                foreach (var (_, id) in oldest.Ids)
                    if (Ids.TryGetValue(id, out var entry) && entry.ExpiresMs <= nowMs)
                        Ids.Remove(id);
            }
        }
    }
}
