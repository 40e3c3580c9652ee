using ExactlyOnce.Clients;

namespace ExactlyOnce;

/// <summary>
/// Where a consumer begins in a partition for which there is no committed offset (always, for a consumer without a group). The default value is
/// <see cref="Earliest"/>.
/// </summary>
public readonly record struct StartFrom
{
    private readonly Kind _kind;
    private readonly long _value;

    private StartFrom(Kind kind, long value)
    {
        _kind = kind;
        _value = value;
    }

    /// <summary>The oldest record kept.</summary>
    public static StartFrom Earliest => default;

    /// <summary>Only what becomes visible after the consumer has started.</summary>
    public static StartFrom Latest => new(Kind.Latest, 0);

    /// <summary>This offset, in every partition.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The offset is negative.</exception>
    public static StartFrom Offset(long offset)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        return new StartFrom(Kind.Offset, offset);
    }

    /// <summary>The first record, in each partition, that is not older than <paramref name="time"/>; the end where there is none.</summary>
    public static StartFrom Timestamp(DateTimeOffset time) => new(Kind.Timestamp, time.ToUnixTimeMilliseconds());

    /// <summary>The first record, in each partition, that is not older than this when the consumer starts; the end where there is none.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The age is negative.</exception>
    public static StartFrom Ago(TimeSpan age)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(age, TimeSpan.Zero);
        return new StartFrom(Kind.Ago, age.Ticks);
    }

    /// <summary>The form used in messages: <c>Earliest</c>, <c>Offset 17</c>.</summary>
    public override string ToString() => _kind switch
    {
        Kind.Offset => $"Offset {_value}",
        Kind.Timestamp => $"Timestamp {DateTimeOffset.FromUnixTimeMilliseconds(_value):O}",
        Kind.Ago => $"Ago {TimeSpan.FromTicks(_value)}",
        _ => _kind.ToString(),
    };

    /// <summary>The offset this means in <paramref name="partition"/> at this moment.</summary>
    internal long Resolve(BackendPartition partition, IsolationLevel isolation, DateTimeOffset now) => _kind switch
    {
        Kind.Earliest => partition.ReadableFrom,
        Kind.Latest => partition.EndOffset(isolation),
        Kind.Offset => _value,
        Kind.Timestamp => FirstNotOlder(partition, isolation, _value),
        // Older than the calendar is old enough for everything.
        _ => FirstNotOlder(partition, isolation, new DateTimeOffset(Math.Max(0, now.UtcTicks - _value), TimeSpan.Zero).ToUnixTimeMilliseconds()),
    };

    // The end is taken before the search: a record that arrives in between is found by one or the other.
    private static long FirstNotOlder(BackendPartition partition, IsolationLevel isolation, long timestampMs)
    {
        var end = partition.EndOffset(isolation);
        return partition.FindOffset(timestampMs, isolation) ?? end;
    }

    private enum Kind
    {
        Earliest = 0,
        Latest,
        Offset,
        Timestamp,
        Ago,
    }
}
