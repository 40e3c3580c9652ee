using FASTER.core;

namespace ExactlyOnce.Benchmarks.Comparing.Peers;

/// <summary>
/// FasterLog in memory: a null device, so that nothing is ever written, and an iterator over what is not committed that consumes entries without copying them. The log keeps
/// the last 32 MiB; the writer stays near enough to the reader that nothing is overwritten unread.
/// </summary>
internal static class FasterLogPeer
{
    public const string Name = "FasterLog";

    public const string Lacks = "no dedupe, no partitions, no transactions, no keys or timestamps";

    private const long MemoryBytes = 32 << 20;

    public static Contestant OneToOne(int records) => new(Name, share => MeasureAsync((int)(records * share)), Lacks + "; here without a checksum");

    private static async Task<Figure[]> MeasureAsync(int records)
    {
        using var device = new NullDevice();
        using var commits = new NoCommits();
        using var log = new FasterLog(new FasterLogSettings
        {
            LogDevice = device, LogCommitManager = commits, MemorySize = MemoryBytes, AutoRefreshSafeTailAddress = true, TryRecoverLatest = false,
        });
        var progress = new Progress();
        return await OwnThread.MeasurePairAsync(records, WriteAsync, ReadAsync);

        Task WriteAsync()
        {
            for (var i = 1; i <= records; i++)
            {
                log.Enqueue(Payload.Value);
                progress.LetWrite(i);
            }
            return Task.CompletedTask;
        }

        Task ReadAsync()
        {
            using var entries = log.Scan(0, long.MaxValue, scanUncommitted: true);
            var tally = new Tally();
            while (tally.Count < records)
                if (entries.TryConsumeNext(tally))
                {
                    if ((tally.Count & 1023) == 0)
                        progress.Report(tally.Count);
                }
                else
                {
                    progress.Report(tally.Count);
                    Thread.Yield();
                }
            Verify.Equal((long)records * Payload.Bytes, tally.Bytes, "bytes came out of FasterLog");
            return Task.CompletedTask;
        }
    }

    private sealed class Tally : ILogEntryConsumer
    {
        public long Count { get; private set; }

        public long Bytes { get; private set; }

        public void Consume(ReadOnlySpan<byte> entry, long currentAddress, long nextAddress)
        {
            Count++;
            Bytes += entry.Length;
        }
    }

    /// <summary>A log that is never committed needs no place to remember commits in.</summary>
    private sealed class NoCommits : ILogCommitManager
    {
        public void Commit(long beginAddress, long untilAddress, byte[] commitMetadata, long commitNum, bool forceWriteMetadata) { }

        public void Dispose() { }

        public IEnumerable<long> ListCommits() => [];

        public byte[] GetCommitMetadata(long commitNum) => [];

        public void RemoveCommit(long commitNum) { }

        public void RemoveAllCommits() { }

        public void OnRecovery(long commitNum) { }
    }
}
