using FASTER.core;

namespace ExactlyOnce.Benchmarks.Comparing.Peers;

/// <summary>
/// FasterLog in memory: a null device, so that nothing is ever written, and an iterator over what is not committed that copies nothing. The log keeps the last
/// 32 MiB; the
/// writer stays near enough to the reader that nothing is overwritten unread.
/// </summary>
internal static class FasterLogPeer
{
    public const string Name = "FasterLog";

    public const string Lacks = "no dedupe, no partitions, no transactions, no keys or timestamps";

    private const string LacksHere = Lacks + "; here without a checksum";
    private const long MemoryBytes = 32 << 20;
    private const int BulkBytes = 64 << 10;

    /// <summary>Entry by entry.</summary>
    public static Contestant OneToOne(int records) => new(Name, share => MeasureAsync((int)(records * share), ReadEntries), LacksHere);

    /// <summary>For the record, without a bar: the log hands over pieces of its own memory.</summary>
    public static Contestant InBulk(int records) =>
        new($"{Name} in bulk", share => MeasureAsync((int)(records * share), ReadInBulk),
            LacksHere + "; the reader has to find the entries in the log's own memory by itself");

    private static async Task<Figure[]> MeasureAsync(int records, Action<FasterLogScanIterator, int, Progress> read)
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
            read(entries, records, progress);
            return Task.CompletedTask;
        }
    }

    private static unsafe void ReadEntries(FasterLogScanIterator entries, int records, Progress progress)
    {
        var (count, bytes) = (0L, 0L);
        while (count < records)
            if (entries.UnsafeGetNext(out _, out var length, out _, out _))
            {
                entries.UnsafeRelease();
                bytes += length;
                if ((++count & 1023) == 0)
                    progress.Report(count);
            }
            else
            {
                progress.Report(count);
                Thread.Yield();
            }
        Verify.Equal((long)records * Payload.Bytes, bytes, "bytes came out of FasterLog");
    }

    private static void ReadInBulk(FasterLogScanIterator entries, int records, Progress progress)
    {
        var tally = new Tally();
        while (tally.Count < records)
        {
            if (!entries.TryBulkConsumeNext(tally, BulkBytes))
                Thread.Yield();
            progress.Report(tally.Count);
        }
        Verify.Equal((long)records * Payload.Bytes, tally.Bytes, "bytes came out of FasterLog");
    }

    private sealed class Tally : IBulkLogEntryConsumer
    {
        public long Count { get; private set; }

        public long Bytes { get; private set; }

        // An entry is its length, its bytes, and what is missing to four bytes.
        public unsafe void Consume(byte* payload, int payloadLength, long currentAddress, long nextAddress)
        {
            for (var at = 0; at < payloadLength;)
            {
                var length = *(int*)(payload + at);
                if (length <= 0)
                    break;
                Count++;
                Bytes += length;
                at += sizeof(int) + ((length + 3) & -4);
            }
        }

        public void Throttle() { }
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
