namespace ExactlyOnce.Sql;

/// <summary>How a sink keeps its offsets. Validated once, when the sink is made.</summary>
public sealed class SqlSinkOptions
{
    /// <summary>The name under which offsets are kept; null for the pipeline's. Two pipelines that must not share their progress must not share it.</summary>
    public string? Consumer { get; set; }

    /// <summary>The table of offsets, with its schema if it is not the default one. It must be in the database that the effects go to.</summary>
    public string Table { get; set; } = SqlTables.DefaultOffsets;

    /// <summary>The database's dialect; null to find it from the connection.</summary>
    public SqlDialect? Dialect { get; set; }

    /// <summary>The isolation of the transactions in which batches are written. Default: the database's own default.</summary>
    public System.Data.IsolationLevel Isolation { get; set; } = System.Data.IsolationLevel.Unspecified;

    internal void Validate()
    {
        if (Consumer is not null)
            CheckConsumer(Consumer, nameof(Consumer));
        SqlTables.CheckName(Table, nameof(Table));
        if (!Enum.IsDefined(Isolation))
            throw new ArgumentException($"{Isolation} is not an isolation level.");
    }

    internal static void CheckConsumer(string name, string parameter)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name, parameter);
        if (name.Length > ConsumerOptions.MaxGroupLength)
            throw new ArgumentException($"The name has {name.Length} characters; at most {ConsumerOptions.MaxGroupLength} are allowed.", parameter);
    }
}
