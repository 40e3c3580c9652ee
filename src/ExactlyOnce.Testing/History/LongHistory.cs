namespace ExactlyOnce.Testing.History;

/// <summary>
/// A legal history of any length, made as it is read, to measure what checking costs: four partitions, transactions of ten records with their offsets,
/// and a consumer that follows each partition.
/// </summary>
internal static class LongHistory
{
    private const int PerTransaction = 10;

    public static IEnumerable<HistoryEvent> Make(long records)
    {
        var ends = new long[4];
        var positions = new long[4];
        var operation = 0L;
        var time = 0L;
        for (var transaction = 0L; transaction < records / PerTransaction; transaction++)
        {
            var at = (int)(transaction % 4);
            var partition = new TopicPartition("t", at);
            yield return new Invoked(time++, 1, ++operation, new BeginTransaction(transaction, 1));
            yield return new Completed(time++, 1, operation, Outcome.Ok);
            for (var index = 0; index < PerTransaction; index++)
            {
                yield return new Invoked(time++, 1, ++operation, new Write(partition, transaction * PerTransaction + index, 1, transaction));
                yield return new Completed(time++, 1, operation, Outcome.Ok, new WriteAnswer(ends[at]++));
            }
            yield return new Invoked(time++, 1, ++operation, new CommitOffsets("g", new Dictionary<TopicPartition, long> { [partition] = transaction }, transaction));
            yield return new Completed(time++, 1, operation, Outcome.Ok);
            yield return new Invoked(time++, 1, ++operation, new EndTransaction(transaction, true));
            ends[at]++;
            yield return new Completed(time++, 1, operation, Outcome.Ok);
            yield return new Invoked(time++, 2 + at, ++operation, new Poll(at, true));
            var read = new List<ReadRecord>(PerTransaction);
            for (var index = 0; index < PerTransaction; index++)
                read.Add(new ReadRecord(positions[at] + index, transaction * PerTransaction + index));
            yield return new Completed(time++, 2 + at, operation, Outcome.Ok, new RecordsAnswer([new PartitionRead(partition, positions[at], ends[at], ends[at], read)]));
            positions[at] = ends[at];
        }
    }
}
