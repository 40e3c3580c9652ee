using System.Globalization;
using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Torture.Hammering;

/// <summary>
/// The import's promise, whoever took part in it: the log holds the numbers from 0 on, each once and none left out. A record of it has its number as its key.
/// </summary>
internal static class ImportOrder
{
    public static IEnumerable<string> Check(IReadOnlyList<HistoryEvent> history)
    {
        var numbers = new Dictionary<long, long>();
        RecordsAnswer? last = null;
        foreach (var next in history)
        {
            if (next is Invoked { Call: Write { Key: { } key } write } && write.Partition.Topic == HammerTopics.Imported.Name)
                numbers[write.Value] = long.Parse(key, CultureInfo.InvariantCulture);
            else if (next is Completed { Answer: RecordsAnswer { Partitions.Count: > 1 } answer })
                last = answer;
        }
        var found = last?.Partitions.Where(part => part.Partition.Topic == HammerTopics.Imported.Name)
            .SelectMany(part => part.Records).Select(record => numbers.GetValueOrDefault(record.Value, -1)).Order().ToArray() ?? [];
        for (var i = 0; i < found.Length; i++)
        {
            if (found[i] == i)
                continue;
            yield return $"The import's number {i} is {(found[i] < i ? "there twice" : "missing")}: the log holds {found.Length} of its records, up to {found[^1]}.";
            yield break;
        }
    }
}
