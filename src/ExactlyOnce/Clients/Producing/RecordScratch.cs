using System.Buffers;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.References;

namespace ExactlyOnce.Clients.Producing;

/// <summary>
/// Where a record's key and value are serialized before any lock is taken: serializers are user code. One per thread, kept for the next record; a serializer
/// that uses another producer gets one of its own. Rent, <see cref="Encode{TKey,TValue}"/>, copy out, return: all on one stack.
/// </summary>
internal sealed class RecordScratch : IBufferWriter<byte>
{
    private const int InitialBytes = 1024;

    /// <summary>
    /// A scratch that grew beyond this is not kept: one huge record must not cost its size on every thread for ever. Room for the largest record that topics
    /// take by default.
    /// </summary>
    private const int KeptBytesMax = 2 * 1024 * 1024;

    /// <summary>The thread's scratch; while a serializer uses another producer, the one rented for that, with the thread's own behind it.</summary>
    [ThreadStatic]
    private static RecordScratch? s_current;

    private byte[] _buffer = new byte[InitialBytes];
    private int _written;
    private bool _isRented;

    /// <summary>Whose serializers are running; null while none are.</summary>
    private object? _owner;
    private RecordScratch? _outer;

    public static RecordScratch Rent()
    {
        var scratch = s_current ??= new RecordScratch();
        if (scratch._isRented)
            scratch = s_current = new RecordScratch { _outer = scratch };
        scratch._isRented = true;
        return scratch;
    }

    public void Return()
    {
        _isRented = false;
        if (_outer is not null)
            s_current = _outer;
        if (_buffer.Length > KeptBytesMax)
            _buffer = new byte[InitialBytes];
    }

    /// <summary>Serializes key and value. The result refers to this scratch and is good until <see cref="Return"/> or the next call.</summary>
    /// <exception cref="InvalidOperationException">A serializer of <paramref name="owner"/> called back into it.</exception>
    public EncodedRecord Encode<TKey, TValue>(object owner, Topic<TKey, TValue> topic, in ProducerRecord<TKey, TValue> record)
    {
        Enter(owner);
        try
        {
            _written = 0;
            var hasKey = typeof(TKey) != typeof(NoKey) && HasContent(record.Key);
            if (hasKey)
                topic.KeySerde.Serialize(record.Key, this);
            var keyBytes = _written;
            var hasValue = HasContent(record.Value);
            if (hasValue && topic.HasReferences)
            {
                GetSpan(ReferencePage.ValueBytes)[..ReferencePage.ValueBytes].Clear();
                Advance(ReferencePage.ValueBytes);
                return new EncodedRecord(_buffer.AsSpan(0, keyBytes), hasKey, _buffer.AsSpan(keyBytes, ReferencePage.ValueBytes), hasValue) { Reference = record.Value };
            }
            if (hasValue)
                topic.ValueSerde.Serialize(record.Value, this);
            return new EncodedRecord(_buffer.AsSpan(0, keyBytes), hasKey, _buffer.AsSpan(keyBytes, _written - keyBytes), hasValue);
        }
        finally
        {
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

    /// <summary>Asked so that a struct that cannot be null is not boxed for the question, not even by a debug build.</summary>
    private static bool HasContent<T>(T value) => !Nullability<T>.CanBeNull || value is not null;

    private void Enter(object owner)
    {
        for (var outer = _outer; outer is not null; outer = outer._outer)
            if (ReferenceEquals(outer._owner, owner))
                throw new InvalidOperationException(
                    "A serializer called back into the producer it serves. Serializers may only write to the buffer they are given.");
        _owner = owner;
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

    private static class Nullability<T>
    {
        public static readonly bool CanBeNull = default(T) is null;
    }
}
