using CsCheck;
using ExactlyOnce.Kernel.Partitions;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Tests.Kernel.Partitions;

/// <summary>One step of a random run: what to do, who does it, and two choices whose meaning depends on the state it meets.</summary>
internal readonly record struct RandomStep(int Kind, long Pid, int Choice, int Count)
{
    public static readonly Gen<RandomStep> Gen =
        from kind in CsCheck.Gen.Int[0, 15]
        from pid in CsCheck.Gen.Long[1, 5]
        from choice in CsCheck.Gen.Int[0, 9]
        from count in CsCheck.Gen.Int[1, 4]
        select new RandomStep(kind, pid, choice, count);
}

/// <summary>Random runs of everything a partition can be told: mostly what a correct client would do next, now and then a retry, a gap, a zombie.</summary>
internal static class RandomRun
{
    public static readonly PartitionRules Rules = new(producerExpiryMs: 50, maximumProducers: 3);

    /// <summary>Takes one step and says what came of it, so that two runs can be compared.</summary>
    public static string Take(PartitionUnderTest partition, RandomStep step)
    {
        partition.NowMs += step.Choice;
        var state = partition.State;
        var entry = state.Table.Find(step.Pid);
        var epoch = entry?.KnownEpoch ?? 0;
        return step.Kind switch
        {
            <= 8 => Produce(partition, step, entry, epoch),
            9 => Describe(partition.Produce(PartitionUnderTest.Plain(step.Count))),
            10 => Enrol(partition, step.Pid, entry is not null && step.Choice == 9 ? ProducerIdentity.NoEpoch : (short)(epoch + step.Choice % 2)),
            11 or 12 => partition.Marker(step.Pid, (short)(epoch + 1), step.Choice % 2 == 0, MarkerGeneration.V2, step.Choice / 3).ToString(),
            13 => partition.Marker(step.Pid, (short)Math.Max(0, epoch - step.Choice % 2), step.Choice % 3 == 0, MarkerGeneration.V1, 1).ToString(),
            14 => string.Join(' ', partition.Expire()),
            _ => MoveLogStart(partition, Math.Min(state.LogEndOffset, state.LogStartOffset + step.Count)),
        };
    }

    private static string Produce(PartitionUnderTest partition, RandomStep step, ProducerEntry? entry, short epoch)
    {
        var last = entry?.Window.LastSequence ?? Sequence.None;
        var sequence = step.Choice switch
        {
            0 => last + 2,
            1 or 2 => Math.Max(0, last - step.Count + 1),
            3 => 0,
            _ => Sequence.Next(last),
        };
        var batchEpoch = step.Choice switch
        {
            3 => (short)(epoch + 1),
            9 when epoch > 0 => (short)(epoch - 1),
            _ => epoch,
        };
        var batch = PartitionUnderTest.Data(step.Pid, batchEpoch, sequence, step.Count, transactional: step.Kind % 3 != 0, timestamp: step.Choice);
        AppendOrigin? enrolment = step.Kind switch
        {
            7 => null,
            8 => AppendOrigin.ClientEnrolledV1,
            _ => AppendOrigin.ClientEnrolledV2,
        };
        return Describe(partition.Produce(batch, enrolment: enrolment));
    }

    private static string Enrol(PartitionUnderTest partition, long pid, short epoch)
    {
        partition.Enrol(pid, epoch);
        return "enrolled";
    }

    private static string MoveLogStart(PartitionUnderTest partition, long offset)
    {
        partition.MoveLogStart(offset);
        return $"start {offset}";
    }

    private static string Describe(in AppendDecision decision) =>
        $"{decision.Verdict} {decision.KnownEpoch} {decision.ExpectedSequence} {decision.LastSequence} " +
        $"{decision.OriginalBaseOffset} {decision.OriginalTimestamp} {decision.OriginalAppendTimeMs} {decision.Lsn}";
}
