using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Torture.Kills;

/// <summary>Writes to two topics in transactions, three of four committed; its id is taken over from child to child.</summary>
internal sealed class TransactionActor(Broker broker, ChildHistory history, int number, Random random) : ChildActor(broker, history, number, random)
{
    protected override async Task ActAsync(CancellationToken stop)
    {
        var id = $"transactor-{Number}";
        var init = Invoke(new InitProducer(id, Session));
        await using var producer = await Broker.CreateTransactionalProducerAsync(id, stop);
        Complete(init, new ProducerAnswer(producer.Session.Identity.Id, producer.Session.Identity.Epoch));
        while (!stop.IsCancellationRequested)
            await TransactAsync(producer, stop);
    }

    private async Task TransactAsync(TransactionalProducer producer, CancellationToken stop)
    {
        var transactionNumber = History.NextNumber();
        var begin = Invoke(new BeginTransaction(transactionNumber, Session));
        await using var transaction = await producer.BeginTransactionAsync(stop);
        Complete(begin);
        for (var count = Random.Next(1, 6); count > 0; count--)
            await WriteAsync(transaction, transactionNumber);
        var isCommit = Random.Next(4) != 0;
        var end = Invoke(new EndTransaction(transactionNumber, isCommit));
        await (isCommit ? transaction.CommitAsync(CancellationToken.None) : transaction.AbortAsync(CancellationToken.None));
        Complete(end);
    }

    private async Task WriteAsync(Transaction transaction, long transactionNumber)
    {
        var topic = Random.Next(2) == 0 ? KillTopics.Left : KillTopics.Right;
        var (value, key, partition) = (History.NextNumber(), KillTopics.KeyOf(Random.Next(50)), Random.Next(2));
        var operation = Invoke(new Write(new TopicPartition(topic.Name, partition), value, Session, transactionNumber, key));
        await transaction.SendAsync(topic, KillTopics.Record(value, key, partition, Random.Next(100)), CancellationToken.None);
        Complete(operation);
    }
}
