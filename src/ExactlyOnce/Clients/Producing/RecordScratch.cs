using System.Buffers;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Clients.Producing;

/// <summary>
/// Where a record's key and value are serialized before any lock is taken: serializers are user code. One per thread, kept for the next record; a serializer that
/// uses another producer gets one of its own. Rent, <see cref="Encode{TKey,TValue}"/>, copy out, return: all on one stack.
/// </summary>
internal sealed class RecordScratch : IBufferWriter<byte>
{
    private const int InitialBytes = 1024;

    /// <summary>A scratch that grew beyond this is not kept: one huge record must not cost its size on every thread for ever.</summary>
    private const int KeptBytesMax = 1024 * 1024;

    [ThreadStatic]
    private static RecordScratch? s_spare;

    /// <summary>The serialization under way on this thread, if any: what a nested call would find.</summary>
    [ThreadStatic]
    private static RecordScratch? s_serializing;

    private byte[] _buffer = new byte[InitialBytes];
    private int _written;
    private object? _owner;
    private RecordScratch? _outer;

    public static RecordScratch Rent()
    {
        var scratch = s_spare ?? new RecordScratch();
        s_spare = null;
        return scratch;
    }

    public void Return()
    {
        _written = 0;
        if (_buffer.Length <= KeptBytesMax)
            s_spare = this;
    }

    /// <summary>Serializes key and value. The result refers to this scratch and is good until <see cref="Return"/> or the next call.</summary>
    /// <exception cref="InvalidOperationException">A serializer of <paramref name="owner"/> called back into it.</exception>
    public EncodedRecord Encode<TKey, TValue>(object owner, Topic<TKey, TValue> topic, in ProducerRecord<TKey, TValue> record)
    {
        Enter(owner);
        try
        {
            _written = 0;
            var hasKey = typeof(TKey) != typeof(NoKey) && record.Key is not null;
            if (hasKey)
                topic.KeySerde.Serialize(record.Key, this);
            var keyBytes = _written;
            var hasValue = record.Value is not null;
            if (hasValue)
                topic.ValueSerde.Serialize(record.Value, this);
            return new EncodedRecord(_buffer.AsSpan(0, keyBytes), hasKey, _buffer.AsSpan(keyBytes, _written - keyBytes), hasValue);
        }
        finally
        {
            s_serializing = _outer;
            _outer = null;
            _owner = null;
        }
    }

    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if (count > _buffer.Length - _written)
            throw new InvalidOperationException("A serializer advanced beyond the buffer it asked for.");
        _written += count;
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Grow(sizeHint);
        return _buffer.AsMemory(_written);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Grow(sizeHint);
        return _buffer.AsSpan(_written);
    }

    private void Enter(object owner)
    {
        for (var outer = s_serializing; outer is not null; outer = outer._outer)
            if (ReferenceEquals(outer._owner, owner))
                throw new InvalidOperationException(
                    "A serializer called back into the producer it serves. Serializers may only write to the buffer they are given.");
        _owner = owner;
        _outer = s_serializing;
        s_serializing = this;
    }

    private void Grow(int sizeHint)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sizeHint);
        var needed = Math.Max(sizeHint, 1);
        if (_buffer.Length - _written >= needed)
            return;
        var length = (int)Math.Min(Math.Max(2L * _buffer.Length, (long)_written + needed), Array.MaxLength);
        if (length - _written < needed)
            throw new InvalidOperationException("A record may not be larger than 2 GiB.");
        Array.Resize(ref _buffer, length);
    }
}
