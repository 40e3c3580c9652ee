using System.Text;
using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Engine.Backend;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Tests.Engine.Semantics;

/// <summary>A producer that chooses its sequence numbers itself, so that retries, gaps and zombies can be played to the broker batch by batch.</summary>
internal sealed class SignedProducer
{
    private readonly Func<EngineBackend> _connect;

    private SignedProducer(Func<EngineBackend> connect, ProducerSession session)
    {
        _connect = connect;
        Session = session;
    }

    public ProducerSession Session { get; }

    public ProducerIdentity Identity => Session.Identity;

    private EngineBackend Backend => _connect();

    /// <summary>Also after the broker was opened again it is the same producer.</summary>
    public static Task<SignedProducer> OpenAsync(TestBroker broker, string? transactionalId = null, TimeSpan? timeout = null) =>
        OpenAsync(() => broker.Backend, transactionalId, timeout);

    public static Task<SignedProducer> OpenAsync(EngineBackend backend, string? transactionalId = null, TimeSpan? timeout = null) =>
        OpenAsync(() => backend, transactionalId, timeout);

    /// <summary>The same producer as it was: a zombie, or a request that was delayed.</summary>
    public SignedProducer As(ProducerIdentity identity) =>
        new(_connect, new ProducerSession { Identity = identity, TransactionalId = Session.TransactionalId });

    /// <summary>The same producer, connected to another run of the broker.</summary>
    public SignedProducer On(EngineBackend backend) =>
        new(() => backend, new ProducerSession { Identity = Identity, TransactionalId = Session.TransactionalId });

    public Task<AppendOutcome> AppendAsync(TopicPartition partition, int sequence, params string[] values) =>
        AppendAsync(partition, sequence, Session.TransactionalId is null ? BatchAttributes.None : BatchAttributes.Transactional, values);

    public async Task<AppendOutcome> AppendAsync(TopicPartition partition, int sequence, BatchAttributes attributes, params string[] values)
    {
        var operation = new Operation { Session = Session };
        var (header, bytes) = Batch(Identity, sequence, Backend.Engine.NowMs, attributes, values);
        operation.Sign(header, bytes);
        if (Backend.GetPartition(partition).Append(operation) != AppendStatus.Completed)
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
        await Backend.EndTransactionAsync(Session, commit, offsets);

    private static async Task<SignedProducer> OpenAsync(Func<EngineBackend> connect, string? transactionalId, TimeSpan? timeout) =>
        new(connect, await connect().InitProducerAsync(
            new ProducerRequest { TransactionalId = transactionalId, TransactionTimeout = timeout ?? TimeSpan.FromSeconds(60) }, CancellationToken.None));

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
