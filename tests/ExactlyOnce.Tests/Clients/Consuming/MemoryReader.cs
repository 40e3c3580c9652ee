using ExactlyOnce.Clients;
using ExactlyOnce.Clients.Consuming;

namespace ExactlyOnce.Tests.Clients.Consuming;

/// <summary>
/// Reads a <see cref="MemoryPartition"/>. Overwrites what it handed out as soon as that is not valid any more, so that nobody gets away with using it.
/// </summary>
internal sealed class MemoryReader(MemoryBackend backend, MemoryPartition partition, long offset, IsolationLevel isolation) : PartitionReader
{
    private const byte Spoiled = 0xCC;

    private byte[] _lent = [];
    private long _next = offset;
    private bool _isDisposed;

    public override BackendPartition Partition => partition;

    public override long NextOffset => _next;

    public override bool TryRead(int maxBytes, out ReadOnlyMemory<byte> batches)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        Spoil();
        lock (backend.Gate)
        {
            if (_next < partition.LogStart || _next > partition.LogEnd)
                throw ErrorTable.ToException(ErrorCode.OffsetOutOfRange, $"Offset {_next} of {partition.Id} is not in the log.");
            _lent = [.. Take(maxBytes).SelectMany(entry => entry.Batch)];
        }
        batches = _lent;
        return _lent.Length > 0;
    }

    public override void Seek(long offset) => _next = offset;

    public override bool TryWait(ReadSignal signal)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        lock (backend.Gate)
        {
            if (_next < partition.Limit(isolation) || _next < partition.LogStart || _next > partition.LogEnd)
                return false;
            partition.Register(signal);
            return true;
        }
    }

    public override void Dispose()
    {
        Spoil();
        _isDisposed = true;
    }

    private List<LogEntry> Take(int maxBytes)
    {
        var taken = new List<LogEntry>();
        var bytes = 0;
        foreach (var entry in partition.Entries.Where(entry => entry.Header.NextOffset > _next))
        {
            if (entry.Header.NextOffset > partition.Limit(isolation))
                break;
            if (!entry.IsDeliverable(isolation))
            {
                // Contiguous batches only: what is skipped ends the run, unless the run has not begun.
                if (taken.Count == 0 || entry.Fate == BatchFate.Marker)
                    _next = entry.Header.NextOffset;
                if (taken.Count > 0)
                    break;
                continue;
            }
            if (taken.Count > 0 && bytes + entry.Batch.Length > maxBytes)
                break;
            taken.Add(entry);
            bytes += entry.Batch.Length;
            _next = entry.Header.NextOffset;
        }
        return taken;
    }

    private void Spoil() => _lent.AsSpan().Fill(Spoiled);
}
