using ExactlyOnce.Clients;
using ExactlyOnce.Clients.Consuming;

namespace ExactlyOnce.Testing.Brokers;

/// <summary>A reader of a broker that can die: then it is woken, and told.</summary>
internal sealed class TestReader(TestBackend life, TestPartition partition, PartitionReader inner, LoopState? loop) : PartitionReader
{
    private ReadSignal? _signal;

    public override BackendPartition Partition => partition;

    public override long NextOffset => inner.NextOffset;

    public override bool TryRead(int maxBytes, out ReadOnlyMemory<byte> batches)
    {
        life.ThrowIfDead();
        var isRead = inner.TryRead(maxBytes, out batches);
        if (isRead)
            loop?.Given(this);
        return isRead;
    }

    public override void Seek(long offset) => inner.Seek(offset);

    public override bool TryWait(ReadSignal signal)
    {
        // Before anybody can wake it.
        if (_signal != signal)
        {
            life.WakeAtDeath(this, signal);
            _signal = signal;
        }
        if (life.IsDead || !inner.TryWait(signal))
            return false;
        loop?.Waits(this, signal);
        // It may have died in between, and then has woken nobody here.
        return !life.IsDead;
    }

    public override void Dispose()
    {
        loop?.Leave(this);
        life.Forget(this);
        inner.Dispose();
    }
}
