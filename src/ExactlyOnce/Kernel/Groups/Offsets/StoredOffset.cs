namespace ExactlyOnce.Kernel.Groups.Offsets;

/// <summary>An offset the group has, committed or pending.</summary>
/// <param name="Offset">The next offset to read.</param>
/// <param name="LeaderEpoch">−1 when unknown.</param>
/// <param name="Metadata">Free text of the client.</param>
/// <param name="CommitMs">Broker time of the request that wrote it.</param>
/// <param name="WriteOrder">Grows with every write of offsets, transactional ones included: of two values the later written wins.</param>
/// <param name="Lsn">The frame that made this value the committed one; an answer that shows it waits for that frame.</param>
internal readonly record struct StoredOffset(long Offset, int LeaderEpoch, string Metadata, long CommitMs, long WriteOrder, long Lsn);
