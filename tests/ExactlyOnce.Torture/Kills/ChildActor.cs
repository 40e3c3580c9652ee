using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Torture.Kills;

/// <summary>
/// A client in a child. All of them run at the same time until the process dies or they are asked to stop. None expects an error, because the disk is well:
/// whatever one throws is a finding.
/// </summary>
/// <param name="broker">What it uses.</param>
/// <param name="history">Where it reports to.</param>
/// <param name="number">Its number in the child.</param>
/// <param name="random">Its chance.</param>
internal abstract class ChildActor(Broker broker, ChildHistory history, int number, Random random)
{
    protected Broker Broker => broker;

    protected ChildHistory History => history;

    protected int Number => number;

    protected Random Random => random;

    /// <summary>The producer session that this actor's records belong to.</summary>
    protected int Session => history.ProcessOf(number);

    public static ChildActor[] All(Broker broker, ChildHistory history, int seed)
    {
        var next = 1;
        (int Number, Random Random) Next() => (++next, new Random(seed * 31 + next));
        ChildActor Plain(Topic<string, byte[]> topic, int concurrency, int padding) =>
            Next() is var (number, random) ? new PlainActor(broker, history, number, random, topic, concurrency, padding) : null!;
        ChildActor Make(Func<int, Random, ChildActor> make) => Next() is var (number, random) ? make(number, random) : null!;
        return
        [
            Plain(KillTopics.Plain, concurrency: 12, padding: 60),
            Plain(KillTopics.Plain, concurrency: 1, padding: 20),
            Plain(KillTopics.Keyed, concurrency: 2, padding: 400),
            Make((number, random) => new TransactionActor(broker, history, number, random)),
            Make((number, random) => new TransactionActor(broker, history, number, random)),
            Make((number, random) => new CopyActor(broker, history, number, random)),
            Make((number, random) => new ImportActor(broker, history, number, random)),
            Make((number, random) => new TrimActor(broker, history, number, random)),
        ];
    }

    public async Task RunAsync(CancellationToken stop)
    {
        try
        {
            await ActAsync(stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
        }
        catch (Exception exception)
        {
            history.Say($"failed {GetType().Name}: {exception.ToString().ReplaceLineEndings(" | ")}");
        }
    }

    protected abstract Task ActAsync(CancellationToken stop);

    protected long Invoke(Call call) => history.Invoke(number, call);

    protected void Complete(long operation, Answer? answer = null) => history.Complete(number, operation, answer: answer);
}
