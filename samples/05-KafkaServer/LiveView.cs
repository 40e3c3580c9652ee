using System.Text;
using ExactlyOnce;
using ExactlyOnce.Kafka.Endpoint;

namespace KafkaServer;

/// <summary>Connections, topics and open transactions as they stand: redrawn in place in a terminal; elsewhere a line for every change.</summary>
internal sealed class LiveView(Broker broker, KafkaEndpoint endpoint)
{
    private const int TopicsShownMax = 10;
    private const int TransactionsShownMax = 5;

    private static readonly TimeSpan s_every = TimeSpan.FromSeconds(1);

    private string _shown = "";
    private int _rowsShown;

    public async Task ShowUntilAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(s_every);
        try
        {
            do
            {
                var transactions = await broker.Admin.ListOpenTransactionsAsync(stop);
                if (Console.IsOutputRedirected)
                    Append(Line(transactions));
                else
                    Redraw(await ScreenAsync(transactions));
            }
            while (await timer.WaitForNextTickAsync(stop));
        }
        catch (OperationCanceledException)
        {
            // Asked to stop.
        }
    }

    private string Line(IReadOnlyList<TransactionDescription> transactions) =>
        $"{Count(endpoint.ConnectionCount, "connection")}, {Count(Topics().Count, "topic")}, {Count(transactions.Count, "open transaction")}";

    private async Task<List<string>> ScreenAsync(IReadOnlyList<TransactionDescription> transactions)
    {
        var rows = new List<string> { $"{DateTime.Now:HH:mm:ss}  {Line(transactions)}" };
        var topics = Topics();
        foreach (var topic in topics.Take(TopicsShownMax))
            rows.Add($"  {topic.Name}: {Count(topic.Partitions, "partition")}, stable up to {await EndsOfAsync(topic)}");
        if (topics.Count > TopicsShownMax)
            rows.Add($"  and {topics.Count - TopicsShownMax} more");
        rows.AddRange(transactions.Take(TransactionsShownMax).Select(transaction =>
            $"  transaction {transaction.TransactionalId}: open for {(DateTimeOffset.UtcNow - transaction.StartedAt).TotalSeconds:0} s in {Count(transaction.Partitions.Count, "partition")}"));
        if (transactions.Count > TransactionsShownMax)
            rows.Add($"  and {transactions.Count - TransactionsShownMax} more");
        return rows;
    }

    /// <summary>The offset up to which each partition can be read: in front of the first open transaction, or the end.</summary>
    private async Task<string> EndsOfAsync(TopicDescription topic)
    {
        try
        {
            await using var consumer = broker.CreateConsumer(Topic.Create(topic.Name, Serdes.Bytes)).WithPartitions(0).Build();
            return string.Join(", ", Enumerable.Range(0, topic.Partitions).Select(partition => consumer.GetEndOffset(new TopicPartition(topic.Name, partition))));
        }
        catch (BrokerException)
        {
            return "– (deleted)";
        }
    }

    private List<TopicDescription> Topics() => [.. broker.Admin.ListTopics().Where(topic => !topic.IsInternal).OrderBy(topic => topic.Name, StringComparer.Ordinal)];

    private void Append(string line)
    {
        if (line == _shown)
            return;
        _shown = line;
        Console.WriteLine(line);
    }

    /// <summary>Goes up to the first row shown, clears from there, writes anew. Rows are cut at the window's edge: a row that wraps would be two.</summary>
    private void Redraw(List<string> rows)
    {
        var width = Math.Max(20, Console.WindowWidth - 1);
        var text = new StringBuilder();
        if (_rowsShown > 0)
            text.Append($"\e[{_rowsShown}F");
        text.Append("\e[J");
        foreach (var row in rows)
            text.AppendLine(row.Length > width ? row[..width] : row);
        _rowsShown = rows.Count;
        Console.Write(text);
    }

    private static string Count(long number, string noun) => $"{number:N0} {noun}{(number == 1 ? "" : "s")}";
}
