using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Engine.Partitions;

internal enum StagedKind : byte
{
    Nothing,
    Batch,
    Marker,
    Enrolment,
    LogStart,
    Expiry,
}

/// <summary>A change of one partition that stands in a frame and waits for the frame's LSN to be applied.</summary>
internal readonly record struct Staged(
    StagedKind Kind, BatchHeader Header, ProducerIdentity Producer, bool IsCommit, int CoordinatorEpoch, long NowMs)
{
    public IReadOnlyList<long>? ProducerIds { get; init; }
}
