using Microsoft.Extensions.Logging;

namespace ExactlyOnce.Clients.Consuming;

/// <summary>
/// Takes the next batch from a session's partitions, which have their turns: it begins behind the one that was served last, so that none can keep the others
/// waiting. Used in the session's turn.
/// </summary>
internal sealed class PartitionRotation(ConsumerOptions options, BatchFilling filling, ILogger logger)
{
    private int _next;

    /// <summary>Fills <paramref name="contents"/> from the first partition that has something to give; false when none has.</summary>
    public bool TryRead(ConsumedPartition[] partitions, BatchContents contents)
    {
        for (var i = 0; i < partitions.Length; i++)
        {
            var index = (_next + i) % partitions.Length;
            var partition = partitions[index];
            if (partition.IsPaused || !filling.IsWorthReading(partition) || !TryRead(partition, contents))
                continue;
            _next = index + 1;
            partition.FillsUpUntil = null;
            return true;
        }
        return false;
    }

    private bool TryRead(ConsumedPartition partition, BatchContents contents)
    {
        partition.Align();
        while (true)
        {
            if (partition.Run.IsEmpty && !TryFetch(partition))
                return false;
            if (contents.Fill(partition, partition.RecordsMax ?? options.MaxBatchRecords))
                return true;
            // Everything was in front of the position, or an empty shell that compaction left: that counts as given.
            partition.Give(partition.ReadTo);
        }
    }

    private bool TryFetch(ConsumedPartition partition)
    {
        try
        {
            if (partition.Reader.TryRead(options.MaxBatchBytes, out var run))
            {
                partition.Run.Begin(run);
                return true;
            }
        }
        catch (BrokerException exception) when (exception.Code == ErrorCode.OffsetOutOfRange && options.WhenOffsetLost != WhenOffsetLost.Throw)
        {
            GoOn(partition);
            // Now, not at the next look: an empty answer counts as idle, and would end a loop that reads to the end in front of records.
            return TryFetch(partition);
        }
        partition.ReadTo = partition.Reader.NextOffset;
        partition.Give(partition.ReadTo);
        partition.FillsUpUntil = null;
        return false;
    }

    private void GoOn(ConsumedPartition partition)
    {
        var offsets = partition.Partition.Offsets;
        var lost = partition.Position;
        var position = options.WhenOffsetLost == WhenOffsetLost.Earliest ? partition.Partition.ReadableFrom : partition.Partition.EndOffset(options.Isolation);
        partition.Rewind(position);
        ConsumerLog.OffsetLost(logger, partition.Id, lost, offsets.LogStart, offsets.HighWatermark, position);
    }
}
