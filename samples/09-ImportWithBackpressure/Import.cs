using ExactlyOnce;

namespace ImportWithBackpressure;

/// <summary>Brings a file's lines into a topic, as far as it comes; what it has done is remembered by the broker, not here.</summary>
internal sealed class Import(Broker broker, string file, int bufferBytes)
{
    private const int LinesBetweenLooks = 100;

    /// <summary>Lines handed over, in all runs together.</summary>
    public int Posted { get; private set; }

    /// <summary>How often there was no space in the buffer.</summary>
    public int Waits { get; private set; }

    /// <summary>The most lines that were handed over and not yet stored.</summary>
    public long LinesAheadMax { get; private set; }

    public async Task RunAsync(Action<int> progress, CancellationToken cancellationToken)
    {
        await using var importer = broker.CreateProducer(Topics.Lines).WithIdentity("lines.csv").WithBufferMemory(bufferBytes).WithBatchSize(bufferBytes / 16).Build();
        var done = await importer.GetLastSourceSequenceAsync(CancellationToken.None) ?? -1;
        try
        {
            long number = -1;
            await foreach (var line in File.ReadLinesAsync(file, cancellationToken))
            {
                if (++number <= done)
                    continue;
                await PostAsync(importer, line, number, cancellationToken);
                if (number % LinesBetweenLooks == 0)
                    LinesAheadMax = Math.Max(LinesAheadMax, number - (await importer.GetLastSourceSequenceAsync(cancellationToken) ?? -1));
                progress(++Posted);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The next run goes on behind the last line that is stored; what was handed over is stored by the producer's disposal.
        }
        await importer.FlushAsync(CancellationToken.None);
    }

    private async ValueTask PostAsync(Producer<string, string> importer, string line, long number, CancellationToken cancellationToken)
    {
        var posting = importer.PostAsync(LineFile.CustomerOf(line), line, number, cancellationToken);
        if (!posting.IsCompleted)
            Waits++;
        await posting;
    }
}

internal static class Interruption
{
    public static void CancelAfterLine(this CancellationTokenSource interruption, int posted, int line)
    {
        if (posted == line)
            interruption.Cancel();
    }
}
