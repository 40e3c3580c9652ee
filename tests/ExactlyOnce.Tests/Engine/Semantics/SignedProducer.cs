using System.Text;
using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Tests.Engine.Semantics;

/// <summary>A producer that chooses its sequence numbers itself, so that retries, gaps and zombies can be played to the broker batch by batch.</summary>
internal sealed class SignedProducer
{
    private readonly TestBroker _broker;

    private SignedProducer(TestBroker broker, ProducerSession session)
    {
        _broker = broker;
        Session = session;
    }

    public ProducerSession Session { get; }

    public ProducerIdentity Identity => Session.Identity;

    public static async Task<SignedProducer> OpenAsync(TestBroker broker, string? transactionalId = null, TimeSpan? timeout = null) =>
        new(broker, await broker.Backend.InitProducerAsync(
            new ProducerRequest { TransactionalId = transactionalId, TransactionTimeout = timeout ?? TimeSpan.FromSeconds(60) }, CancellationToken.None));

    /// <summary>The same producer as it was: a zombie, or a request that was delayed.</summary>
    public SignedProducer As(ProducerIdentity identity) =>
        new(_broker, new ProducerSession { Identity = identity, TransactionalId = Session.TransactionalId });

    public Task<AppendOutcome> AppendAsync(TopicPartition partition, int sequence, params string[] values) =>
        AppendAsync(partition, sequence, Session.TransactionalId is null ? BatchAttributes.None : BatchAttributes.Transactional, values);

    public async Task<AppendOutcome> AppendAsync(TopicPartition partition, int sequence, BatchAttributes attributes, params string[] values)
    {
        var operation = new Operation { Session = Session };
        var (header, bytes) = Batch(Identity, sequence, _broker.Engine.NowMs, attributes, values);
        operation.Sign(header, bytes);
        if (_broker.Partition(partition).Append(operation) != AppendStatus.Completed)
            await operation.Completed.WaitAsync(TestBroker.Soon);
        return operation.Outcome;
    }

    /// <summary>An append that must succeed; answers its offset.</summary>
    public async Task<long> WriteAsync(TopicPartition partition, int sequence, params string[] values)
    {
        var outcome = await AppendAsync(partition, sequence, values);
        outcome.Error.Should().Be(ErrorCode.None, outcome.Exception?.Message);
        return outcome.BaseOffset;
    }

    public async Task EndAsync(bool commit, params TransactionOffsets[] offsets) =>
        await _broker.Backend.EndTransactionAsync(Session, commit, offsets);

    /// <summary>A batch as that producer would send it.</summary>
    public static (BatchHeader Header, byte[] Bytes) Batch(ProducerIdentity identity, int sequence, long timestampMs, BatchAttributes attributes, params string[] values)
    {
        var writer = new BatchWriter();
        foreach (var value in values)
            writer.TryAppend(timestampMs, [], hasKey: false, Encoding.UTF8.GetBytes(value), hasValue: true, null, int.MaxValue).Should().BeTrue();
        writer.Seal(identity, sequence, attributes & BatchAttributes.Transactional, null);
        var bytes = writer.Bytes.ToArray();
        // Again, because no honest writer sets the other attributes.
        return (BatchHeader.WriteWithCrc(bytes, BatchHeader.Read(bytes) with { Attributes = attributes }), bytes);
    }

    private sealed class Operation : AppendOperation
    {
        private readonly TaskCompletionSource _completed = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Completed => _completed.Task;

        public override void OnCompleted() => _completed.SetResult();
    }
}
