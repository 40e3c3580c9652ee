using System.Globalization;
using System.Text;
using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Torture.Kills;

/// <summary>
/// A history's events as lines of text, for the pipe between a child and its oracle. Words are separated by blanks, so names have none; "-" stands for nothing.
/// </summary>
internal static class HistoryLine
{
    private const string None = "-";

    public static string Format(HistoryEvent next) => next switch
    {
        Invoked invoked => Words("i", invoked.TimeMs, invoked.Process, invoked.Operation, Format(invoked.Call)),
        Completed completed => Words(
            "c", completed.TimeMs, completed.Process, completed.Operation, (int)completed.Outcome, Format(completed.Answer), completed.Error?.Replace(' ', '_') ?? None),
        Observed observed => Words("o", observed.TimeMs, observed.Process, Format(observed.Fact)),
        _ => throw new NotSupportedException($"A child does not report {next.GetType().Name}."),
    };

    public static HistoryEvent Parse(string line)
    {
        var words = new WordReader(line);
        var kind = words.Next();
        var (time, process) = (words.Int64(), words.Int32());
        return kind switch
        {
            "i" => new Invoked(time, process, words.Int64(), ParseCall(words)),
            "c" => new Completed(time, process, words.Int64(), (Outcome)words.Int32(), ParseAnswer(words), words.TextOrNull()),
            "o" => new Observed(time, process, ParseFact(words)),
            _ => throw new FormatException($"A child's line begins with '{kind}': {line}"),
        };
    }

    private static string Format(Call call) => call switch
    {
        Write write => Words(
            "write", Format(write.Partition), write.Value, write.Session, OrNone(write.Transaction), write.Key ?? None,
            write.Source is { } source ? Words(source.Group, Format(source.Partition), source.Offset) : None),
        BeginTransaction begin => Words("begin", begin.Transaction, begin.Session),
        EndTransaction end => Words("end", end.Transaction, end.IsCommit ? 1 : 0),
        InitProducer init => Words("init", init.TransactionalId, init.Session),
        CommitOffsets commit => Words("commit", commit.Group, OrNone(commit.Transaction), Format(commit.Offsets)),
        FetchOffsets fetch => Words("fetch", fetch.Group, Format(fetch.Partitions)),
        Scan scan => Words("scan", scan.IsCommitted ? 1 : 0, Format(scan.Partitions)),
        DeleteRecords delete => Words("delete", Format(delete.Partition), delete.BeforeOffset),
        ChangeTopic change => Words("topic", change.Topic, (int)change.Change, change.Partitions),
        _ => throw new NotSupportedException($"A child does not call {call.GetType().Name}."),
    };

    private static Call ParseCall(WordReader words) => words.Next() switch
    {
        "write" => new Write(words.Partition(), words.Int64(), words.Int32(), words.Int64OrNull(), words.TextOrNull(), ParseSource(words)),
        "begin" => new BeginTransaction(words.Int64(), words.Int32()),
        "end" => new EndTransaction(words.Int64(), words.Int32() == 1),
        "init" => new InitProducer(words.Next(), words.Int32()),
        "commit" => ParseCommit(words),
        "fetch" => new FetchOffsets(words.Next(), words.List(static inner => inner.Partition())),
        "scan" => ParseScan(words),
        "delete" => new DeleteRecords(words.Partition(), words.Int64()),
        "topic" => new ChangeTopic(words.Next(), (TopicChange)words.Int32(), words.Int32()),
        var other => throw new FormatException($"A child does not call '{other}'."),
    };

    private static CommitOffsets ParseCommit(WordReader words)
    {
        var (group, transaction) = (words.Next(), words.Int64OrNull());
        return new CommitOffsets(group, ParseOffsets(words), transaction);
    }

    private static Scan ParseScan(WordReader words)
    {
        var isCommitted = words.Int32() == 1;
        return new Scan(words.List(static inner => inner.Partition()), isCommitted);
    }

    private static SourceRecord? ParseSource(WordReader words) =>
        words.TextOrNull() is { } group ? new SourceRecord(group, words.Partition(), words.Int64()) : null;

    private static string Format(Answer? answer) => answer switch
    {
        null => None,
        WriteAnswer write => Words("written", write.Offset, write.IsDuplicate ? 1 : 0),
        ProducerAnswer producer => Words("producer", producer.ProducerId, producer.Epoch),
        OffsetAnswer offset => Words("offset", offset.Offset),
        OffsetsAnswer offsets => Words("offsets", Format(offsets.Offsets)),
        RecordsAnswer records => Words("records", records.Partitions.Count, string.Join(' ', records.Partitions.Select(Format))),
        _ => throw new NotSupportedException($"A child does not report {answer.GetType().Name}."),
    };

    private static Answer? ParseAnswer(WordReader words) => words.Next() switch
    {
        None => null,
        "written" => new WriteAnswer(words.Int64(), words.Int32() == 1),
        "producer" => new ProducerAnswer(words.Int64(), words.Int32()),
        "offset" => new OffsetAnswer(words.Int64()),
        "offsets" => new OffsetsAnswer(ParseOffsets(words)),
        "records" => new RecordsAnswer(words.List(ParseRead)),
        var other => throw new FormatException($"A child is not answered '{other}'."),
    };

    private static string Format(PartitionRead read)
    {
        var text = new StringBuilder(Words(Format(read.Partition), read.Begin, read.End, read.Limit, read.Records.Count));
        foreach (var record in read.Records)
            text.Append(CultureInfo.InvariantCulture, $" {record.Offset} {record.Value}");
        return text.ToString();
    }

    private static PartitionRead ParseRead(WordReader words) =>
        new(words.Partition(), words.Int64(), words.Int64(), words.Int64(), words.List(static inner => new ReadRecord(inner.Int64(), inner.Int64())));

    private static string Format(Fact fact) => fact switch
    {
        BrokerOpened opened => Words("opened", opened.Incarnation),
        BrokerClosed => "closed",
        _ => throw new NotSupportedException($"A child does not observe {fact.GetType().Name}."),
    };

    private static Fact ParseFact(WordReader words) => words.Next() switch
    {
        "opened" => new BrokerOpened(words.Int32()),
        "closed" => new BrokerClosed(),
        var other => throw new FormatException($"A child does not observe '{other}'."),
    };

    private static string Format(TopicPartition partition) => Words(partition.Topic, partition.Partition);

    private static string Format(IReadOnlyList<TopicPartition> partitions) => Words(partitions.Count, string.Join(' ', partitions.Select(Format)));

    private static string Format(IReadOnlyDictionary<TopicPartition, long> offsets) =>
        offsets.Count == 0 ? "0" : Words(offsets.Count, string.Join(' ', offsets.Select(pair => Words(Format(pair.Key), pair.Value))));

    private static Dictionary<TopicPartition, long> ParseOffsets(WordReader words) =>
        words.List(static inner => (inner.Partition(), inner.Int64())).ToDictionary();

    private static string OrNone(long? number) => number?.ToString(CultureInfo.InvariantCulture) ?? None;

    private static string Words(params object[] words) => string.Join(' ', words.Select(word => Convert.ToString(word, CultureInfo.InvariantCulture)));

    private sealed class WordReader(string line)
    {
        private int _at;

        public string Next()
        {
            if (_at > line.Length)
                throw new FormatException($"A child's line ends too early: {line}");
            var end = line.IndexOf(' ', _at);
            end = end < 0 ? line.Length : end;
            var word = line[_at..end];
            _at = end + 1;
            return word;
        }

        public string? TextOrNull() => Next() is var word && word == None ? null : word;

        public long Int64() => long.Parse(Next(), CultureInfo.InvariantCulture);

        public int Int32() => int.Parse(Next(), CultureInfo.InvariantCulture);

        public long? Int64OrNull() => TextOrNull() is { } word ? long.Parse(word, CultureInfo.InvariantCulture) : null;

        public TopicPartition Partition() => new(Next(), Int32());

        public List<T> List<T>(Func<WordReader, T> next)
        {
            var count = Int32();
            var items = new List<T>(count);
            for (var i = 0; i < count; i++)
                items.Add(next(this));
            return items;
        }
    }
}
