using System.Data;
using System.Data.Common;
using System.Diagnostics.CodeAnalysis;

namespace ExactlyOnce.Sql;

/// <summary>Commands as sentences: the statement, then its parameters.</summary>
internal static class CommandExtensions
{
    [SuppressMessage("Security", "CA2100", Justification = "Statements are made of constants and checked table names; values are parameters.")]
    public static DbCommand Write(this DbConnection connection, DbTransaction? transaction, string statement)
    {
        var command = connection.CreateCommand();
        command.CommandText = statement;
        command.Transaction = transaction;
        return command;
    }

    public static DbCommand With(this DbCommand command, string name, long value) => command.With(name, DbType.Int64, value);

    public static DbCommand With(this DbCommand command, string name, DbType type, object? value)
    {
        var parameter = command.CreateParameter();
        parameter.ParameterName = name;
        parameter.DbType = type;
        parameter.Value = value ?? DBNull.Value;
        command.Parameters.Add(parameter);
        return command;
    }

    public static async ValueTask<int> ExecuteAsync(this DbCommand command, CancellationToken cancellationToken)
    {
        await using (command.ConfigureAwait(false))
            return await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }
}
