using ExactlyOnce.EntityFrameworkCore.Model;
using ExactlyOnce.Sql;
using Microsoft.EntityFrameworkCore;

namespace ExactlyOnce.EntityFrameworkCore;

/// <summary>Makes the tables of this package part of a model, and so of its migrations.</summary>
public static class ModelBuilderExtensions
{
    /// <summary>
    /// Adds the table of offsets and the outbox to the model; call it in <c>OnModelCreating</c>, and add a migration. The tables are the same as those of
    /// ExactlyOnce.Sql.
    /// <code>
    /// protected override void OnModelCreating(ModelBuilder modelBuilder) => modelBuilder.UseExactlyOnce();
    /// </code>
    /// </summary>
    /// <param name="modelBuilder">The model.</param>
    /// <param name="offsetTable">The table of offsets.</param>
    /// <param name="outboxTable">The outbox.</param>
    /// <param name="schema">The schema of both; null for the model's default.</param>
    /// <exception cref="ArgumentException">A name is none, or has its schema in it.</exception>
    public static ModelBuilder UseExactlyOnce(
        this ModelBuilder modelBuilder, string offsetTable = SqlTables.DefaultOffsets, string outboxTable = SqlTables.DefaultOutbox, string? schema = null)
    {
        ArgumentNullException.ThrowIfNull(modelBuilder);
        SqlTables.CheckIdentifier(offsetTable, nameof(offsetTable));
        SqlTables.CheckIdentifier(outboxTable, nameof(outboxTable));
        if (schema is not null)
            SqlTables.CheckIdentifier(schema, nameof(schema));
        modelBuilder.Entity<OffsetEntity>(offset =>
        {
            offset.ToTable(offsetTable, schema);
            offset.HasKey(row => new { row.Consumer, row.Topic, row.PartitionIndex });
            offset.Property(row => row.Consumer).HasColumnName("consumer").HasMaxLength(ConsumerOptions.MaxGroupLength);
            offset.Property(row => row.Topic).HasColumnName("topic").HasMaxLength(Topic.MaxNameLength).IsUnicode(false);
            offset.Property(row => row.PartitionIndex).HasColumnName("partition_index");
            offset.Property(row => row.NextOffset).HasColumnName("next_offset");
            offset.Property(row => row.Epoch).HasColumnName("epoch");
            offset.Property(row => row.TopicId).HasColumnName("topic_id").HasMaxLength(36).IsUnicode(false);
        });
        modelBuilder.Entity<OutboxEntity>(outbox =>
        {
            outbox.ToTable(outboxTable, schema);
            outbox.HasKey(row => row.Id);
            outbox.HasIndex(row => row.SequenceNumber).HasDatabaseName($"{outboxTable}_sequence");
            outbox.Property(row => row.Id).HasColumnName("id");
            outbox.Property(row => row.SequenceNumber).HasColumnName("sequence_number");
            outbox.Property(row => row.Topic).HasColumnName("topic").HasMaxLength(Topic.MaxNameLength).IsUnicode(false);
            outbox.Property(row => row.RecordKey).HasColumnName("record_key");
            outbox.Property(row => row.RecordValue).HasColumnName("record_value");
            outbox.Property(row => row.Headers).HasColumnName("headers");
            outbox.Property(row => row.TimestampMs).HasColumnName("timestamp_ms");
        });
        return modelBuilder;
    }
}
