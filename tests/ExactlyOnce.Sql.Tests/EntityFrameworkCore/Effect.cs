namespace ExactlyOnce.Sql.Tests.EntityFrameworkCore;

/// <summary>A row that a sink's handler writes.</summary>
internal sealed class Effect
{
    public long Id { get; set; }

    public int PartitionIndex { get; set; }

    public long RecordOffset { get; set; }

    public required string Value { get; set; }
}
