using Microsoft.Extensions.Logging;

namespace ExactlyOnce.Sql;

/// <summary>How an outbox is written and read. Validated once, when the outbox is made.</summary>
public sealed class SqlOutboxOptions
{
    /// <summary>
    /// The outbox's name: the broker remembers under it how far the outbox is, so it must stay what it is, and be another for another database that writes to
    /// the same broker. At most 100 characters.
    /// </summary>
    public string Name { get; set; } = "outbox";

    /// <summary>The table that records are written to, with its schema if it is not the default one.</summary>
    public string Table { get; set; } = SqlTables.DefaultOutbox;

    /// <summary>The table of offsets, in which the relay counts the rows and keeps its epoch.</summary>
    public string OffsetTable { get; set; } = SqlTables.DefaultOffsets;

    /// <summary>The database's dialect; null to find it from the connection.</summary>
    public SqlDialect? Dialect { get; set; }

    /// <summary>The most rows that the relay takes at once. Default 1,000.</summary>
    public int MaxBatchRows { get; set; } = 1_000;

    /// <summary>
    /// How long the relay waits before it looks again when there were no rows; <see cref="OutboxRelay.Wake"/> ends the wait. Default 200 milliseconds.
    /// </summary>
    public TimeSpan PollInterval { get; set; } = TimeSpan.FromMilliseconds(200);

    /// <summary>The longest wait after a failure that may pass; the first one is a hundredth of it. Default 30 seconds.</summary>
    public TimeSpan MaxRetryDelay { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Who is told about failures that are waited out; null for nobody. See also <see cref="OutboxRelay.Failure"/>.</summary>
    public ILoggerFactory? LoggerFactory { get; set; }

    /// <summary>The clock that the waits go by.</summary>
#pragma warning disable RS0030 // The one place where the package takes a clock that it was not given.
    public TimeProvider TimeProvider { get; set; } = TimeProvider.System;
#pragma warning restore RS0030

    internal void Validate()
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(Name, nameof(Name));
        if (Name.Length > 100)
            throw new ArgumentException($"The name has {Name.Length} characters; at most 100 are allowed.", nameof(Name));
        SqlTables.CheckName(Table, nameof(Table));
        SqlTables.CheckName(OffsetTable, nameof(OffsetTable));
        if (MaxBatchRows is < 1 or > 100_000)
            throw new ArgumentException($"{nameof(MaxBatchRows)} is {MaxBatchRows}; 1 to 100,000 are possible.", nameof(MaxBatchRows));
        if (PollInterval <= TimeSpan.Zero || MaxRetryDelay <= TimeSpan.Zero || PollInterval > TimeSpan.FromDays(1) || MaxRetryDelay > TimeSpan.FromDays(1))
            throw new ArgumentException($"{nameof(PollInterval)} and {nameof(MaxRetryDelay)} are above zero and at most a day.");
        ArgumentNullException.ThrowIfNull(TimeProvider);
    }
}
