using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Testing.Tests.History;

/// <summary>
/// One thing made wrong in a legal history: in the last read_committed scan, or in an acknowledgement of a record that is still there. What it says is
/// for people.
/// </summary>
internal sealed record Corruption(string What, IReadOnlyList<HistoryEvent> History)
{
    public static IReadOnlyList<string> Kinds { get; } = ["drop", "duplicate", "swap", "alter offset in the read", "alter offset in the answer", "reveal aborted", "stop early"];

    /// <summary>Null when the history has nothing that could be made wrong in this way there.</summary>
    public static Corruption? Make(IReadOnlyList<HistoryEvent> history, string kind, int where)
    {
        if (kind == "alter offset in the answer")
            return AlterAnswer(history, where);
        var last = history.Count - 1;
        var scan = (RecordsAnswer)((Completed)history[last]).Answer!;
        var candidates = scan.Partitions.Where(part => part.Records.Count > (kind == "swap" ? 1 : 0)).ToList();
        if (kind == "reveal aborted")
            return Reveal(history, scan, where);
        if (candidates.Count == 0)
            return null;
        var read = candidates[where % candidates.Count];
        var changed = Change(read, kind, where / 7 % (read.Records.Count - (kind == "swap" ? 1 : 0)));
        return new Corruption($"{kind} in {read.Partition}", Replace(history, last, read, changed));
    }

    private static PartitionRead Change(PartitionRead part, string kind, int index)
    {
        var records = part.Records.ToList();
        var record = records[index];
        switch (kind)
        {
            case "drop":
                records.RemoveAt(index);
                break;
            case "duplicate":
                records.Insert(index, record);
                break;
            case "swap":
                (records[index], records[index + 1]) = (record with { Value = records[index + 1].Value }, records[index + 1] with { Value = record.Value });
                break;
            case "alter offset in the read":
                records[index] = record with { Offset = record.Offset + 1 };
                break;
            default:
                return part with { End = record.Offset, Limit = record.Offset, Records = records[..index] };
        }
        return part with { Records = records };
    }

    private static Corruption? Reveal(IReadOnlyList<HistoryEvent> history, RecordsAnswer committed, int where)
    {
        var uncommitted = (RecordsAnswer)((Completed)history[^3]).Answer!;
        var hidden = uncommitted.Partitions.Zip(committed.Partitions)
            .SelectMany(pair => pair.First.Records.Except(pair.Second.Records).Select(record => (Part: pair.Second, Record: record))).ToList();
        if (hidden.Count == 0)
            return null;
        var (part, record) = hidden[where % hidden.Count];
        var changed = part with { Records = [.. part.Records.Append(record).OrderBy(other => other.Offset)] };
        return new Corruption($"reveal {record.Value}", Replace(history, history.Count - 1, part, changed));
    }

    private static Corruption? AlterAnswer(IReadOnlyList<HistoryEvent> history, int where)
    {
        var visible = ((RecordsAnswer)((Completed)history[^3]).Answer!).Partitions.SelectMany(part => part.Records.Select(record => record.Value)).ToHashSet();
        var values = history.OfType<Invoked>().Where(invoked => invoked.Call is Write write && visible.Contains(write.Value)).Select(invoked => invoked.Operation).ToHashSet();
        var answers = Enumerable.Range(0, history.Count).Where(index => history[index] is Completed { Answer: WriteAnswer } completed && values.Contains(completed.Operation)).ToList();
        if (answers.Count == 0)
            return null;
        var at = answers[where % answers.Count];
        var answer = (Completed)history[at];
        var changed = history.ToList();
        changed[at] = answer with { Answer = new WriteAnswer(((WriteAnswer)answer.Answer!).Offset + 1) };
        return new Corruption($"answer of operation {answer.Operation}", changed);
    }

    private static List<HistoryEvent> Replace(IReadOnlyList<HistoryEvent> history, int at, PartitionRead before, PartitionRead after)
    {
        var changed = history.ToList();
        var completed = (Completed)changed[at];
        changed[at] = completed with { Answer = new RecordsAnswer([.. ((RecordsAnswer)completed.Answer!).Partitions.Select(part => part == before ? after : part)]) };
        return changed;
    }
}
