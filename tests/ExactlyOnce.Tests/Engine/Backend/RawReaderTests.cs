using ExactlyOnce.Clients.Consuming;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Tests.Engine.Semantics;
using static ExactlyOnce.Tests.Engine.Semantics.TestBroker;

namespace ExactlyOnce.Tests.Engine.Backend;

/// <summary>The log as clients across a wire read it: as it stands.</summary>
public sealed class RawReaderTests
{
    private const int All = 64 << 20;

    [Theory]
    [InlineData(Place.Memory), InlineData(Place.Folder)]
    public async Task Batches_of_files_and_of_memory_follow_each_other_without_a_gap(Place place)
    {
        await using var broker = await TestBroker.OpenAsync(place, topic: options => options.SegmentBytes = 4096);
        await PublishAsync(broker, 200);
        if (place == Place.Folder)
            broker.Engine.Checkpoint();
        await PublishAsync(broker, 100);
        using var reader = broker.Partition(First).OpenRawReader();

        using (var read = reader.Read(0, IsolationLevel.ReadUncommitted, All, takesOne: true))
        {
            Headers(read).Select(header => header.BaseOffset).Should().Equal(Enumerable.Range(0, 300).Select(i => (long)i));
            read.Bytes.Should().Be(read.Pieces.Sum(piece => piece.Length));
        }
        // Where the reader stands already, and where it does not.
        foreach (var offset in new long[] { 300, 150, 151, 0 })
        {
            using var read = reader.Read(offset, IsolationLevel.ReadCommitted, 1, takesOne: true);
            Headers(read).Select(header => header.BaseOffset).Should().Equal(offset < 300 ? [offset] : []);
        }
    }

    [Theory]
    [InlineData(Place.Memory), InlineData(Place.Folder)]
    public async Task What_was_read_stays_as_it_is_until_it_is_given_back_whatever_becomes_of_the_log(Place place)
    {
        await using var broker = await TestBroker.OpenAsync(place, topic: options => options.SegmentBytes = 4096);
        await PublishAsync(broker, 200);
        using var reader = broker.Partition(First).OpenRawReader();
        var read = reader.Read(0, IsolationLevel.ReadUncommitted, All, takesOne: true);
        var before = read.Pieces.SelectMany(piece => piece.ToArray()).ToArray();

        await broker.Admin.DeleteAllRecordsAsync(First);
        if (place == Place.Folder)
            broker.Engine.Checkpoint();
        await PublishAsync(broker, 200);

        read.Pieces.SelectMany(piece => piece.ToArray()).Should().Equal(before);
        read.Dispose();
        reader.Read(0, IsolationLevel.ReadUncommitted, All, takesOne: true).Error.Should().Be(ErrorCode.OffsetOutOfRange);
    }

    [Fact]
    public async Task A_batch_larger_than_the_limit_is_returned_only_where_one_must_be()
    {
        await using var broker = await TestBroker.OpenAsync();
        await PublishAsync(broker, 1);
        using var reader = broker.Partition(First).OpenRawReader();

        using (var none = reader.Read(0, IsolationLevel.ReadUncommitted, 1, takesOne: false))
            none.Pieces.Should().BeEmpty();
        using (var one = reader.Read(0, IsolationLevel.ReadUncommitted, 1, takesOne: true))
            Headers(one).Should().ContainSingle();
    }

    [Theory]
    [InlineData(Place.Memory), InlineData(Place.Folder)]
    public async Task A_batch_that_did_not_fit_is_returned_as_soon_as_there_is_room(Place place)
    {
        await using var broker = await TestBroker.OpenAsync(place, topic: options => options.SegmentBytes = 4096);
        await PublishAsync(broker, 200);
        if (place == Place.Folder)
            broker.Engine.Checkpoint();
        using var reader = broker.Partition(First).OpenRawReader();
        int size;
        using (var one = reader.Read(3, IsolationLevel.ReadUncommitted, 1, takesOne: true))
            size = one.Bytes;

        foreach (var (room, fits) in new[] { (size - 1, false), (size - 1, false), (size, true), (size - 1, false), (size, true) })
        {
            using var read = reader.Read(3, IsolationLevel.ReadUncommitted, room, takesOne: false);
            Headers(read).Select(header => header.BaseOffset).Should().Equal(fits ? [3L] : []);
        }
        using var other = reader.Read(4, IsolationLevel.ReadUncommitted, size, takesOne: false);
        Headers(other).Select(header => header.BaseOffset).Should().Equal(4L);
    }

    [Fact]
    public async Task A_waiting_reader_is_woken_by_a_record_and_by_the_end_of_the_topic()
    {
        await using var broker = await TestBroker.OpenAsync();
        using var reader = broker.Partition(First).OpenRawReader();
        var woken = 0;
        reader.Read(0, IsolationLevel.ReadCommitted, All, takesOne: true).Dispose();
        reader.TryWait(() => woken++).Should().BeTrue();

        await PublishAsync(broker, 1);
        woken.Should().Be(1);
        reader.TryWait(() => woken++).Should().BeFalse("there is more than the last read saw");
        reader.Read(1, IsolationLevel.ReadCommitted, All, takesOne: true).Dispose();
        reader.TryWait(() => woken++).Should().BeTrue();
        await broker.Admin.DeleteTopicAsync("orders");

        woken.Should().Be(2);
        reader.Read(1, IsolationLevel.ReadCommitted, All, takesOne: true).Error.Should().Be(ErrorCode.UnknownTopicOrPartition);
    }

    [Fact]
    public async Task The_record_with_the_largest_timestamp_is_the_first_one_that_has_it()
    {
        await using var broker = await TestBroker.OpenAsync();
        broker.Partition(First).FindLargestTimestamp(IsolationLevel.ReadCommitted).Should().BeNull();
        await PublishAsync(broker, 2);
        broker.Clock.Advance(TimeSpan.FromSeconds(1));
        await PublishAsync(broker, 2);

        broker.Partition(First).FindLargestTimestamp(IsolationLevel.ReadCommitted).Should().Be(new FoundOffset(2, broker.Clock.GetUtcNow().ToUnixTimeMilliseconds()));
    }

    private static async Task PublishAsync(TestBroker broker, int count)
    {
        for (var i = 0; i < count; i++)
            await broker.Broker.PublishAsync(Orders, $"key {i}", new string('x', 100));
    }

    private static List<BatchHeader> Headers(RawRead read)
    {
        var headers = new List<BatchHeader>();
        foreach (var piece in read.Pieces)
            foreach (var header in new BatchSequence(piece.Span))
                headers.Add(header);
        return headers;
    }
}
