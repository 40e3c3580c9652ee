using CsCheck;
using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Tests.Engine.Concurrency;

/// <summary>A partition under threads is a partition that was asked one thing after the other.</summary>
public sealed class PartitionLinearizabilityTests
{
    private static readonly Gen<PartitionStep> s_plain = Gen.Int[1, 3].Select(count => (PartitionStep)new PartitionStep.Append(count));

    private static readonly Gen<PartitionStep> s_signed = Gen.Select(
        Gen.Int[0, 1], Gen.Int[0, 3], Gen.Int[1, 2], (producer, sequence, count) => (PartitionStep)new PartitionStep.AppendSigned(producer, sequence, count));

    private static readonly Gen<PartitionStep> s_transactional = Gen.Select(
        Gen.Int[0, 1], Gen.Int[0, 2], (producer, sequence) => (PartitionStep)new PartitionStep.AppendInTransaction(producer, sequence));

    private static readonly Gen<PartitionStep> s_end = Gen.Select(
        Gen.Int[0, 1], Gen.Bool, (producer, isCommit) => (PartitionStep)new PartitionStep.End(producer, isCommit));

    private static readonly Gen<PartitionStep> s_marks = Gen.Const(0).Select(_ => (PartitionStep)new PartitionStep.ReadMarks());

    private static readonly Gen<PartitionStep> s_fetch = Gen.Select(
        Gen.Int[0, 6], Gen.Bool, (from, isCommitted) => (PartitionStep)new PartitionStep.Fetch(from, isCommitted));

    private static readonly Gen<PartitionStep> s_delete = Gen.Int[0, 6].Select(before => (PartitionStep)new PartitionStep.Delete(before));

    [Theory]
    [InlineData(Durability.Memory)]
    [InlineData(Durability.Flushed)]
    public void Appends_retries_transactions_and_fetches_happen_one_after_the_other(Durability durability) => Linearizability.Check(
        durability,
        Gen.OneOf(s_plain, s_signed, s_signed, s_transactional, s_transactional, s_end, s_marks, s_fetch, s_fetch),
        share => new PartitionSubject(share),
        () => new PartitionModel());

    // Without fetches: one that reads on while the log's start moves gives records from before and after the move, as a reader may.
    [Theory]
    [InlineData(Durability.Memory)]
    [InlineData(Durability.Flushed)]
    public void Appends_retries_transactions_and_deletions_happen_one_after_the_other(Durability durability) => Linearizability.Check(
        durability,
        Gen.OneOf(s_plain, s_signed, s_signed, s_transactional, s_end, s_marks, s_marks, s_delete, s_delete),
        share => new PartitionSubject(share),
        () => new PartitionModel());

    private sealed class PartitionSubject(EngineShare share) : Subject<PartitionStep>(share)
    {
        private readonly ProducerSession[] _producers = new ProducerSession[2];
        private readonly ProducerSession[] _transactional = new ProducerSession[2];

        protected override void Prepare(ThreadedEngine engine)
        {
            engine.CreateTopic(partitions: 1);
            for (var i = 0; i < 2; i++)
                (_producers[i], _transactional[i]) = (engine.Init(), engine.Init($"id-{engine.Number}-{i}"));
        }

        protected override string Answer(PartitionStep step) => step switch
        {
            PartitionStep.Append plain => Engine.Append(0, null, 0, plain.Count, step.Value),
            PartitionStep.AppendSigned signed => Engine.Append(0, _producers[signed.Producer], signed.Sequence, signed.Count, step.Value),
            PartitionStep.AppendInTransaction write => Engine.Append(0, First(write.Producer), write.Sequence, 1, step.Value),
            PartitionStep.End end => ThreadedEngine.Ask(() =>
            {
                ThreadedEngine.Wait(Engine.Backend.EndTransactionAsync(First(end.Producer), end.IsCommit, []));
                return "ended";
            }),
            PartitionStep.ReadMarks => ReadMarks(),
            PartitionStep.Fetch fetch => Engine.Read(0, fetch.From, fetch.IsCommitted ? IsolationLevel.ReadCommitted : IsolationLevel.ReadUncommitted),
            PartitionStep.Delete delete => ThreadedEngine.Ask(
                () => $"from {ThreadedEngine.Wait(Engine.Backend.DeleteRecordsAsync(Engine.Partition(0).Id, delete.Before, CancellationToken.None))}"),
            _ => throw new ArgumentOutOfRangeException(nameof(step)),
        };

        protected override string ReadState() =>
            $"{ReadMarks()}: {Engine.Read(0, Engine.Partition(0).Offsets.LogStart, IsolationLevel.ReadCommitted)}";

        private string ReadMarks() => Engine.Partition(0).Offsets is var offsets ? $"{offsets.LogStart} {offsets.LastStable} {offsets.HighWatermark}" : "";

        /// <summary>A producer as it was when it opened: its end may be asked for by many, and each of them has it from the beginning.</summary>
        private ProducerSession First(int producer) => new()
        {
            Identity = new ProducerIdentity(_transactional[producer].Identity.Id, 0),
            TransactionalId = _transactional[producer].TransactionalId,
        };
    }
}
