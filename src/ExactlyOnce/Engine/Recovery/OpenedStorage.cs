using ExactlyOnce.Engine.Coordination;
using ExactlyOnce.Engine.Journal;
using ExactlyOnce.Engine.Log;
using ExactlyOnce.Engine.Partitions;

namespace ExactlyOnce.Engine.Recovery;

/// <summary>What an opening found, ready to be wired into a broker.</summary>
/// <param name="DirectoryLock">Held until the broker is closed; null in memory.</param>
/// <param name="Checkpointer">Null in memory.</param>
/// <param name="Manifests">Null in memory.</param>
internal sealed record OpenedStorage(
    JournalWriter Journal, CoordinationState State, PartitionTable Partitions, PartitionFactory Factory, ChunkPool Chunks, Checkpointer? Checkpointer, IDisposable? DirectoryLock,
    ManifestStore? Manifests = null);
