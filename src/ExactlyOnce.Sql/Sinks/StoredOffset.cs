namespace ExactlyOnce.Sql.Sinks;

/// <summary>What a row of the table of offsets says.</summary>
/// <param name="Epoch">Who may write: the last one that took the row over.</param>
/// <param name="NextOffset">The next offset to read; <see cref="None"/> while nothing was written.</param>
/// <param name="TopicId">The id of the topic that it counts; null where nobody has said.</param>
internal readonly record struct StoredOffset(long Epoch, long NextOffset, string? TopicId = null)
{
    public const long None = -1;

    public long? ToPosition() => NextOffset == None ? null : NextOffset;
}
