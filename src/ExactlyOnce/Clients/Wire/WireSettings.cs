namespace ExactlyOnce.Clients.Wire;

/// <summary>What a Kafka endpoint chooses about groups. Names in parentheses are Kafka's; defaults are Kafka's unless said otherwise.</summary>
internal sealed record WireSettings
{
    /// <summary>
    /// How long the first rebalance of an empty classic group waits for more members (<c>group.initial.rebalance.delay.ms</c>). Default zero (Kafka: 3 s): a
    /// client in a test is not to wait for company that never comes.
    /// </summary>
    public TimeSpan InitialRebalanceDelay { get; init; } = TimeSpan.Zero;

    /// <summary>The shortest session timeout of a classic member (<c>group.min.session.timeout.ms</c>).</summary>
    public TimeSpan SessionTimeoutMin { get; init; } = TimeSpan.FromSeconds(6);

    /// <summary>The longest one (<c>group.max.session.timeout.ms</c>).</summary>
    public TimeSpan SessionTimeoutMax { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>How long nothing may be heard of a member of a consumer group (<c>group.consumer.session.timeout.ms</c>).</summary>
    public TimeSpan ConsumerSessionTimeout { get; init; } = TimeSpan.FromSeconds(45);

    /// <summary>How often such a member is asked to be heard (<c>group.consumer.heartbeat.interval.ms</c>).</summary>
    public TimeSpan ConsumerHeartbeatInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The most members of a group (<c>group.max.size</c>).</summary>
    public int GroupMembersMax { get; init; } = 10_000;

    /// <summary>The longest text beside a committed offset, in characters (<c>offset.metadata.max.bytes</c>).</summary>
    public int OffsetMetadataCharsMax { get; init; } = 4_096;
}
