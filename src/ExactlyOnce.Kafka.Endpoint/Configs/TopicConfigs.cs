using System.Globalization;

namespace ExactlyOnce.Kafka.Endpoint.Configs;

/// <summary>
/// Kafka's topic configurations: those that a topic here has (<see cref="TopicOptions"/>), and those that are accepted because tools set them and which change
/// nothing here.
/// </summary>
internal static class TopicConfigs
{
    private const int ExcerptCharsMax = 200;

    /// <summary>Ascending by name.</summary>
    public static IReadOnlyList<TopicConfig> All { get; } =
    [
        new("cleanup.policy", ConfigType.List, options => CleanupText(options.Cleanup), (options, text) => options.Cleanup = ToCleanup(text)),
        Accepted("compression.type", ConfigType.String, "producer"),
        new("delete.retention.ms", ConfigType.Int64, options => Text(options.DeleteRetention), (options, text) => options.DeleteRetention = ToTime(text)),
        Accepted("file.delete.delay.ms", ConfigType.Int64, "60000"),
        Accepted("flush.messages", ConfigType.Int64, "9223372036854775807"),
        Accepted("flush.ms", ConfigType.Int64, "9223372036854775807"),
        Accepted("index.interval.bytes", ConfigType.Int32, "4096"),
        Accepted("max.compaction.lag.ms", ConfigType.Int64, "9223372036854775807"),
        new("max.message.bytes", ConfigType.Int32, options => Text(options.MaxMessageBytes), (options, text) => options.MaxMessageBytes = ToInt32(text)),
        Accepted("message.downconversion.enable", ConfigType.Bool, "true"),
        Accepted("message.format.version", ConfigType.String, "3.0-IV1"),
        new(
            "message.timestamp.after.max.ms", ConfigType.Int64,
            options => Text(options.TimestampMaxAhead), (options, text) => options.TimestampMaxAhead = ToTime(text)),
        Accepted("message.timestamp.before.max.ms", ConfigType.Int64, "9223372036854775807"),
        Accepted("message.timestamp.difference.max.ms", ConfigType.Int64, "9223372036854775807"),
        new(
            "message.timestamp.type", ConfigType.String,
            options => options.TimestampType.ToString(), (options, text) => options.TimestampType = ToTimestampType(text)),
        Accepted("min.cleanable.dirty.ratio", ConfigType.Double, "0.5"),
        new("min.compaction.lag.ms", ConfigType.Int64, options => Text(options.MinCompactionLag), (options, text) => options.MinCompactionLag = ToTime(text)),
        Accepted("min.insync.replicas", ConfigType.Int32, "1"),
        Accepted("preallocate", ConfigType.Bool, "false"),
        new("retention.bytes", ConfigType.Int64, options => Text(options.RetainBytes), (options, text) => options.RetainBytes = ToInt64(text)),
        new("retention.ms", ConfigType.Int64, options => Text(options.RetainFor), (options, text) => options.RetainFor = ToTime(text)),
        new("segment.bytes", ConfigType.Int32, options => Text(options.SegmentBytes), (options, text) => options.SegmentBytes = ToInt32(text)),
        Accepted("segment.index.bytes", ConfigType.Int32, "10485760"),
        Accepted("segment.jitter.ms", ConfigType.Int64, "0"),
        new("segment.ms", ConfigType.Int64, options => Text(options.SegmentAge), (options, text) => options.SegmentAge = ToTime(text)),
        Accepted("unclean.leader.election.enable", ConfigType.Bool, "false"),
    ];

    private static readonly Dictionary<string, TopicConfig> s_byName = All.ToDictionary(config => config.Name, StringComparer.Ordinal);

    public static TopicConfig? Find(string name) => s_byName.GetValueOrDefault(name);

    /// <summary>Sets an option; null puts its default back. The complaint when the name or the value is not valid, else null.</summary>
    public static string? TrySet(TopicOptions options, string name, string? value)
    {
        if (Find(name) is not { } config)
            return $"There is no topic configuration '{Excerpt(name)}'.";
        try
        {
            config.Set(options, value ?? config.DefaultValue);
            return null;
        }
        catch (Exception exception) when (exception is FormatException or OverflowException)
        {
            return $"'{name}' cannot be '{Excerpt(value ?? "")}'.";
        }
    }

    /// <summary>What a client wrote, as far as a message has room for it.</summary>
    public static string Excerpt(string text) => text.Length <= ExcerptCharsMax ? text : $"{text[..ExcerptCharsMax]}…";

    private static TopicConfig Accepted(string name, ConfigType type, string value) => new(name, type, _ => value, static (_, _) => { });

    private static string CleanupText(CleanupPolicy policy) => policy switch
    {
        CleanupPolicy.Compact => "compact",
        CleanupPolicy.Compact | CleanupPolicy.Delete => "compact,delete",
        _ => "delete",
    };

    private static CleanupPolicy ToCleanup(string text)
    {
        var policy = default(CleanupPolicy);
        foreach (var word in text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            policy |= word switch
            {
                "delete" => CleanupPolicy.Delete,
                "compact" => CleanupPolicy.Compact,
                _ => throw new FormatException(),
            };
        return policy == default ? throw new FormatException() : policy;
    }

    private static TimestampType ToTimestampType(string text) => text switch
    {
        "CreateTime" => TimestampType.CreateTime,
        "LogAppendTime" => TimestampType.LogAppendTime,
        _ => throw new FormatException(),
    };

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Text(TimeSpan time) => time == TopicOptions.Forever ? "-1" : Text((long)time.TotalMilliseconds);

    private static int ToInt32(string text) => int.Parse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);

    private static long ToInt64(string text) => long.Parse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);

    /// <summary>−1 is for ever, and so is what is longer than time can be here.</summary>
    private static TimeSpan ToTime(string text) => ToInt64(text) switch
    {
        -1 => TopicOptions.Forever,
        < -1 => throw new FormatException(),
        > long.MaxValue / TimeSpan.TicksPerMillisecond => TopicOptions.Forever,
        var milliseconds => TimeSpan.FromMilliseconds(milliseconds),
    };
}
