using System.Globalization;
using ExactlyOnce;

namespace ImportWithBackpressure;

internal readonly record struct Sum(int Count, long Total);

internal static class Topics
{
    public static readonly Topic<string, string> Lines = Topic.Create("lines", Serdes.Utf8, Serdes.Utf8);
    public static readonly Topic<NoKey, string> Sums = Topic.Create("sums", Serdes.Utf8);
}

/// <summary>Sums the lines up, batch by batch: a batch's sum and that the batch is done become true together.</summary>
internal static class Summing
{
    public static Pipeline CreatePipeline(Broker broker) => broker.CreatePipeline("summing")
        .Read(Topics.Lines)
        .WithBatch(2000)
        .Process(async (lines, output, ct) =>
        {
            var total = 0L;
            foreach (var line in lines)
                total += LineFile.AmountOf(line.Value);
            await output.SendAsync(Topics.Sums, string.Create(CultureInfo.InvariantCulture, $"{lines.Count};{total}"), ct);
        });

    public static async Task<Sum> ReadAsync(Broker broker)
    {
        var sum = new Sum();
        await using var consumer = broker.CreateConsumer(Topics.Sums).Build();
        await foreach (var part in consumer.ReadToEndAsync())
        {
            var fields = part.Value.Split(';');
            sum = new Sum(sum.Count + int.Parse(fields[0], CultureInfo.InvariantCulture), sum.Total + long.Parse(fields[1], CultureInfo.InvariantCulture));
        }
        return sum;
    }
}
