using System.Buffers.Binary;

namespace ExactlyOnce.References;

/// <summary>
/// The objects of one batch whose values are references: the batch's bytes say the page and the place in it, the page holds the objects. Filled by the batch's
/// producer while the batch is open, not changed afterwards; kept by the partition's <see cref="ReferenceTable"/> for as long as the batch is in its log.
/// </summary>
internal sealed class ReferencePage
{
    /// <summary>What stands in the log for an object: the page, i64, and the place in it, i32.</summary>
    public const int ValueBytes = sizeof(long) + sizeof(int);

    private static long s_lastId;

    private object[] _objects = new object[4];
    private int _count;

    public long Id { get; } = Interlocked.Increment(ref s_lastId);

    /// <summary>The producer's id, when the page belongs to its open transaction; null else.</summary>
    public long? Transaction { get; set; }

    /// <summary>Writes what stands in the log for the object that is added next.</summary>
    public void WriteNext(Span<byte> value)
    {
        BinaryPrimitives.WriteInt64BigEndian(value, Id);
        BinaryPrimitives.WriteInt32BigEndian(value[sizeof(long)..], _count);
    }

    public void Add(object reference)
    {
        if (_count == _objects.Length)
            Array.Resize(ref _objects, _count * 2);
        _objects[_count++] = reference;
    }

    /// <summary>The object at a place; null when there is none.</summary>
    public object? Find(int place) => (uint)place < (uint)_count ? _objects[place] : null;

    public static bool TryReadValue(ReadOnlySpan<byte> value, out long page, out int place)
    {
        (page, place) = value.Length == ValueBytes ? (BinaryPrimitives.ReadInt64BigEndian(value), BinaryPrimitives.ReadInt32BigEndian(value[sizeof(long)..])) : default;
        return value.Length == ValueBytes;
    }
}
