namespace ExactlyOnce.EntityFrameworkCore.Model;

/// <summary>A row of the table of offsets: how far a consumer is in a partition, and who may write.</summary>
internal sealed class OffsetEntity
{
    public required string Consumer { get; init; }

    public required string Topic { get; init; }

    public required int PartitionIndex { get; init; }

    public long NextOffset { get; set; }

    public long Epoch { get; set; }

    public string? TopicId { get; set; }
}
