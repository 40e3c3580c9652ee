using System.IO.Pipelines;
using ExactlyOnce.Engine.Log;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Tests.Engine.Log;

public class LogTailTests
{
    private readonly ChunkPool _pool = new(1 << 22);

    [Fact]
    public void A_placed_copy_carries_its_offset_and_leader_epoch_and_a_checksum_that_still_fits()
    {
        var tail = new LogTail(_pool, 100);
        var placed = Append(tail, TestBatch.Sized(3, 10), leaderEpoch: 7).ToArray();

        var header = TestBatch.HeadersIn(placed).Should().ContainSingle().Which;
        header.BaseOffset.Should().Be(100);
        header.LeaderEpoch.Should().Be(7);
        (tail.FirstOffset, tail.NextOffset, tail.SizeInBytes).Should().Be((100, 103, placed.Length));
    }

    [Fact]
    public void Chunks_double_from_4_KiB_to_1_MiB()
    {
        var tail = new LogTail(_pool, 0);
        for (var i = 0; i < 1100; i++)
            Append(tail, TestBatch.Sized(1, 3800));

        var sizes = new List<int>();
        for (var chunk = tail.First; chunk is not null; chunk = chunk.Next)
            sizes.Add(chunk.Buffer.Length);
        sizes[0].Should().Be(4096);
        sizes.Should().BeInAscendingOrder();
        sizes.Should().Contain(1 << 20);
        sizes.Zip(sizes.Skip(1)).Should().OnlyContain(pair => pair.Second <= pair.First * 2);
    }

    [Fact]
    public void A_batch_larger_than_a_chunk_gets_one_of_its_own_size()
    {
        var tail = new LogTail(_pool, 0);
        var batch = TestBatch.Sized(1, 2 << 20);
        Append(tail, batch);

        tail.First!.Buffer.Length.Should().Be(batch.Length);
        tail.TrimTo(1);
        (_pool.RentedBytes, _pool.RetainedBytes).Should().Be((0, batch.Length));
    }

    [Fact]
    public void Trimming_drops_whole_chunks_only_and_an_emptied_tail_goes_on_at_its_offset()
    {
        var tail = new LogTail(_pool, 0);
        for (var i = 0; i < 5; i++)
            Append(tail, TestBatch.Sized(1, 3000));
        var second = tail.First!.Next!;

        tail.TrimTo(second.BaseOffset - 1).Should().BeFalse("the first chunk still holds the offset in front");
        tail.TrimTo(second.BaseOffset).Should().BeTrue();
        tail.First.Should().BeSameAs(second);
        tail.TrimTo(5).Should().BeTrue();

        tail.First.Should().BeNull();
        (tail.FirstOffset, tail.NextOffset, tail.SizeInBytes).Should().Be((5, 5, 0));
        Append(tail, TestBatch.Sized(1, 10));
        tail.First!.BaseOffset.Should().Be(5);
    }

    [Fact]
    public void A_leased_chunk_keeps_its_bytes_until_the_last_reader_leaves_and_is_then_gone_for_ever()
    {
        var tail = new LogTail(_pool, 0);
        Append(tail, TestBatch.Sized(1, 100));
        var chunk = tail.First!;
        var content = chunk.Buffer.AsSpan(0, chunk.Written).ToArray();
        chunk.TryLease().Should().BeTrue();

        tail.TrimTo(1);
        Append(tail, TestBatch.Sized(2, 50));
        chunk.Buffer.AsSpan(0, content.Length).ToArray().Should().Equal(content);
        chunk.IsClosed.Should().BeTrue("a reader at its end must not wait there");

        chunk.Release();
        chunk.TryLease().Should().BeFalse();
    }

    [Fact]
    public void A_slice_holds_exactly_the_batches_between_its_offsets()
    {
        var tail = new LogTail(_pool, 0);
        var batches = Enumerable.Range(0, 12).Select(i => TestBatch.Sized(2, 400 + i)).ToList();
        foreach (var batch in batches)
            Append(tail, batch);

        for (var from = 0; from <= 12; from++)
        {
            for (var to = from; to <= 12; to++)
            {
                using var slice = tail.Capture(from * 2, to * 2);
                slice.SizeInBytes.Should().Be(batches[from..to].Sum(b => (long)b.Length));
                slice.Runs.SelectMany(run => TestBatch.HeadersIn(run.Bytes.Span)).Select(h => h.BaseOffset)
                    .Should().Equal(Enumerable.Range(from, to - from).Select(i => (long)i * 2));
            }
        }
    }

    [Fact]
    public void Buffers_are_used_again_up_to_the_bound()
    {
        var pool = new ChunkPool(retainedBytesMax: 8192);
        var (first, second, third) = (pool.Rent(1), pool.Rent(4096), pool.Rent(4097));
        (first.Length, second.Length, third.Length).Should().Be((4096, 4096, 8192));
        pool.Return(first);
        pool.Return(third);
        pool.Return(second);

        pool.RetainedBytes.Should().Be(8192, "the 8 KiB were given up, because the bound was reached with them");
        pool.Rent(100).Should().BeSameAs(second);
        pool.RetainedBytes.Should().Be(4096);
        pool.RentedBytes.Should().Be(4096);
    }

    [Fact]
    public void A_large_batchs_buffer_is_used_again_by_one_that_nearly_fills_it()
    {
        var pool = new ChunkPool(retainedBytesMax: 4 * ChunkPool.LargestBytes);
        var buffer = pool.Rent(ChunkPool.LargestBytes + 800);
        buffer.Length.Should().Be(ChunkPool.LargestBytes + 800, "a power of two would leave half of it unused");
        pool.Return(buffer);
        pool.RetainedBytes.Should().Be(buffer.Length);

        pool.Rent(ChunkPool.LargestBytes).Should().NotBeSameAs(buffer, "that is a size of its own");
        pool.Rent(2 * ChunkPool.LargestBytes).Length.Should().Be(2 * ChunkPool.LargestBytes, "it does not fit in there");
        pool.Rent(ChunkPool.LargestBytes + 500).Should().BeSameAs(buffer);
        pool.RetainedBytes.Should().Be(0);
    }

    [Fact]
    public void While_a_log_grows_memory_is_made_ahead_in_the_background_and_small_logs_make_none()
    {
        var background = new Queue<Action>();
        var pool = new ChunkPool(retainedBytesMax: 3 * ChunkPool.LargestBytes, new QueueScheduler(background));
        pool.Rent(ChunkPool.LargestBytes / 2);
        background.Should().BeEmpty();

        var first = pool.Rent(ChunkPool.LargestBytes);
        pool.Rent(ChunkPool.LargestBytes);
        background.Should().ContainSingle("one at a time");
        pool.RetainedBytes.Should().Be(0);
        background.Dequeue()();

        pool.RetainedBytes.Should().Be(3 * ChunkPool.LargestBytes, "no more than may be kept");
        pool.Return(first);
        pool.RetainedBytes.Should().Be(3 * ChunkPool.LargestBytes);
        for (var i = 0; i < 3; i++)
            pool.Rent(ChunkPool.LargestBytes).Should().NotBeSameAs(first);
        pool.RetainedBytes.Should().Be(0);
        background.Should().ContainSingle("what is taken is made again");
    }

    private sealed class QueueScheduler(Queue<Action> queue) : PipeScheduler
    {
        public override void Schedule(Action<object?> action, object? state) => queue.Enqueue(() => action(state));
    }

    private static ReadOnlyMemory<byte> Append(LogTail tail, byte[] batch, int leaderEpoch = 0) =>
        tail.Append(batch, tail.NextOffset, leaderEpoch, BatchHeader.Read(batch), TestBatch.Epoch2024);
}
