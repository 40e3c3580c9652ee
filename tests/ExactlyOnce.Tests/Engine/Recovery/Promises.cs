using Xunit.Sdk;

namespace ExactlyOnce.Tests.Engine.Recovery;

/// <summary>What the caller knows about a transaction.</summary>
internal enum Fate
{
    /// <summary>Aborted, or its commit was never asked for.</summary>
    Aborted,

    /// <summary>The commit was asked for and not answered.</summary>
    Unknown,

    /// <summary>The commit was acknowledged.</summary>
    Committed,
}

internal sealed class WrittenTransaction
{
    public List<string> Values { get; } = [];

    public Fate Fate { get; set; }
}

/// <summary>What readers see: records by partition and offset, and a group's committed offsets.</summary>
internal sealed class LogImage
{
    public SortedDictionary<(string Topic, int Partition, long Offset), string> Records { get; } = [];

    public Dictionary<TopicPartition, long> Committed { get; } = [];

    public void Add(TopicPartition partition, long offset, string value) => Records.Add((partition.Topic, partition.Partition, offset), value);

    public bool IsSameAs(LogImage other) =>
        Records.SequenceEqual(other.Records) && Committed.Count == other.Committed.Count && Committed.All(pair => other.Committed.GetValueOrDefault(pair.Key, -1) == pair.Value);
}

/// <summary>
/// What a broker has promised over all its lives, and what was only asked of it. <see cref="Check"/> holds a log against it after every opening.
/// </summary>
internal sealed class Promises
{
    private readonly HashSet<string> _attempted = [];
    private readonly Dictionary<(string Topic, int Partition, long Offset), string> _acknowledged = [];
    private readonly List<WrittenTransaction> _transactions = [];
    private List<((string Topic, int Partition, long Offset) At, string Value)> _losable = [];
    private int _count;

    public int AcknowledgedCount => _acknowledged.Count;

    /// <summary>How many acknowledged records a power cut took back where it may: see <see cref="Weaken"/>.</summary>
    public int LostCount { get; private set; }

    public static void Require(bool holds, string broken)
    {
        if (!holds)
            throw new XunitException(broken);
    }

    public static string NameOf(string value) => value.Split('|')[0];

    public string NewValue(string prefix, int padding) => Attempt($"{prefix}#{_count++}") + (padding > 0 ? "|" + new string('x', padding) : "");

    public string Attempt(string name)
    {
        _attempted.Add(name);
        return name;
    }

    public WrittenTransaction NewTransaction()
    {
        var transaction = new WrittenTransaction();
        _transactions.Add(transaction);
        return transaction;
    }

    public void Acknowledge(RecordMetadata at, string value) =>
        _acknowledged.Add((at.TopicPartition.Topic, at.TopicPartition.Partition, at.Offset!.Value), NameOf(value));

    /// <summary>
    /// At Written a power cut may take back what was acknowledged, but only the end of the history: whatever is left is there with everything that came before it.
    /// </summary>
    public void Weaken()
    {
        _losable = [.. _acknowledged.Select(pair => (pair.Key, pair.Value))];
        _acknowledged.Clear();
        foreach (var transaction in _transactions)
            transaction.Fate = transaction.Fate == Fate.Committed ? Fate.Unknown : transaction.Fate;
    }

    /// <summary>The same promises, to be checked and gone on with independently.</summary>
    public Promises Copy()
    {
        var copy = new Promises { _count = _count };
        copy._attempted.UnionWith(_attempted);
        foreach (var (at, value) in _acknowledged)
            copy._acknowledged.Add(at, value);
        foreach (var transaction in _transactions)
        {
            var same = copy.NewTransaction();
            same.Values.AddRange(transaction.Values);
            same.Fate = transaction.Fate;
        }
        return copy;
    }

    /// <summary>Everything that must hold after any crash.</summary>
    public void Check(LogImage image, long lastImported)
    {
        CheckAcknowledged(image);
        CheckLosable(image);
        var seen = new HashSet<string>();
        foreach (var (at, value) in image.Records)
        {
            Require(seen.Add(value), $"{value} is in the log twice, the second time at {at}.");
            Require(_attempted.Contains(value), $"{value} at {at} was never sent.");
        }
        foreach (var transaction in _transactions)
            CheckWhole(transaction, seen);
        CheckImport(seen, lastImported);
        CheckPipeline(image, seen);
    }

    /// <summary>What was acknowledged is where it was said to be.</summary>
    public void CheckAcknowledged(LogImage image)
    {
        foreach (var (at, value) in _acknowledged)
            Require(image.Records.TryGetValue(at, out var found) && found == value, $"{value} was acknowledged at {at} and is {found ?? "lost"}.");
    }

    /// <summary>Who saw it once may rely on it: what is visible after an opening is as good as acknowledged, and what is not must never come back.</summary>
    public void Adopt(LogImage image)
    {
        foreach (var (at, value) in image.Records)
            _acknowledged.TryAdd(at, value);
        var visible = image.Records.Values.ToHashSet();
        foreach (var transaction in _transactions)
            transaction.Fate = visible.Contains(transaction.Values.FirstOrDefault() ?? "") ? Fate.Committed : Fate.Aborted;
        _attempted.IntersectWith(visible);
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

    private static void CheckWhole(WrittenTransaction transaction, HashSet<string> seen)
    {
        var visible = transaction.Values.Count(seen.Contains);
        var all = transaction.Values.Count;
        var holds = transaction.Fate switch
        {
            Fate.Committed => visible == all,
            Fate.Aborted => visible == 0,
            _ => visible == 0 || visible == all,
        };
        Require(holds, $"{visible} of {all} records of a transaction ({transaction.Fate}) are visible: {string.Join(", ", transaction.Values)}.");
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
