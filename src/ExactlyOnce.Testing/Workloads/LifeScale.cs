using ExactlyOnce.Engine;

namespace ExactlyOnce.Testing.Workloads;

/// <summary>How large everything is in a life, and which topics it begins with.</summary>
internal sealed record LifeScale(EngineOptions Engine, int SegmentBytes, (string Name, int Partitions, Action<TopicOptions>? Configure)[] Topics)
{
    private static readonly (string Name, int Partitions, Action<TopicOptions>? Configure)[] s_topics =
        [(Life.Plain.Name, 3, null), (Life.Named.Name, 2, null), (Life.Input.Name, 2, null), (Life.Output.Name, 3, null)];

    /// <summary>As small as it goes, so that a script of some hundred operations rolls through several files.</summary>
    public static LifeScale Usual { get; } = new(
        new EngineOptions
        {
            Directory = Life.Root,
            Durability = Durability.Flushed,
            JournalFileBytes = 128 << 10,
            CheckpointBytes = 1 << 20,
            TailBytesMax = 4 << 20,
        },
        SegmentBytes: 32 << 10,
        [.. s_topics, (Life.Bulk.Name, 1, null)]);

    /// <summary>The same, where an acknowledgement does not wait for the sync.</summary>
    public static LifeScale Written { get; } = Usual with { Engine = Usual.Engine with { Durability = Durability.Written } };

    /// <summary>
    /// For lives of two or three operations: every checkpoint writes segments, every few records fill one, every few kilobytes fill a journal file.
    /// </summary>
    public static LifeScale Tiny { get; } = new(
        Usual.Engine with { JournalFileBytes = 32 << 10, SmallTailBytes = 256 },
        SegmentBytes: 1024,
        [.. s_topics, (Life.Held.Name, 2, null), (Life.Keyed.Name, 1, static options => options.Cleanup = CleanupPolicy.Compact), (Life.Brief.Name, 1, static options => options.RetainFor = Life.BriefTime)]);
}
