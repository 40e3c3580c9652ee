using ExactlyOnce.Kernel.Partitions;
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

    public void ApplyTo(PartitionState state, long lsn)
    {
        switch (Kind)
        {
            case StagedKind.Batch:
                state.Apply(Header, Header.BaseOffset, NowMs, lsn);
                break;
            case StagedKind.Marker:
                state.ApplyMarker(Header, IsCommit, CoordinatorEpoch, Header.BaseOffset, NowMs, lsn);
                break;
            case StagedKind.Enrolment:
                state.Enrol(Producer, NowMs, lsn);
                break;
            case StagedKind.LogStart:
                state.ApplyLogStart(Header.BaseOffset, lsn);
                break;
            case StagedKind.Expiry:
                state.ApplyExpiry(ProducerIds!, lsn);
                break;
            default:
                throw new InvalidOperationException("Nothing was staged.");
        }
    }
}
