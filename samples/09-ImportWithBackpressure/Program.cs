// An import of a file that is larger than you want in memory: PostAsync waits when the disk is behind, so that the reader of the file is never further ahead than the buffer is large.
// It is interrupted in the middle and started again, and imports every line exactly once: the broker stores the last line's number together with the lines.
// Behind it a pipeline sums the lines up at its own pace; being slow it delays nobody and holds nothing in memory, because the log is on the disk.
using System.Globalization;
using ExactlyOnce;
using ImportWithBackpressure;

var lines = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 100_000;
const int BufferBytes = 256 * 1024;
var folder = Directory.CreateTempSubdirectory("exactly-once-import-").FullName;
try
{
    var file = Path.Combine(folder, "lines.csv");
    var expected = LineFile.Write(file, lines);

    await using var broker = await Broker.CreateBuilder()
        .UseConnectionString($"mode=durable;path={Path.Combine(folder, "broker")}")
        .AddTopic(Topics.Lines, topic => topic.Partitions = 4)
        .OpenAsync();
    await using var summing = Summing.CreatePipeline(broker);
    var running = summing.RunAsync();

    var import = new Import(broker, file, BufferBytes);
    using (var interruption = new CancellationTokenSource())
        await import.RunAsync(posted => interruption.CancelAfterLine(posted, lines / 2), interruption.Token);
    var first = import.Posted;
    Console.WriteLine($"Interrupted after {first} of {lines} lines.");
    await import.RunAsync(_ => { }, CancellationToken.None);
    Console.WriteLine($"Started again: {import.Posted - first} more lines.");
    // Every line waits for buffer space with more bytes than its text has.
    var aheadMax = BufferBytes / LineFile.LineBytes;
    Console.WriteLine($"The import had to wait {import.Waits} times and was never more than {import.LinesAheadMax} lines ahead of the disk; {BufferBytes >> 10} KiB hold {aheadMax}.");

    await summing.StopAsync();
    await running;
    await summing.RunUntilCaughtUpAsync();
    var sum = await Summing.ReadAsync(broker);

    var isRight = sum == new Sum(lines, expected) && import.Posted == lines && first < lines && import.LinesAheadMax <= aheadMax;
    Console.WriteLine($"{sum.Count} lines, {sum.Total} of {expected} in total: {(isRight ? "PASS" : "FAIL")}");
    return isRight ? 0 : 1;
}
finally
{
    Directory.Delete(folder, recursive: true);
}
