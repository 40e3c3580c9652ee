using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Torture.Hammering;

/// <summary>Prepares transactions; then two operators who do not know of each other decide them at the same time, and one of them is obeyed.</summary>
internal sealed class TwoPhaseActor(HammeredBroker broker, Random random) : HammerActor(broker, random)
{
    private readonly string _id = $"prepared-{broker.History.NewNumber()}";

    protected override async Task TurnAsync(CancellationToken stop)
    {
        var session = History.NewNumber();
        var init = Invoke(new InitProducer(_id, session));
        await using var producer = await Broker.CreateTransactionalProducerAsync(_id, CancellationToken.None);
        Complete(init, new ProducerAnswer(producer.Session.Identity.Id, producer.Session.Identity.Epoch));
        var number = History.NewNumber();
        Complete(Invoke(new BeginTransaction(number, session)));
        var transaction = await producer.BeginTransactionAsync(CancellationToken.None);
        for (var count = Random.Next(1, 4); count > 0; count--)
        {
            var (call, record) = NewRecord(HammerTopics.Left, session, number);
            var operation = Invoke(call);
            await transaction.SendAsync(HammerTopics.Left, record, CancellationToken.None);
            Complete(operation);
            History.Count("records");
        }
        var prepare = Invoke(new PrepareTransaction(number));
        var token = await transaction.PrepareAsync(CancellationToken.None);
        Complete(prepare);
        await DecideAsync(number, token, firstIsCommit: Random.Next(2) == 0, secondIsCommit: Random.Next(2) == 0);
        History.Count("transactions");
    }

    private async Task DecideAsync(long number, string token, bool firstIsCommit, bool secondIsCommit)
    {
        var other = Task.Run(() => ResolveAsync(number, token, secondIsCommit), CancellationToken.None);
        var isFirstObeyed = await ResolveAsync(number, token, firstIsCommit);
        var isSecondObeyed = await other;
        if (firstIsCommit == secondIsCommit ? !(isFirstObeyed && isSecondObeyed) : isFirstObeyed == isSecondObeyed)
            History.Complain($"Prepared transaction {number} was decided by {(firstIsCommit, isFirstObeyed)} and {(secondIsCommit, isSecondObeyed)}.");
    }

    private async Task<bool> ResolveAsync(long number, string token, bool isCommit)
    {
        var end = Invoke(new EndTransaction(number, isCommit));
        try
        {
            await Hammered.Backend.ResolvePreparedAsync(token, isCommit, CancellationToken.None);
            Complete(end);
            return true;
        }
        catch (BrokerException exception) when (exception.Code == ErrorCode.InvalidTransactionState)
        {
            Fail(end, exception);
            return false;
        }
    }
}
