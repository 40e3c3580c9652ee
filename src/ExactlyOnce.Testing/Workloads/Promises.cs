namespace ExactlyOnce.Testing.Workloads;

/// <summary>
/// What a broker has promised over all its lives, and what was only asked of it. <see cref="Check"/> holds a log against it after every opening.
/// </summary>
internal sealed partial class Promises
{
    private readonly HashSet<string> _attempted = [];
    private readonly Dictionary<(string Topic, int Partition, long Offset), string> _acknowledged = [];
    private readonly HashSet<string> _mayVanish = [];
    private readonly List<WrittenTransaction> _transactions = [];
    private List<((string Topic, int Partition, long Offset) At, string Value)> _losable = [];
    private int _count;

    public int AcknowledgedCount => _acknowledged.Count;

    /// <summary>Answers of any kind that have been received.</summary>
    public int Answers { get; private set; }

    /// <summary>Changes with everything that is asked or answered.</summary>
    public int Version { get; private set; }

    /// <summary>Lives that the broker has had.</summary>
    public int Lives { get; set; }

    /// <summary>The time, which goes on over lives.</summary>
    public DateTimeOffset Now { get; set; } = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>How many acknowledged records a power cut took back where it may: see <see cref="Weaken"/>.</summary>
    public int LostCount { get; private set; }

    public static void Require(bool holds, string broken)
    {
        if (!holds)
            throw new BrokenPromiseException(broken);
    }

    public static string NameOf(string value) => value.Split('|')[0];

    /// <summary>A number that was not given before.</summary>
    public int NextNumber() => _count++;

    public string NewValue(string prefix, int padding) => Attempt($"{prefix}#{NextNumber()}") + (padding > 0 ? "|" + new string('x', padding) : "");

    public string Attempt(string name)
    {
        Version++;
        _attempted.Add(name);
        return name;
    }

    public WrittenTransaction NewTransaction(string? id = null)
    {
        Version++;
        var transaction = new WrittenTransaction { Id = id };
        _transactions.Add(transaction);
        return transaction;
    }

    /// <summary>Something about a transaction was asked or, with <paramref name="isAnswer"/>, answered.</summary>
    public void Note(WrittenTransaction transaction, Fate fate, Preparation preparation, bool isAnswer)
    {
        Note(isAnswer);
        (transaction.Fate, transaction.Preparation) = (fate, preparation);
    }

    /// <summary>The transaction of an id that nobody else uses.</summary>
    public WrittenTransaction TransactionOf(string id) =>
        _transactions.Find(transaction => transaction.Id == id) ?? throw new BrokenPromiseException($"Transaction '{id}' was never begun.");

    public void Acknowledge(RecordMetadata at, string value) => Acknowledge(at.TopicPartition, at.Offset!.Value, value);

    public void Acknowledge(TopicPartition partition, long offset, string value)
    {
        Note(isAnswer: true);
        var at = (partition.Topic, partition.Partition, offset);
        Require(_acknowledged.TryAdd(at, NameOf(value)) || _acknowledged[at] == NameOf(value), $"{value} is acknowledged at {at}, as {_acknowledged[at]} was.");
    }

    /// <summary>What was acknowledged in a topic that is compacted, but the newest, may be missing from now on.</summary>
    public void LetGoOfOlder(string topic)
    {
        Version++;
        var newest = _acknowledged.Keys.Where(at => at.Topic == topic).Select(at => at.Offset).DefaultIfEmpty(-1).Max();
        foreach (var (at, value) in _acknowledged)
            if (at.Topic == topic && at.Offset < newest)
                _mayVanish.Add(value);
    }

    /// <summary>
    /// At Written a power cut may take back what was acknowledged, but only the end of the history: whatever is left is there with everything that came before
    /// it.
    /// </summary>
    public void Weaken()
    {
        _losable = [.. _acknowledged.Select(pair => (pair.Key, pair.Value))];
        _acknowledged.Clear();
        foreach (var transaction in _transactions)
            transaction.Fate = transaction.Fate == Fate.Committed ? Fate.Unknown : transaction.Fate;
        WeakenTopics();
    }

    /// <summary>The same promises, to be checked and gone on with independently.</summary>
    public Promises Copy()
    {
        var copy = new Promises { _count = _count, Answers = Answers, Version = Version, Lives = Lives, Now = Now, Signed = Signed };
        copy._attempted.UnionWith(_attempted);
        copy._mayVanish.UnionWith(_mayVanish);
        foreach (var (at, value) in _acknowledged)
            copy._acknowledged.Add(at, value);
        foreach (var transaction in _transactions)
            copy._transactions.Add(transaction.Copy());
        CopyTopics(copy);
        return copy;
    }

    /// <summary>Everything that must hold after any crash.</summary>
    public void Check(LogImage image, long lastImported)
    {
        CheckTopics(image);
        CheckAcknowledged(image);
        CheckLosable(image);
        var seen = new HashSet<string>();
        foreach (var (at, value) in image.Records)
        {
            Require(seen.Add(value), $"{value} is in the log twice, the second time at {at}.");
            Require(_attempted.Contains(value), $"{value} at {at} was never sent, or was gone once.");
        }
        foreach (var transaction in _transactions)
            CheckWhole(transaction, image, seen);
        CheckImport(seen, lastImported);
        CheckPipeline(image, seen);
    }

    /// <summary>What was acknowledged is where it was said to be.</summary>
    public void CheckAcknowledged(LogImage image)
    {
        foreach (var (at, value) in _acknowledged)
        {
            if (image.Records.TryGetValue(at, out var found) ? found == value : _mayVanish.Contains(value) || IsDeleted(at, image))
                continue;
            Require(false, $"{value} was acknowledged at {at} and is {found ?? "lost"}.");
        }
    }

    /// <summary>Who saw it once may rely on it: what is visible after an opening is as good as acknowledged, and what is not must never come back.</summary>
    public void Adopt(LogImage image)
    {
        Version++;
        foreach (var (at, value) in image.Records)
            _acknowledged.TryAdd(at, value);
        foreach (var at in _acknowledged.Keys.Where(at => !image.Records.ContainsKey(at)).ToList())
            _acknowledged.Remove(at);
        var visible = image.Records.Values.ToHashSet();
        foreach (var transaction in _transactions)
            Adopt(transaction, image, visible);
        visible.UnionWith(_transactions.Where(transaction => transaction.Preparation == Preparation.Prepared).SelectMany(transaction => transaction.Values));
        _attempted.IntersectWith(visible);
        AdoptTopics(image);
    }

    // Acknowledgements were given one after the other, so their order is that of the history.
    private void CheckLosable(LogImage image)
    {
        var kept = _losable.TakeWhile(record => image.Records.GetValueOrDefault(record.At) == record.Value).Count();
        foreach (var (at, value) in _losable.Skip(kept))
            Require(image.Records.GetValueOrDefault(at) != value, $"{value} at {at} is there, and {_losable[kept].Value}, which was acknowledged before it, is not.");
        LostCount += _losable.Count - kept;
        _losable = [];
    }

    private void Note(bool isAnswer)
    {
        Version++;
        Answers += isAnswer ? 1 : 0;
    }

    private static void Adopt(WrittenTransaction transaction, LogImage image, HashSet<string> visible)
    {
        // What is deleted with a committed transaction's records in it says nothing about its fate any more.
        if (transaction.Fate == Fate.Unknown)
            transaction.Fate = visible.Contains(transaction.Values.FirstOrDefault() ?? "") ? Fate.Committed : Fate.Aborted;
        if (transaction.Preparation != Preparation.None)
            transaction.Preparation = image.Prepared.ContainsKey(transaction.Id!) ? Preparation.Prepared : Preparation.None;
    }

    private static void CheckWhole(WrittenTransaction transaction, LogImage image, HashSet<string> seen)
    {
        var visible = transaction.Values.Count(seen.Contains);
        var all = transaction.Values.Count;
        var isPrepared = transaction.Id is { } id && image.Prepared.ContainsKey(id);
        var holds = transaction.Fate switch
        {
            Fate.Committed => visible == all && !isPrepared,
            Fate.Aborted => visible == 0,
            _ => visible == 0 || (visible == all && !isPrepared),
        };
        Require(holds, $"{visible} of {all} records of a transaction ({transaction.Fate}) are visible: {string.Join(", ", transaction.Values)}.");
        Require(transaction.Preparation != Preparation.Prepared || isPrepared, $"Transaction '{transaction.Id}' was prepared and is not any more.");
        Require(transaction.Preparation != Preparation.Deciding || isPrepared != (visible > 0), $"Transaction '{transaction.Id}' is neither prepared nor decided.");
        Require(transaction.Preparation != Preparation.None || !isPrepared, $"Transaction '{transaction.Id}' is prepared again.");
    }

    private static void CheckImport(HashSet<string> seen, long lastImported)
    {
        var imported = seen.Count(value => value.StartsWith("import#", StringComparison.Ordinal));
        Require(imported == lastImported + 1, $"{imported} imported records are in the log; the broker remembers sequence {lastImported}.");
        for (var sequence = 0; sequence <= lastImported; sequence++)
            Require(seen.Contains($"import#{sequence}"), $"The broker remembers sequence {lastImported}, but {sequence} is not in the log.");
    }

    private static void CheckPipeline(LogImage image, HashSet<string> seen)
    {
        foreach (var (at, _) in image.Records)
        {
            if (at.Topic != Life.Input.Name)
                continue;
            var isDone = at.Offset < image.Committed.GetValueOrDefault(new TopicPartition(at.Topic, at.Partition));
            var hasOutput = seen.Contains(Life.OutputOf(at.Partition, at.Offset));
            Require(isDone == hasOutput, $"Input {at}: its offset is {(isDone ? "" : "not ")}committed, and its output is {(hasOutput ? "" : "not ")}there.");
        }
    }
}
