using ExactlyOnce.Sql;
using Microsoft.EntityFrameworkCore;

namespace ExactlyOnce.EntityFrameworkCore.Model;

/// <summary>What the model of a context calls the tables of the package, and in which dialect they are spoken to.</summary>
internal static class ModelTables
{
    public static string TableOf<TEntity>(this DbContext context)
    {
        var entity = context.Model.FindEntityType(typeof(TEntity))!;
        // SQLite has no schemas, and its provider leaves out what the model says.
        var schema = context.DialectOf() == SqlDialect.Sqlite ? null : entity.GetSchema();
        return schema is null ? entity.GetTableName()! : $"{schema}.{entity.GetTableName()}";
    }

    public static SqlDialect? DialectOf(this DbContext context) => context.Database.ProviderName switch
    {
        "Microsoft.EntityFrameworkCore.Sqlite" => SqlDialect.Sqlite,
        "Npgsql.EntityFrameworkCore.PostgreSQL" => SqlDialect.PostgreSql,
        "Microsoft.EntityFrameworkCore.SqlServer" => SqlDialect.SqlServer,
        _ => null,
    };

    /// <exception cref="InvalidOperationException">The model does not have the tables.</exception>
    public static void RequireExactlyOnce(this DbContext context)
    {
        if (context.Model.FindEntityType(typeof(OffsetEntity)) is null)
            throw new InvalidOperationException(
                $"The model of {context.GetType().Name} does not have the tables of ExactlyOnce: call modelBuilder.UseExactlyOnce() in its OnModelCreating, "
                + "and add a migration.");
    }
}
