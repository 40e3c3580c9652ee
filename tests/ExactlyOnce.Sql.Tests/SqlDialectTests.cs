using Microsoft.Data.Sqlite;
using Npgsql;

namespace ExactlyOnce.Sql.Tests;

/// <summary>
/// What can be said of a dialect without its database. SQL Server is not run here: its statements are pinned as they were read against the documentation.
/// </summary>
public sealed class SqlDialectTests
{
    [Fact]
    public void A_dialect_is_found_from_the_connection()
    {
        using var sqlite = new SqliteConnection();
        using var postgres = new NpgsqlConnection();

        SqlDialect.Of(sqlite).Should().BeSameAs(SqlDialect.Sqlite);
        SqlDialect.Of(postgres).Should().BeSameAs(SqlDialect.PostgreSql);
    }

    [Fact]
    public void A_provider_that_is_not_known_is_told_how_to_name_its_dialect()
    {
        using var wrapped = new Steps.StepConnection(new SqliteConnection(), new Steps.KillAt(0));

        FluentActions.Invoking(() => SqlDialect.Of(wrapped)).Should().Throw<NotSupportedException>().WithMessage("*StepConnection*options.Dialect*");
    }

    [Fact]
    public void A_script_creates_the_tables_under_the_names_it_is_given()
    {
        var script = SqlDialect.SqlServer.CreateScript("billing.Offsets", "billing.Outbox");

        script.Should().Contain("IF OBJECT_ID(N'[billing].[Offsets]', N'U') IS NULL").And.Contain("CREATE TABLE [billing].[Outbox]")
            .And.Contain("CREATE INDEX [Outbox_sequence] ON [billing].[Outbox] (sequence_number)").And.NotContain("exactlyonce_");
    }

    [Fact]
    public void SQL_Server_numbers_rows_without_waiting_for_those_that_others_insert() =>
        SqlDialect.SqlServer.NumberRows("[exactlyonce_outbox]").Should().Be(
            "WITH picked AS (SELECT TOP (@max) sequence_number, ROW_NUMBER() OVER (ORDER BY id) - 1 AS n "
            + "FROM [exactlyonce_outbox] WITH (READPAST, READCOMMITTEDLOCK, UPDLOCK, ROWLOCK) WHERE sequence_number IS NULL ORDER BY id) "
            + "UPDATE picked SET sequence_number = @base + n");

    [Fact]
    public void SQL_Server_reads_the_first_rows_with_TOP() =>
        SqlDialect.SqlServer.ReadRows("[exactlyonce_outbox]").Should().Be(
            "SELECT TOP (@max) sequence_number, id, topic, record_key, record_value, headers, timestamp_ms FROM [exactlyonce_outbox] "
            + "WHERE sequence_number IS NOT NULL ORDER BY sequence_number");

    [Theory]
    [InlineData("sqlite.sql")]
    [InlineData("postgresql.sql")]
    [InlineData("sqlserver.sql")]
    public void Every_script_has_every_column_that_the_statements_use(string name)
    {
        using var stream = typeof(SqlDialect).Assembly.GetManifestResourceStream(name)!;
        using var reader = new StreamReader(stream);
        var script = reader.ReadToEnd();

        const string offsets = "consumer topic partition_index next_offset epoch topic_id";
        const string outbox = "id sequence_number topic record_key record_value headers timestamp_ms";
        foreach (var column in $"{offsets} {outbox}".Split(' '))
            script.Should().MatchRegex($@"(?m)^\s+{column}\s");
    }
}
