using ExactlyOnce.Clients;
using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Testing.Workloads;

/// <summary>
/// A batch that a harness signs itself, because a producer would never send it twice: sealed once and sent as often as its sender likes, by several threads at
/// once if need be, the same bytes every time.
/// </summary>
internal sealed class SignedBatch
{
    private readonly BatchHeader _header;
    private readonly byte[] _bytes;

    private SignedBatch(BatchHeader header, byte[] bytes) => (_header, _bytes) = (header, bytes);

    /// <summary>Seals the records that the writer holds.</summary>
    public static SignedBatch Seal(BatchWriter writer, ProducerIdentity producer, int sequence, bool isTransactional = false, ICompressionCodec? codec = null)
    {
        var header = writer.Seal(producer, sequence, isTransactional ? BatchAttributes.Transactional : BatchAttributes.None, codec);
        return new SignedBatch(header, writer.Bytes.ToArray());
    }

    /// <summary>Gives the batch to an operation that its sender drives itself.</summary>
    public void Sign(AppendOperation operation) => operation.Sign(_header, _bytes);

    /// <summary>Sends it once; answers what became of it, which may be a refusal.</summary>
    /// <param name="partition">Where to.</param>
    /// <param name="producer">Whose signature it is.</param>
    /// <param name="continuation">Where the sender goes on: on the thread that completes the operation unless this says otherwise.</param>
    public async Task<AppendOutcome> SendAsync(BackendPartition partition, ProducerSession producer, TaskCreationOptions continuation = TaskCreationOptions.None)
    {
        var sending = new Sending(continuation) { Session = producer };
        Sign(sending);
        if (partition.Append(sending) != AppendStatus.Completed)
            await sending.Completed;
        return sending.Outcome;
    }

    private sealed class Sending(TaskCreationOptions continuation) : AppendOperation
    {
        private readonly TaskCompletionSource _completed = new(continuation);

        public Task Completed => _completed.Task;

        public override void OnCompleted() => _completed.SetResult();
    }
}
