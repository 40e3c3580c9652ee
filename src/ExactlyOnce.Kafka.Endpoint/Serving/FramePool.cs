using System.Buffers;
using Microsoft.AspNetCore.Connections;

namespace ExactlyOnce.Kafka.Endpoint.Serving;

/// <summary>
/// The memory that Kestrel receives into and sends from, in larger pieces than its own, so that most requests lie in one piece and a large one takes fewer
/// system calls. A connection that is silent holds none.
/// </summary>
internal sealed class FramePool : MemoryPool<byte>
{
    /// <summary>Half of what a connection that has sent four bytes may cost.</summary>
    public const int BlockBytes = 32 << 10;

    private const int IdleBlocksMax = 256;

    private readonly Lock _lock = new();

    /// <summary>What was given back last is taken first: a processor's cache may still have it.</summary>
    private readonly Stack<Block> _idle = new();

    public override int MaxBufferSize => BlockBytes;

    public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minBufferSize, BlockBytes);
        lock (_lock)
            if (_idle.TryPop(out var block))
                return block;
        return new Block(this);
    }

    protected override void Dispose(bool disposing)
    {
        lock (_lock)
            _idle.Clear();
    }

    private void Return(Block block)
    {
        lock (_lock)
            if (_idle.Count < IdleBlocksMax)
                _idle.Push(block);
    }

    /// <summary>Pinned for good, since the system reads and writes it.</summary>
    private sealed class Block(FramePool pool) : IMemoryOwner<byte>
    {
        public Memory<byte> Memory { get; } = MemoryMarshalPinned(GC.AllocateUninitializedArray<byte>(BlockBytes, pinned: true));

        public void Dispose() => pool.Return(this);

        private static Memory<byte> MemoryMarshalPinned(byte[] array) => System.Runtime.InteropServices.MemoryMarshal.CreateFromPinnedArray(array, 0, array.Length);
    }
}

/// <summary>Kestrel asks for a pool for each of its queues.</summary>
internal sealed class FramePoolFactory : IMemoryPoolFactory<byte>
{
    public MemoryPool<byte> Create(MemoryPoolOptions? options = null) => new FramePool();
}
