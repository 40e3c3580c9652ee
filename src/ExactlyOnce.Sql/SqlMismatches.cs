using System.Data.Common;

namespace ExactlyOnce.Sql;

/// <summary>The mismatches that more than one place finds, in the words for whoever has to look at them.</summary>
internal static class SqlMismatches
{
    public static SqlMismatchException MissingTable(string table, SqlDialect dialect, DbException cause)
    {
        var property = dialect.Name.Replace(" ", "", StringComparison.Ordinal);
        return new SqlMismatchException(
            $"The table {table} does not exist. Create it with the script of the package (SqlDialect.{property}.CreateScript()), with "
            + "SqlTables.CreateAsync(dataSource), or by a migration of a DbContext whose model says UseExactlyOnce().", cause);
    }

    public static SqlMismatchException ReplacedTopic(string consumer, TopicPartition partition, string table) => new(
        $"The row of '{consumer}' for {partition} in {table} counts the records of an earlier topic of that name: the topic was deleted and made anew, or its "
        + "broker's folder was replaced (a broker in memory begins anew with each process), and the database was kept. To read the new topic from its "
        + "beginning, delete that row (consumer, topic, partition_index) while the pipeline is stopped; to keep the old one, bring its folder back.");
}
