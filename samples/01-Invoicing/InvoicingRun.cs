using ExactlyOnce;

namespace Invoicing;

/// <summary>
/// One run over one file: import every line once, turn lines into invoice totals, read the report. A run may be killed anywhere; the next one on the same
/// folder goes on where it stopped.
/// </summary>
internal static class InvoicingRun
{
    /// <summary>A line of progress is shown after so many order lines.</summary>
    public const int ReportEvery = 25;

    private static readonly Topic<string, OrderLine> s_lines =
        Topic.Create("order-lines", Serdes.Utf8, Serdes.Json(ShopJson.Default.OrderLine));

    private static readonly Topic<string, Invoice> s_invoices =
        Topic.Create("invoices", Serdes.Utf8, Serdes.Json(ShopJson.Default.Invoice));

    public static async Task<Report> RunAsync(
        OrderLineFile file, string folder, int pause, Action<string> progress, CancellationToken cancellationToken)
    {
        await using var broker = await Broker.CreateBuilder()
            .UseDirectory(folder)
            .AddTopic(s_lines, topic => topic.Partitions = 3)
            .AddTopic(s_invoices, topic => { topic.Partitions = 3; topic.Cleanup = CleanupPolicy.Compact; })
            .OpenAsync(cancellationToken);

        var lines = await ImportAsync(broker, file, pause, progress, cancellationToken);
        await InvoiceAsync(broker, lines, pause, progress, cancellationToken);
        return Report.From(
            await ReadAsync(broker, s_lines, cancellationToken), [.. (await TotalsAsync(broker, cancellationToken)).Values], lines);
    }

    /// <summary>A named producer remembers, durably and with the records, the last line it has sent: sending starts behind it.</summary>
    private static async Task<int> ImportAsync(
        Broker broker, OrderLineFile file, int pause, Action<string> progress, CancellationToken cancellationToken)
    {
        await using var importer = broker.CreateProducer(s_lines).WithIdentity("csv-import").Build();
        var done = await importer.GetLastSourceSequenceAsync(cancellationToken) ?? -1;
        var count = 0;
        foreach (var line in file.Read())
        {
            count++;
            if (line.LineNumber <= done)
                continue;
            await importer.PostAsync(line.InvoiceNo, line, sourceSequence: line.LineNumber, cancellationToken);
            if (count % ReportEvery != 0)
                continue;
            await importer.FlushAsync(cancellationToken);
            progress($"imported {count} lines");
            await Task.Delay(pause, cancellationToken);
        }
        await importer.FlushAsync(cancellationToken);
        progress($"imported {count} lines, {done + 1} of them in an earlier run");
        return count;
    }

    /// <summary>Totals and the position in the lines are committed together, so every line is counted in exactly one total.</summary>
    private static async Task InvoiceAsync(Broker broker, int lines, int pause, Action<string> progress, CancellationToken cancellationToken)
    {
        var totals = new RunningTotals(token => TotalsAsync(broker, token));
        var invoiced = 0;
        await using var invoicing = broker.CreatePipeline("invoicing")
            .Read(s_lines)
            .WithBatch(ReportEvery)
            .Process(async (batch, output, token) =>
            {
                foreach (var invoice in await totals.AddAsync(batch, token))
                    await output.SendAsync(s_invoices, invoice.InvoiceNo, invoice, token);
                invoiced += batch.Count;
                progress($"invoiced {invoiced} lines in this run, of {lines}");
                await Task.Delay(pause, token);
            });
        await invoicing.RunUntilCaughtUpAsync(cancellationToken);
    }

    /// <summary>The last total of every invoice.</summary>
    private static async Task<Dictionary<string, Invoice>> TotalsAsync(Broker broker, CancellationToken cancellationToken)
    {
        var totals = new Dictionary<string, Invoice>();
        foreach (var invoice in await ReadAsync(broker, s_invoices, cancellationToken))
            totals[invoice.InvoiceNo] = invoice;
        return totals;
    }

    /// <summary>Everything committed in a topic now.</summary>
    private static async Task<List<T>> ReadAsync<T>(Broker broker, Topic<string, T> topic, CancellationToken cancellationToken)
    {
        await using var consumer = broker.CreateConsumer(topic).StartFrom(StartFrom.Earliest).Build();
        var found = new List<T>();
        await foreach (var record in consumer.ReadToEndAsync(cancellationToken))
            found.Add(record.Value!);
        return found;
    }
}
