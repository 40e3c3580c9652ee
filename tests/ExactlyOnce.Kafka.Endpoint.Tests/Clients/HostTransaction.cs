using System.Text;
using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Clients;

/// <summary>Transactions of a producer in the broker's own process, batch by batch: what is written is in the log when the call returns.</summary>
internal sealed class HostTransaction(Broker broker, ProducerSession session)
{
    private int _sequence;

    public static async Task<HostTransaction> OpenAsync(Broker broker, string transactionalId) =>
        new(broker, await broker.Backend.InitProducerAsync(new ProducerRequest { TransactionalId = transactionalId }, default));

    public void Write(string topic, string value)
    {
        var writer = new BatchWriter();
        writer.TryAppend(TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds(), default, false, Encoding.UTF8.GetBytes(value), true, null, int.MaxValue);
        var header = writer.Seal(session.Identity, _sequence++, BatchAttributes.Transactional, null);
        var append = new Append { Session = session };
        append.Sign(header, writer.Bytes);
        broker.Backend.GetPartition(new TopicPartition(topic, 0)).Append(append).Should().Be(AppendStatus.Completed);
        append.Outcome.Error.Should().Be(ErrorCode.None);
    }

    public async Task EndAsync(bool commit)
    {
        await broker.Backend.EndTransactionAsync(session, commit, []);
        _sequence = 0;
    }

    private sealed class Append : AppendOperation
    {
        public override void OnCompleted() => throw new NotSupportedException("In memory an append is answered at once.");
    }
}
