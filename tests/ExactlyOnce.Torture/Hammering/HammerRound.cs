using System.Diagnostics;
using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Torture.Hammering;

/// <summary>
/// One round: a new broker, in memory or in a folder, and threads that do everything to it at once, until the time is over or the history long enough. A
/// durable one is closed and opened again on the way, and at the end. Then nobody is left, everything is read, and the history is judged.
/// </summary>
internal sealed class HammerRound(HammerPlan plan, Progress progress)
{
    /// <summary>A checked record costs about 100 bytes, its events in the history some times that.</summary>
    private const long WritesMax = 250_000;

    private const int DurableLives = 2;

    /// <summary>A client that has not come to its end by then never will.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private readonly HammerHistory _history = new(progress);
    private int _incarnation;

    public HammerHistory History => _history;

    private int Lives => plan.Directory is null ? 1 : DurableLives;

    /// <summary>Answers what was wrong.</summary>
    public async Task<IReadOnlyList<string>> RunAsync()
    {
        try
        {
            for (var life = 0; life < Lives && _history.Complaints.Count == 0; life++)
                await LiveAsync(life);
            if (plan.Directory is not null && _history.Complaints.Count == 0)
                await LookAgainAsync();
        }
        catch (Exception exception)
        {
            _history.Complain($"The broker was opened {_incarnation} times, and then: {exception}");
        }
        var checker = new HistoryChecker(new CheckerOptions { Durability = plan.Durability, CompactedTopics = new HashSet<string> { HammerTopics.Keyed.Name } });
        foreach (var next in _history.Events)
            checker.Add(next);
        progress.Count("events", checker.EventCount);
        return [.. _history.Complaints, .. checker.Complete().Select(violation => violation.ToString()), .. ImportOrder.Check(_history.Events)];
    }

    private async Task LiveAsync(int life)
    {
        await using var broker = Open();
        await CreateTopicsAsync(broker);
        Read(broker);
        await WorkAsync(broker, life);
        if (_history.Complaints.Count > 0)
            return;
        await RestAsync(broker);
        Read(broker);
        await broker.DisposeAsync();
        _history.Observe(new BrokerClosed());
    }

    /// <summary>What a broker shows that has only been opened.</summary>
    private async Task LookAgainAsync()
    {
        await using var broker = Open();
        Read(broker);
        await FetchAsync(broker);
    }

    private HammeredBroker Open()
    {
        progress.Count("openings");
        return HammeredBroker.Open(plan.Directory, plan.Durability, ++_incarnation, _history);
    }

    private async Task CreateTopicsAsync(HammeredBroker broker)
    {
        foreach (var topic in HammerTopics.All)
        {
            if (broker.Broker.Admin.DescribeTopic(topic.Name) is not null)
                continue;
            var creation = _history.Invoke(0, new ChangeTopic(topic.Name, TopicChange.Create, HammerTopics.Partitions));
            await broker.Broker.Admin.CreateTopicAsync(topic.Name, options => HammerTopics.Configure(options, topic));
            _history.Complete(0, creation);
        }
    }

    private async Task WorkAsync(HammeredBroker broker, int life)
    {
        using var stop = new CancellationTokenSource();
        var actors = HammerCast.Make(broker, plan.Threads, new Random(unchecked((int)plan.Seed + (plan.Number * 1_000_003) + life)));
        var running = actors.Select(actor => Task.Run(() => actor.RunAsync(stop.Token), CancellationToken.None)).ToArray();
        var began = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(began) < plan.Duration / Lives && _history.Writes < WritesMax * (life + 1) / Lives && _history.Complaints.Count == 0)
            await Task.Delay(20, CancellationToken.None);
        await stop.CancelAsync();
        try
        {
            await Task.WhenAll(running).WaitAsync(s_patience);
        }
        catch (TimeoutException)
        {
            var stuck = actors.Where((_, index) => !running[index].IsCompleted).Select(actor => actor.GetType().Name);
            _history.Complain($"After {s_patience.TotalSeconds:0} seconds these have not come to their end: {string.Join(", ", stuck)}.");
        }
    }

    /// <summary>The clients are gone. What rivals have forgotten is ended by an operator; then nothing may be open or held back.</summary>
    private async Task RestAsync(HammeredBroker broker)
    {
        foreach (var open in await broker.Broker.Admin.ListOpenTransactionsAsync())
            await AbortAsync(broker, open.TransactionalId);
        var unstable = 0;
        foreach (var partition in HammerTopics.All.SelectMany(HammerTopics.PartitionsOf))
        {
            var offsets = broker.Partition(partition).Offsets;
            _history.NoteLogStart(partition, offsets.LogStart);
            _history.Observe(new Watermarks(partition, offsets.LogStart, offsets.LastStable, offsets.HighWatermark, offsets.HighWatermark, offsets.HighWatermark));
            unstable += offsets.LastStable == offsets.HighWatermark ? 0 : 1;
        }
        var left = (await broker.Broker.Admin.ListOpenTransactionsAsync()).Count + (await broker.Broker.Admin.ListPreparedTransactionsAsync()).Count;
        _history.Observe(new Quiesced(left, unstable, UnstableGroups: 0));
        await FetchAsync(broker);
    }

    private static async Task AbortAsync(HammeredBroker broker, string id)
    {
        try
        {
            await broker.Broker.Admin.AbortTransactionAsync(id);
        }
        catch (BrokerException exception) when (exception.Code is ErrorCode.InvalidTransactionState or ErrorCode.TransactionalIdNotFound)
        {
            // It has timed out since.
        }
    }

    private static void Read(HammeredBroker broker)
    {
        broker.Scan(broker.History.NewNumber(), isCommitted: false);
        broker.Scan(broker.History.NewNumber(), isCommitted: true);
    }

    private static async Task FetchAsync(HammeredBroker broker)
    {
        await broker.FetchAsync(broker.History.NewNumber(), HammerTopics.CopyGroup, [.. HammerTopics.PartitionsOf(HammerTopics.Source)]);
        await broker.FetchAsync(
            broker.History.NewNumber(), HammerTopics.PositionsGroup, [.. HammerTopics.PartitionsOf(HammerTopics.Left), .. HammerTopics.PartitionsOf(HammerTopics.Right)]);
        await broker.FetchAsync(broker.History.NewNumber(), HammerTopics.ReadersGroup, [.. HammerTopics.PartitionsOf(HammerTopics.Plain)]);
    }
}

/// <summary>What one round is to be.</summary>
/// <param name="Number">Counts rounds from 1.</param>
/// <param name="Seed">Of the whole run.</param>
/// <param name="Threads">How many clients.</param>
/// <param name="Durability">The broker's.</param>
/// <param name="Directory">Where it is; null in memory.</param>
/// <param name="Duration">How long its clients work, all lives together.</param>
internal sealed record HammerPlan(int Number, ulong Seed, int Threads, Durability Durability, string? Directory, TimeSpan Duration);
