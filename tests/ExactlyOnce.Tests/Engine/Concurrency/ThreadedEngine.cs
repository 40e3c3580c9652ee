using ExactlyOnce.Clients;
using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Engine.Backend;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Tests.Engine.Semantics;

namespace ExactlyOnce.Tests.Engine.Concurrency;

/// <summary>
/// A subject's part of a real engine: the topic "t-n", and what else it names after its number n. Asks and waits as a client does that has one thread.
/// </summary>
internal sealed class ThreadedEngine(EngineShare share, EngineBackend backend, int number) : IDisposable
{
    public const string Refused = "refused";

    /// <summary>Nothing here takes as long; a step that does is lost for ever.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);

    private readonly string _topic = $"t-{number}";

    public EngineBackend Backend => backend;

    public BrokerEngine Engine => backend.Engine;

    public int Number => number;

    public BackendPartition Partition(int index) => Backend.GetPartition(new TopicPartition(_topic, index));

    public ProducerSession Init(string? transactionalId = null) =>
        Wait(Backend.InitProducerAsync(new ProducerRequest { TransactionalId = transactionalId, TransactionTimeout = TimeSpan.FromMinutes(1) }, CancellationToken.None));

    /// <summary>Appends a batch whose records' values are <paramref name="value"/>; answers where it stands.</summary>
    public string Append(int partition, ProducerSession? session, int sequence, int count, string value)
    {
        var operation = new Operation { Session = session };
        var attributes = session?.TransactionalId is null ? BatchAttributes.None : BatchAttributes.Transactional;
        var (header, bytes) = SignedProducer.Batch(
            session?.Identity ?? ProducerIdentity.None, session is null ? Sequence.None : sequence, Engine.NowMs, attributes, [.. Enumerable.Repeat(value, count)]);
        operation.Sign(header, bytes);
        if (Partition(partition).Append(operation) != AppendStatus.Completed)
            Wait(operation.Completed);
        return operation.Outcome.Error != ErrorCode.None ? Refused
            : operation.Outcome.IsDuplicate ? $"duplicate of {operation.Outcome.BaseOffset}"
            : $"at {operation.Outcome.BaseOffset}";
    }

    /// <summary>What was answered; <see cref="Refused"/> when it was an error.</summary>
    public static string Ask(Func<string> ask)
    {
        try
        {
            return ask();
        }
        catch (BrokerException)
        {
            return Refused;
        }
    }

    /// <summary>Offset and value of everything that a reader at <paramref name="from"/> may see.</summary>
    public string Read(int partition, long from, IsolationLevel isolation) => Ask(() =>
    {
        var records = new List<string>();
        using var reader = Partition(partition).OpenReader(from, isolation);
        while (reader.TryRead(1 << 20, out var batches))
        {
            var sequence = new BatchSequence(batches.Span);
            while (sequence.MoveNext())
            {
                var batch = Engine.Decompressor().Open(sequence.Current, sequence.Batch);
                while (batch.MoveNext())
                    if (batch.Offset >= from)
                        records.Add($"{batch.Offset}:{System.Text.Encoding.UTF8.GetString(batch.Value)}");
            }
        }
        return string.Join(' ', records);
    });

    public static T Wait<T>(ValueTask<T> task) => task.AsTask().WaitAsync(s_patience).GetAwaiter().GetResult();

    public static void Wait(ValueTask task) => Wait(task.AsTask());

    public void CreateTopic(int partitions) => Wait(backend.CreateTopicAsync(_topic, new TopicOptions { Partitions = partitions }, CancellationToken.None));

    /// <summary>Nobody may be given this engine again.</summary>
    public void Discard() => share.Discard(Engine);

    public void Dispose() => Wait(backend.DeleteTopicAsync(_topic, CancellationToken.None));

    private static void Wait(Task task) => task.WaitAsync(s_patience).GetAwaiter().GetResult();

    private sealed class Operation : AppendOperation
    {
        private readonly TaskCompletionSource _completed = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Completed => _completed.Task;

        public override void OnCompleted() => _completed.SetResult();
    }
}
