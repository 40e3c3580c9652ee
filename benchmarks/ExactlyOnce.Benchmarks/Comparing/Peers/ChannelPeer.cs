using System.Diagnostics;
using System.Threading.Channels;

namespace ExactlyOnce.Benchmarks.Comparing.Peers;

/// <summary>
/// <c>Channel&lt;byte[]&gt;</c>, unbounded, one copied array a message: what a program does that must not share the caller's buffer. Told that there is one
/// reader and one
/// writer, as its documentation advises.
/// </summary>
internal static class ChannelPeer
{
    public const string Name = "Channel";

    private const string Lacks = "no log, nothing is kept or read twice; no second consumer, no partitions, no dedupe, no transactions, no disk";
    private const int PieceRecords = 10_000;

    public static Contestant OneToOne(int records) => new(Name, share => MeasureOneToOneAsync((int)(records * share)), Lacks);

    public static Contestant WriteThenRead(int records) => new(Name, share => MeasureWriteThenReadAsync((int)(records * share)), Lacks);

    public static Contestant ReadTransformWrite(int records) => new($"two {Name}s by hand", share => MeasureTransformAsync((int)(records * share)), Lacks);

    private static Channel<byte[]> Create() => Channel.CreateUnbounded<byte[]>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });

    private static Task<Figure[]> MeasureOneToOneAsync(int records)
    {
        var channel = Create();
        var progress = new Progress();
        return OwnThread.MeasurePairAsync(records, WriteAsync, ReadAsync);

        Task WriteAsync()
        {
            for (var i = 1; i <= records; i++)
            {
                channel.Writer.TryWrite(Payload.Value.ToArray());
                progress.LetWrite(i);
            }
            channel.Writer.Complete();
            return Task.CompletedTask;
        }

        async Task ReadAsync()
        {
            var (count, bytes) = (0L, 0L);
            while (await channel.Reader.WaitToReadAsync())
                while (channel.Reader.TryRead(out var message))
                {
                    bytes += message.Length;
                    if ((++count & 1023) == 0)
                        progress.Report(count);
                }
            Verify.Equal((long)records * Payload.Bytes, bytes, "bytes came out of the channel");
        }
    }

    private static async Task<Figure[]> MeasureWriteThenReadAsync(int records)
    {
        var channel = Create();
        var bytes = 0L;
        var clock = Stopwatch.StartNew();
        for (var i = 0; i < records; i++)
        {
            await channel.Writer.WriteAsync(Payload.Value.ToArray());
            bytes += (await channel.Reader.ReadAsync()).Length;
        }
        var elapsed = clock.Elapsed;
        Verify.Equal((long)records * Payload.Bytes, bytes, "bytes came out of the channel");
        return [new Figure(Quantity.Records, records / elapsed.TotalSeconds), new Figure(Quantity.Nanoseconds, elapsed.TotalNanoseconds / records)];
    }

    /// <summary>In pieces, filled and emptied while the clock stands: a channel that held everything would be measured by the garbage collector.</summary>
    private static async Task<Figure[]> MeasureTransformAsync(int records)
    {
        var (source, target) = (Create(), Create());
        var (clock, count) = (new Stopwatch(), 0L);
        for (var rest = records; rest > 0; rest -= PieceRecords)
        {
            var piece = Math.Min(rest, PieceRecords);
            for (var i = 0; i < piece; i++)
                source.Writer.TryWrite(Payload.Value.ToArray());
            clock.Start();
            for (var i = 0; i < piece; i++)
                await target.Writer.WriteAsync((await source.Reader.ReadAsync()).AsSpan().ToArray());
            clock.Stop();
            while (target.Reader.TryRead(out _))
                count++;
        }
        Verify.Equal(records, count, "messages were transformed");
        return [new Figure(Quantity.Records, records / clock.Elapsed.TotalSeconds)];
    }
}
