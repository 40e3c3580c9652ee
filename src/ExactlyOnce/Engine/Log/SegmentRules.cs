namespace ExactlyOnce.Engine.Log;

/// <summary>When a segment is full (A16.6) and how densely it is indexed.</summary>
internal sealed record SegmentRules
{
    /// <summary>The largest log file; a single batch may exceed it.</summary>
    public long SegmentBytes { get; init; } = 128 * 1024 * 1024;

    /// <summary>How long a segment may stay open, from its first append by the broker's clock; negative for ever.</summary>
    public long SegmentAgeMs { get; init; } = -1;

    /// <summary>About how many bytes of log lie between two index entries.</summary>
    public int IndexIntervalBytes { get; init; } = 4096;

    /// <summary>The largest offset or time index.</summary>
    public int IndexBytesMax { get; init; } = 10 * 1024 * 1024;

    public static SegmentRules Of(TopicOptions options, int indexIntervalBytes) => new()
    {
        SegmentBytes = options.SegmentBytes,
        IndexIntervalBytes = indexIntervalBytes,
        SegmentAgeMs = options.SegmentAge < TimeSpan.Zero ? -1 : (long)options.SegmentAge.TotalMilliseconds,
    };
}
