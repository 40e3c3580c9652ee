using System.Diagnostics;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Engine.Log;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Tests.Engine.Log;

public class LogConcurrencyTests
{
    /// <summary>
    /// One writer, a thread that checkpoints, trims and compacts, and readers that poll: no reader sees a byte that was not appended, an offset twice, a gap
    /// that nothing explains, or an aborted record.
    /// </summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Readers_see_whole_batches_in_order_while_the_log_moves_under_them(bool isOnDisk)
    {
        // Little memory is kept, so that dropped chunks are used again at once by the writer.
        using var log = new TestLog(isOnDisk ? new MemoryDisk() : null, new SegmentRules { SegmentBytes = 200_000, IndexIntervalBytes = 1000 });
        var time = Stopwatch.StartNew();
        var failures = new List<Exception>();
        var batchesRead = 0L;
        var moves = 0;
        bool Runs() => time.ElapsedMilliseconds < 900 && failures.Count == 0;

        void Start(List<Thread> threads, Action body)
        {
            var thread = new Thread(() =>
            {
                try
                {
                    body();
                }
                catch (Exception exception)
                {
                    lock (failures)
                        failures.Add(exception);
                }
            });
            threads.Add(thread);
            thread.Start();
        }

        var running = new List<Thread>();
        Start(running, () => Write(log, Runs));
        Start(running, () => moves = Move(log, isOnDisk, Runs));
        for (var reader = 0; reader < 3; reader++)
            Start(running, () => Interlocked.Add(ref batchesRead, Read(log, Runs)));
        foreach (var thread in running)
            thread.Join();

        failures.Should().BeEmpty();
        batchesRead.Should().BeGreaterThan(100);
        moves.Should().BeGreaterThan(2);
        log.MoveLogStart(log.Limit);
        log.Pool.RentedBytes.Should().Be(0, "every lease was given back");
    }

    // Committed and aborted transactions take turns; a value says its offset's fate.
    private static void Write(TestLog log, Func<bool> runs)
    {
        var producer = new ProducerIdentity(1, 0);
        for (var i = 0; runs(); i++)
        {
            var isCommit = i % 2 == 0;
            log.Append(TestBatch.Transactional(producer, 0, ($"k{i % 50}", (isCommit ? "good" : "bad") + new string('v', i * 31 % 900))));
            log.AppendMarker(producer, isCommit);
            if (i % 64 == 0)
                Thread.Yield();
        }
    }

    private static int Move(TestLog log, bool isOnDisk, Func<bool> runs)
    {
        var moves = 0;
        while (runs())
        {
            if (isOnDisk)
                log.Checkpoint();
            var end = log.Limit;
            if (moves % 3 == 1)
                log.Compact(new CompactionRules { NowMs = log.NowMs, DeleteRetentionMs = 0 });
            if (moves % 5 == 4)
                log.MoveLogStart(Math.Max(log.View.LogStart, end - 3000));
            moves++;
            Thread.Sleep(1);
        }
        return moves;
    }

    private static long Read(TestLog log, Func<bool> runs)
    {
        var batchesRead = 0L;
        using var cursor = new LogCursor(log, 0);
        var entries = new List<AbortedEntry>();
        while (runs())
        {
            var begin = cursor.NextOffset;
            var read = cursor.TryRead(log.Limit, 20_000, out var batches);
            if (read == LogRead.BelowLogStart)
                cursor.Seek(log.View.LogStart);
            if (read == LogRead.EndOfLimit && batchesRead % 7 == 0)
                cursor.ReleaseHeld();
            if (read != LogRead.Batches)
                continue;
            entries.Clear();
            cursor.View.CollectAborted(begin, cursor.NextOffset, entries);
            batchesRead += Check(batches, begin, cursor.NextOffset, new AbortedLookup(entries));
            if (batchesRead % 1000 == 0)
                cursor.Seek(Math.Max(log.View.LogStart, begin - 500));
        }
        return batchesRead;
    }

    private static int Check(ReadOnlyMemory<byte> batches, long begin, long end, AbortedLookup aborted)
    {
        var headers = TestBatch.HeadersIn(batches.Span);
        var expected = begin;
        foreach (var header in headers)
        {
            if (header.BaseOffset < expected)
                throw new InvalidOperationException($"Offset {header.BaseOffset} was read where {expected} follows.");
            expected = header.NextOffset;
        }
        if (expected != end)
            throw new InvalidOperationException($"The cursor stands at {end}, the batches end at {expected}.");
        foreach (var record in TestBatch.RecordsIn(batches))
        {
            // The last batch may belong to a transaction that is not decided yet: the limit is the end of the log, not the last stable offset.
            var isBad = record.Value!.StartsWith("bad", StringComparison.Ordinal);
            var isAborted = aborted.IsAborted(record.TransactionalProducer, record.Offset);
            if (isAborted && !isBad)
                throw new InvalidOperationException($"The committed record at {record.Offset} counts as aborted.");
            if (isBad && !isAborted && record.Offset + 1 < end)
                throw new InvalidOperationException($"The aborted record at {record.Offset} counts as committed.");
        }
        return headers.Count;
    }
}
