using System.Diagnostics;
using System.Text;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Records;

/// <summary>
/// Goes over the headers of one record without allocating. The <see cref="BatchReader"/> that handed it out has walked the same bytes before, so nothing in
/// here can meet damage.
/// </summary>
internal ref struct RecordHeaderReader
{
    private readonly ReadOnlySpan<byte> _bytes;
    private int _position;
    private int _read;

    /// <param name="bytes">The headers behind their count.</param>
    /// <param name="count">How many there are.</param>
    public RecordHeaderReader(ReadOnlySpan<byte> bytes, int count)
    {
        _bytes = bytes;
        Count = count;
    }

    public int Count { get; }

    /// <summary>The name in UTF-8.</summary>
    public ReadOnlySpan<byte> Key { get; private set; }

    public ReadOnlySpan<byte> Value { get; private set; }

    public bool HasValue { get; private set; }

    public bool MoveNext()
    {
        if (_read == Count)
            return false;
        Key = ReadField(out _);
        Value = ReadField(out var hasValue);
        HasValue = hasValue;
        _read++;
        return true;
    }

    /// <summary>Copies the headers out: one array of bytes for all values, so that they outlive the batch.</summary>
    public readonly RecordHeaders ToHeaders()
    {
        if (Count == 0)
            return RecordHeaders.Empty;
        var copy = _bytes.ToArray();
        var headers = new RecordHeader[Count];
        var reader = new RecordHeaderReader(copy, Count);
        for (var i = 0; reader.MoveNext(); i++)
        {
            var value = copy.AsMemory(reader._position - reader.Value.Length, reader.Value.Length);
            headers[i] = new RecordHeader(Encoding.UTF8.GetString(reader.Key), reader.HasValue ? value : default(ReadOnlyMemory<byte>?));
        }
        return new RecordHeaders(headers);
    }

    /// <summary>Walks over <paramref name="count"/> headers; false when they are not well-formed.</summary>
    public static bool TrySkip(ReadOnlySpan<byte> bytes, ref int position, int count)
    {
        for (var i = 0; i < count; i++)
        {
            if (!VarInt.TryReadAt(bytes, ref position, out var keyLength) || (uint)keyLength > (uint)(bytes.Length - position))
                return false;
            position += keyLength;
            if (!VarInt.TryReadAt(bytes, ref position, out var valueLength) || valueLength < -1 || valueLength > bytes.Length - position)
                return false;
            position += Math.Max(valueLength, 0);
        }
        return true;
    }

    private ReadOnlySpan<byte> ReadField(out bool exists)
    {
        var read = VarInt.TryReadAt(_bytes, ref _position, out var length);
        Debug.Assert(read, "The batch reader checked these bytes.");
        exists = length >= 0;
        if (!exists)
            return default;
        var field = _bytes.Slice(_position, length);
        _position += length;
        return field;
    }
}
