using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Partitions;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Engine.Coordination;

/// <summary>
/// Appends batches whose records carry message ids: the ids are judged and stored in the frame of the batch. Stateless; under the coordination lock.
/// </summary>
internal sealed class MessageIdAppends(CoordinationState state, FrameComposer composer)
{
    /// <summary>
    /// Appends the batch unless the topic remembers one of its ids, or an id stands twice in it; then nothing is appended and <paramref name="known"/> maps
    /// positions in the batch to the offsets of the originals (−1 − position of the first, for one that stands twice).
    /// </summary>
    public AppendReceipt Append(
        Partition partition, in BatchHeader header, BatchBytes batch, IReadOnlyList<string?> ids, long nowMs, out IReadOnlyDictionary<int, long>? known)
    {
        lock (state.Lock)
        {
            known = null;
            // As without ids: a broker whose journal has failed acknowledges nothing, not even what it knows.
            if (partition.Journal.Failure is not null)
                return new AppendReceipt { Error = ErrorCode.StorageFailure };
            using var guard = composer.Guard();
            known = FindKnown(partition.Key.Topic, ids, nowMs);
            if (known is not null)
                return new AppendReceipt { Lsn = state.AppliedLsn };
            if (!composer.HasRoomFor(batch.Length + MessageIdRecord.BytesMax(ids), pieces: 2))
                return new AppendReceipt { Error = ErrorCode.MessageTooLarge, Lsn = state.AppliedLsn };
            composer.Open(nowMs);
            composer.Enter(partition);
            var receipt = partition.Decide(header, AppendOrigin.Client, nowMs);
            if (receipt.Error != ErrorCode.None || receipt.IsDuplicate || receipt.NeedsEnrolment)
            {
                composer.Abandon();
                return receipt.NeedsEnrolment ? new AppendReceipt { Error = ErrorCode.InvalidRequest } : receipt;
            }
            var baseOffset = partition.State.LogEndOffset;
            composer.Add(new MessageIdRecord(partition.Key, baseOffset, nowMs, (long)partition.Options.MessageIdWindow.TotalMilliseconds, Present(ids)));
            partition.StageBatch(composer.Frame, header, batch, nowMs);
            return receipt with { Lsn = composer.Close(), BaseOffset = baseOffset };
        }
    }

    private Dictionary<int, long>? FindKnown(int topic, IReadOnlyList<string?> ids, long nowMs)
    {
        Dictionary<int, long>? known = null;
        Dictionary<string, int>? seen = null;
        for (var i = 0; i < ids.Count; i++)
        {
            if (ids[i] is not { } id)
                continue;
            seen ??= new Dictionary<string, int>(StringComparer.Ordinal);
            if (state.MessageIds.TryFind(topic, id, nowMs, out var offset))
                (known ??= [])[i] = offset;
            else if (!seen.TryAdd(id, i))
                (known ??= [])[i] = -1 - seen[id];
        }
        return known;
    }

    private static List<(int, string)> Present(IReadOnlyList<string?> ids)
    {
        var present = new List<(int, string)>(ids.Count);
        for (var i = 0; i < ids.Count; i++)
            if (ids[i] is { } id)
                present.Add((i, id));
        return present;
    }
}
