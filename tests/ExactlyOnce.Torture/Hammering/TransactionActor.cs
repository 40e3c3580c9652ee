using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Torture.Hammering;

/// <summary>
/// Transactions as an application writes them, under an id of its own: nobody fences it, so nothing of it may be refused. Three of four are committed.
/// </summary>
internal sealed class TransactionActor(HammeredBroker broker, Random random) : HammerActor(broker, random)
{
    private const int TransactionsOfProducer = 50;

    private readonly string _id = $"private-{broker.History.NewNumber()}";

    protected override async Task TurnAsync(CancellationToken stop)
    {
        var session = History.NewNumber();
        var init = Invoke(new InitProducer(_id, session));
        await using var producer = await Broker.CreateTransactionalProducerAsync(_id, CancellationToken.None);
        Complete(init, new ProducerAnswer(producer.Session.Identity.Id, producer.Session.Identity.Epoch));
        for (var count = 0; count < TransactionsOfProducer && !stop.IsCancellationRequested; count++)
            await TransactAsync(producer, session);
    }

    private async Task TransactAsync(TransactionalProducer producer, int session)
    {
        var number = History.NewNumber();
        Complete(Invoke(new BeginTransaction(number, session)));
        await using var transaction = await producer.BeginTransactionAsync();
        for (var count = Random.Next(1, 8); count > 0; count--)
        {
            var topic = Random.Next(2) == 0 ? HammerTopics.Left : HammerTopics.Right;
            var (call, record) = NewRecord(topic, session, number);
            var operation = Invoke(call);
            await transaction.SendAsync(topic, record, CancellationToken.None);
            Complete(operation);
            History.Count("records");
        }
        var isCommit = Random.Next(4) != 0;
        var end = Invoke(new EndTransaction(number, isCommit));
        await (isCommit ? transaction.CommitAsync() : transaction.AbortAsync());
        Complete(end);
        History.Count("transactions");
    }
}
