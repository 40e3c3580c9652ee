using System.Globalization;
using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Testing.Tests.History;

/// <summary>The words of a call.</summary>
internal static class ScriptedCalls
{
    public static Call Parse(string who, string verb, string[] words) => verb switch
    {
        "write" => new Write(Partition(words[1]), Number(words[0]), (int)Number(who[1..]), Optional(words, "tx"), Word(words, "key"), Source(words), Optional(words, "at"), words.Contains("tombstone")),
        "init" => new InitProducer(words[0], (int)Number(who[1..])),
        "begin" => new BeginTransaction(Number(words[0]), (int)Number(who[1..])),
        "prepare" => new PrepareTransaction(Number(words[0])),
        "commit" => new EndTransaction(Number(words[0]), true),
        "abort" => new EndTransaction(Number(words[0]), false),
        "offsets" => new CommitOffsets(words[0], ScriptedAnswers.Offsets(words[1]), Optional(words, "tx"), Word(words, "by") is { } member ? Member(member) : null),
        "fetch" => new FetchOffsets(words[0], Partitions(words[1])),
        "poll" => new Poll((int)Number(who[1..]), !words.Contains("ru"), words.Contains("snapshot"), Optional(words, "tx")),
        "scan" => new Scan(Partitions(words[0]), !words.Contains("ru"), words.Contains("snapshot")),
        "list" => new ListOffsets(Partition(words[0]), Number(words[1])),
        "delete-records" => new DeleteRecords(Partition(words[0]), Number(words[1])),
        "topic" => new ChangeTopic(words[0], Enum.Parse<TopicChange>(words[1], ignoreCase: true), (int)Number(words[2])),
        _ => throw new FormatException($"What is {verb}?"),
    };

    /// <summary><c>p0</c> is partition 0 of topic <c>p</c>.</summary>
    public static TopicPartition Partition(string word) => new(word.TrimEnd("0123456789".ToCharArray()), (int)Number(word.TrimStart("abcdefghijklmnopqrstuvwxyz".ToCharArray())));

    public static List<TopicPartition> Partitions(string word) => word == "none" ? [] : [.. word.Split(',').Select(Partition)];

    public static GroupMembership Member(string word) => new(word.Split('/')[0], (int)Number(word.Split('/')[1]));

    public static long Number(string word) => long.Parse(word, CultureInfo.InvariantCulture);

    private static string? Word(string[] words, string name) => Array.IndexOf(words, name) is >= 0 and var index ? words[index + 1] : null;

    private static long? Optional(string[] words, string name) => Word(words, name) is { } word ? Number(word) : null;

    private static SourceRecord? Source(string[] words) =>
        Array.IndexOf(words, "from") is >= 0 and var index ? new SourceRecord(words[index + 1], Partition(words[index + 2]), Number(words[index + 3])) : null;
}

/// <summary>The words of an answer.</summary>
internal static class ScriptedAnswers
{
    public static Answer Parse(Call call, string text) => call switch
    {
        Write or RetryWrite => new WriteAnswer(ScriptedCalls.Number(text.TrimStart('@').Replace(" dup", "")), text.EndsWith("dup", StringComparison.Ordinal)),
        InitProducer => new ProducerAnswer(ScriptedCalls.Number(text.Split('/')[0]), (int)ScriptedCalls.Number(text.Split('/')[1])),
        FetchOffsets => new OffsetsAnswer(Offsets(text)),
        Poll or Scan => new RecordsAnswer([.. text.Split('|', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(Read)]),
        _ => new OffsetAnswer(ScriptedCalls.Number(text)),
    };

    /// <summary><c>p0=5,p1=7</c></summary>
    public static Dictionary<TopicPartition, long> Offsets(string text) => text == "none"
        ? []
        : text.Split(',').Select(pair => pair.Split('=')).ToDictionary(pair => ScriptedCalls.Partition(pair[0]), pair => ScriptedCalls.Number(pair[1]));

    /// <summary>
    /// <c>p0 0..3/5: 10@0 11@2~700</c>: from position 0 to 3 of at most 5 (3, when it is not said), value 10 at offset 0, value 11 at 2 with timestamp
    /// 700.
    /// </summary>
    private static PartitionRead Read(string text)
    {
        var sides = text.Split(':');
        var words = sides[0].Split(' ');
        var range = words[1].Split("..");
        var ends = range[1].Split('/');
        var records = sides[1].Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(Record).ToList();
        return new PartitionRead(ScriptedCalls.Partition(words[0]), ScriptedCalls.Number(range[0]), ScriptedCalls.Number(ends[0]), ScriptedCalls.Number(ends[^1]), records);
    }

    private static ReadRecord Record(string word)
    {
        var parts = word.Split('@', '~');
        return new ReadRecord(ScriptedCalls.Number(parts[1]), ScriptedCalls.Number(parts[0]), parts.Length > 2 ? ScriptedCalls.Number(parts[2]) : 0);
    }
}

/// <summary>The words of a fact.</summary>
internal static class ScriptedFacts
{
    public static Fact Parse(string[] words) => words[0] switch
    {
        "opened" => new BrokerOpened((int)N(words[1])),
        "closed" => new BrokerClosed(),
        "killed" => new BrokerDied("kill -9"),
        "powercut" => new BrokerDied("power cut", Death.Power),
        "storage-failed" => new StorageFailed(words[1]),
        "marks" => new Watermarks(P(words[1]), N(words[2]), N(words[3]), N(words[4]), N(words[5]), words.Length > 6 ? N(words[6]) : N(words[5])),
        "retained" => new Retained(P(words[1]), N(words[2])),
        "compacted" => new Compacted(P(words[1]), N(words[2]), N(words[3]), N(words[^1])),
        "aborted" => new TransactionAborted(N(words[1]), "timed out"),
        "assigned" => new Assigned(words[1], ScriptedCalls.Member(words[2]), ScriptedCalls.Partitions(words[3])),
        "revoked" => new Revoked(words[1], ScriptedCalls.Member(words[2]), ScriptedCalls.Partitions(words[3])),
        "quiesced" => new Quiesced((int)N(words[1]), (int)N(words[2]), (int)N(words[3])),
        "recovered" => new RecoveredState(words[1], (ulong)N(words[2])),
        "derived" => new DerivedStateCompared(words[1], words[2] == "equal", words.Length > 3 ? words[3] : null),
        "measured" => new ResourceMeasured(words[1], N(words[2]), N(words[3])),
        _ => throw new FormatException($"What is {words[0]}?"),
    };

    private static long N(string word) => ScriptedCalls.Number(word);

    private static TopicPartition P(string word) => ScriptedCalls.Partition(word);
}
