using ExactlyOnce.Clients;
using ExactlyOnce.Clients.Consuming;
using ExactlyOnce.Diagnostics;
using ExactlyOnce.Engine.Partitions;

namespace ExactlyOnce.Engine.Backend;

/// <summary>A consumer's reader over one partition of the engine.</summary>
internal sealed class EngineReader(EnginePartition partition, PartitionCursor cursor, BrokerEngine engine) : PartitionReader
{
    private Action? _wake;
    private ReadSignal? _signal;

    public override BackendPartition Partition => partition;

    public override long NextOffset => cursor.NextOffset;

    public override bool TryRead(int maxBytes, out ReadOnlyMemory<byte> batches)
    {
        engine.ThrowIfClosed();
        switch (TryReadChecked(maxBytes, out batches))
        {
            case CursorStatus.Read:
                return true;
            case CursorStatus.AtEnd:
                return false;
            case CursorStatus.Retired:
                throw Refusals.UnknownPartition(partition.Id);
            default:
                throw ErrorTable.ToException(
                    ErrorCode.OffsetOutOfRange,
                    $"Offset {cursor.NextOffset} of {partition.Id} is not in the log, which holds {partition.ReadableFrom} to {partition.Offsets.HighWatermark}.");
        }
    }

    private CursorStatus TryReadChecked(int maxBytes, out ReadOnlyMemory<byte> batches)
    {
        try
        {
            return cursor.TryRead(maxBytes, out batches);
        }
        catch (DamagedStorageException)
        {
            StorageMeter.RecordCorruption();
            throw;
        }
    }

    public override void Seek(long offset) => cursor.Seek(offset);

    public override bool TryWait(ReadSignal signal)
    {
        if (_wake is null || _signal != signal)
        {
            _signal = signal;
            _wake = signal.Set;
        }
        return !engine.IsClosed && cursor.TryWait(_wake);
    }

    public override void Dispose()
    {
        if (_wake is { } wake)
            cursor.StopWaiting(wake);
        cursor.Dispose();
    }
}
