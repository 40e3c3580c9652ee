using ExactlyOnce.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;

namespace ExactlyOnce.Sql.Tests.EntityFrameworkCore;

internal sealed class EffectsContext(DbContextOptions<EffectsContext> options) : DbContext(options)
{
    public DbSet<Effect> Effects => Set<Effect>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.UseExactlyOnce();
        modelBuilder.Entity<Effect>(effect =>
        {
            effect.ToTable("effects");
            effect.Property(row => row.Id).HasColumnName("id");
            effect.Property(row => row.PartitionIndex).HasColumnName("partition_index");
            effect.Property(row => row.RecordOffset).HasColumnName("record_offset");
            effect.Property(row => row.Value).HasColumnName("value");
        });
    }
}
