using System.Globalization;
using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Torture.Kills;

/// <summary>
/// The import's promise, over all its lives: the log holds the numbers 0 to the last one that the broker remembers, each once, in order in its partition. Which
/// number a value stands for was said when it was written.
/// </summary>
internal sealed class ImportCheck
{
    private readonly Dictionary<long, long> _numberOf = [];
    private List<long>? _found;

    public IEnumerable<string> Add(HistoryEvent next)
    {
        switch (next)
        {
            case Invoked { Call: Write { Partition.Topic: var topic } write } when topic == KillTopics.Imported.Name:
                _numberOf[write.Value] = long.Parse(write.Key!, CultureInfo.InvariantCulture);
                break;
            case Completed { Answer: RecordsAnswer records } when records.Partitions[0].Partition.Topic == KillTopics.Imported.Name:
                return Take(records);
        }
        return [];
    }

    /// <summary>What the broker remembers, said after its partitions were read.</summary>
    public IEnumerable<string> CheckLast(long last)
    {
        if (_found is { } found && (found.Count != last + 1 || found.Where((number, index) => number != index).Any()))
            yield return $"The broker remembers the import up to {last}; the log holds {found.Count} of its records, up to {found.DefaultIfEmpty(-1).Max()}.";
        _found = null;
    }

    private IEnumerable<string> Take(RecordsAnswer records)
    {
        _found = [];
        foreach (var read in records.Partitions)
        {
            var numbers = read.Records.Select(record => _numberOf.GetValueOrDefault(record.Value, -1)).ToArray();
            if (!numbers.SequenceEqual(numbers.Order()))
                yield return $"The import's records in {read.Partition} are not in the order of their numbers.";
            _found.AddRange(numbers);
        }
        _found.Sort();
    }
}
