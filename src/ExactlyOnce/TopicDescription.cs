namespace ExactlyOnce;

/// <summary>A topic as it stands now.</summary>
/// <param name="Name">The topic's name.</param>
/// <param name="Id">The id that tells it from an earlier topic of the same name.</param>
/// <param name="Partitions">The number of partitions.</param>
/// <param name="Options">A copy of its configuration.</param>
/// <param name="IsInternal">True for the broker's own topics.</param>
public sealed record TopicDescription(string Name, Guid Id, int Partitions, TopicOptions Options, bool IsInternal);
