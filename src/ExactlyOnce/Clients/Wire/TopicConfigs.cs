using System.Globalization;

namespace ExactlyOnce.Clients.Wire;

/// <summary>Kafka's topic configs and how a <see cref="TopicOptions"/> says them.</summary>
internal static class TopicConfigs
{
    private const long TimeMsMax = long.MaxValue / TimeSpan.TicksPerMillisecond;

    /// <summary>By name.</summary>
    public static IReadOnlyList<TopicConfig> All { get; } =
    [
        new("cleanup.policy", TopicConfigType.List, static options => Text(options.Cleanup), static (options, text) => Cleanup(text) is { } value && Set(() => options.Cleanup = value)),
        new("compression.type", TopicConfigType.Text, "producer"),
        Time("delete.retention.ms", static options => options.DeleteRetention, static (options, value) => options.DeleteRetention = value),
        new("file.delete.delay.ms", TopicConfigType.Int64, "60000"),
        new("flush.messages", TopicConfigType.Int64, "9223372036854775807"),
        new("flush.ms", TopicConfigType.Int64, "9223372036854775807"),
        new("follower.replication.throttled.replicas", TopicConfigType.List, ""),
        new("index.interval.bytes", TopicConfigType.Int32, "4096"),
        new("leader.replication.throttled.replicas", TopicConfigType.List, ""),
        new("local.retention.bytes", TopicConfigType.Int64, "-2"),
        new("local.retention.ms", TopicConfigType.Int64, "-2"),
        new("max.compaction.lag.ms", TopicConfigType.Int64, "9223372036854775807"),
        Int32("max.message.bytes", static options => options.MaxMessageBytes, static (options, value) => options.MaxMessageBytes = value),
        new("message.downconversion.enable", TopicConfigType.Boolean, "true"),
        new("message.format.version", TopicConfigType.Text, "3.0-IV1"),
        Time("message.timestamp.after.max.ms", static options => options.TimestampMaxAhead, static (options, value) => options.TimestampMaxAhead = value),
        new("message.timestamp.before.max.ms", TopicConfigType.Int64, "9223372036854775807"),
        new("message.timestamp.difference.max.ms", TopicConfigType.Int64, "9223372036854775807"),
        new("message.timestamp.type", TopicConfigType.Text, static options => options.TimestampType.ToString(), static (options, text) => TrySetTimestampType(options, text)),
        new("min.cleanable.dirty.ratio", TopicConfigType.Number, "0.5"),
        Time("min.compaction.lag.ms", static options => options.MinCompactionLag, static (options, value) => options.MinCompactionLag = value),
        new("min.insync.replicas", TopicConfigType.Int32, "1"),
        new("preallocate", TopicConfigType.Boolean, "false"),
        new("remote.storage.enable", TopicConfigType.Boolean, "false"),
        Int64("retention.bytes", static options => options.RetainBytes, static (options, value) => options.RetainBytes = value),
        Time("retention.ms", static options => options.RetainFor, static (options, value) => options.RetainFor = value),
        Int32("segment.bytes", static options => options.SegmentBytes, static (options, value) => options.SegmentBytes = value),
        new("segment.index.bytes", TopicConfigType.Int32, "10485760"),
        new("segment.jitter.ms", TopicConfigType.Int64, "0"),
        Time("segment.ms", static options => options.SegmentAge, static (options, value) => options.SegmentAge = value),
        new("unclean.leader.election.enable", TopicConfigType.Boolean, "false"),
    ];

    public static TopicConfig? Find(string name)
    {
        foreach (var config in All)
            if (config.Name == name)
                return config;
        return null;
    }

    private static TopicConfig Time(string name, Func<TopicOptions, TimeSpan> read, Action<TopicOptions, TimeSpan> write) => new(
        name,
        TopicConfigType.Int64,
        options => Milliseconds(read(options)),
        (options, text) => TryTime(text, out var value) && Set(() => write(options, value)));

    private static TopicConfig Int32(string name, Func<TopicOptions, int> read, Action<TopicOptions, int> write) => new(
        name,
        TopicConfigType.Int32,
        options => read(options).ToString(CultureInfo.InvariantCulture),
        (options, text) => int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && Set(() => write(options, value)));

    private static TopicConfig Int64(string name, Func<TopicOptions, long> read, Action<TopicOptions, long> write) => new(
        name,
        TopicConfigType.Int64,
        options => read(options).ToString(CultureInfo.InvariantCulture),
        (options, text) => long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && Set(() => write(options, value)));

    private static bool Set(Action write)
    {
        write();
        return true;
    }

    private static string Milliseconds(TimeSpan time) =>
        time == TopicOptions.Forever ? "-1" : (time.Ticks / TimeSpan.TicksPerMillisecond).ToString(CultureInfo.InvariantCulture);

    // Kafka's "for ever" is -1 for some and the largest number for others.
    private static bool TryTime(string text, out TimeSpan time)
    {
        time = TopicOptions.Forever;
        if (!long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var milliseconds) || milliseconds < -1)
            return false;
        if (milliseconds is >= 0 and <= TimeMsMax)
            time = TimeSpan.FromMilliseconds(milliseconds);
        return true;
    }

    private static string Text(CleanupPolicy policy) => policy switch
    {
        CleanupPolicy.Delete => "delete",
        CleanupPolicy.Compact => "compact",
        _ => "compact,delete",
    };

    private static CleanupPolicy? Cleanup(string text)
    {
        CleanupPolicy policy = 0;
        foreach (var word in text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            switch (word)
            {
                case "delete":
                    policy |= CleanupPolicy.Delete;
                    break;
                case "compact":
                    policy |= CleanupPolicy.Compact;
                    break;
                default:
                    return null;
            }
        }
        return policy == 0 ? null : policy;
    }

    private static bool TrySetTimestampType(TopicOptions options, string text)
    {
        if (text is not ("CreateTime" or "LogAppendTime"))
            return false;
        options.TimestampType = text == "CreateTime" ? TimestampType.CreateTime : TimestampType.LogAppendTime;
        return true;
    }
}
