using System.Buffers;

namespace ExactlyOnce.Kernel.Primitives;

/// <summary>
/// A byte buffer that grows by doubling and is used again after <see cref="Clear"/>. Belongs to one owner at a time. What was written is valid until the
/// next write or clear.
/// </summary>
internal sealed class GrowableBuffer : IBufferWriter<byte>
{
    private const int FirstGrowthBytes = 256;

    private readonly int _retainedBytesMax;
    private byte[] _bytes;
    private int _length;
    private int _bytesMax = int.MaxValue;

    /// <param name="initialBytes">Allocated at once.</param>
    /// <param name="retainedBytesMax">A larger array is given up by <see cref="Clear"/>, so that one huge record does not hold its memory for ever.</param>
    public GrowableBuffer(int initialBytes = 0, int retainedBytesMax = 1 << 20)
    {
        _retainedBytesMax = Math.Max(initialBytes, retainedBytesMax);
        _bytes = initialBytes == 0 ? [] : new byte[initialBytes];
    }

    public int Length => _length;

    public int Capacity => _bytes.Length;

    public ReadOnlySpan<byte> WrittenSpan => _bytes.AsSpan(0, _length);

    public ReadOnlyMemory<byte> WrittenMemory => _bytes.AsMemory(0, _length);

    /// <summary>What was written, to be patched in place.</summary>
    public Span<byte> MutableSpan => _bytes.AsSpan(0, _length);

    /// <summary>Forgets what was written. From here on no more than <paramref name="bytesMax"/> may be.</summary>
    public void Clear(int bytesMax = int.MaxValue)
    {
        _length = 0;
        _bytesMax = bytesMax;
        if (_bytes.Length > _retainedBytesMax)
            _bytes = [];
    }

    /// <exception cref="InvalidOperationException">More than the limit given to <see cref="Clear"/> was written.</exception>
    public void Advance(int count)
    {
        if ((uint)count > (uint)(_bytes.Length - _length))
            throw new ArgumentOutOfRangeException(nameof(count), count, "More bytes than the span handed out.");
        if (count > _bytesMax - _length)
            throw new InvalidOperationException($"The buffer is limited to {_bytesMax} bytes.");
        _length += count;
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        EnsureFree(sizeHint);
        return _bytes.AsMemory(_length);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        EnsureFree(sizeHint);
        return _bytes.AsSpan(_length);
    }

    private void EnsureFree(int sizeHint)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sizeHint);
        if (Math.Max(sizeHint, 1) > _bytes.Length - _length)
            Grow(Math.Max(sizeHint, 1));
    }

    private void Grow(int free)
    {
        var needed = (long)_length + free;
        if (needed > Array.MaxLength)
            throw new InvalidOperationException($"A buffer cannot have {needed} bytes.");
        var doubled = Math.Max(2L * _bytes.Length, FirstGrowthBytes);
        // At the limit only the room that is asked for there comes to it: whoever writes too much is found out by that, and no further array is made for him.
        var enough = doubled < _bytesMax ? doubled : (long)_bytesMax + free;
        Array.Resize(ref _bytes, (int)Math.Max(needed, Math.Min(enough, Array.MaxLength)));
    }
}
