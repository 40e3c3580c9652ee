using ExactlyOnce.Tests.Museum;
using static ExactlyOnce.Tests.Engine.Semantics.TestBroker;

namespace ExactlyOnce.Tests.Engine.Semantics;

public sealed class LogStartTests
{
    [Theory]
    [InlineData(Place.Memory)]
    [InlineData(Place.Folder)]
    public async Task Deleting_into_an_open_transaction_moves_the_last_stable_offset_to_the_start_and_its_end_moves_it_on(Place place)
    {
        await using var broker = await OpenAsync(place);
        var producer = await SignedProducer.OpenAsync(broker, "t");
        await producer.WriteAsync(First, 0, "0", "1");
        await producer.WriteAsync(First, 2, "2", "3");

        (await broker.Admin.DeleteRecordsAsync(First, 3)).Should().Be(3);
        var open = broker.Offsets(First);
        await producer.EndAsync(commit: true);

        (open.LogStart, open.LastStable, open.HighWatermark).Should().Be((3, 3, 4));
        broker.Offsets(First).LastStable.Should().Be(5);
        (await broker.ReadAsync()).Should().Equal("3");
        if (place == Place.Memory)
            return;
        await broker.ReopenAsync();
        broker.Offsets(First).LogStart.Should().Be(3);
        (await broker.ReadAsync()).Should().Equal("3");
    }

    [Fact]
    public async Task Deleted_records_are_gone_and_a_reader_in_front_of_the_start_goes_on_at_it()
    {
        await using var broker = await OpenAsync(Place.Folder);
        for (var i = 0; i < 5; i++)
            await broker.Broker.PublishAsync(Orders, "k", $"{i}");
        await using var consumer = broker.Broker.CreateConsumer(Orders).Build();
        await consumer.SeekAsync(First, 1);

        await broker.Admin.DeleteRecordsAsync(First, 2);
        (await broker.Admin.DeleteRecordsAsync(First, 1)).Should().Be(2, "a start never moves back");

        var given = new List<string>();
        await foreach (var record in consumer.ReadToEndAsync())
            given.Add(record.Value);
        given.Should().Equal("2", "3", "4");
        consumer.GetStartOffset(First).Should().Be(2);
        (await broker.Admin.DeleteAllRecordsAsync(First)).Should().Be(5);
        (await broker.ReadAsync()).Should().BeEmpty();
        (await broker.Broker.PublishAsync(Orders, "k", "5")).Offset.Should().Be(5, "offsets are never given again");
        await broker.ReopenAsync();
        (await broker.ReadAsync()).Should().Equal("5");
        (await broker.Broker.PublishAsync(Orders, "k", "6")).Offset.Should().Be(6);
    }

    [Fact]
    public async Task A_deletion_that_is_not_durable_raises_no_last_stable_offset_that_a_crash_would_take_back()
    {
        await using var held = await HeldBroker.OpenAsync(partitions: 1);
        var broker = held.Broker;
        var producer = await SignedProducer.OpenAsync(broker, "t");
        await producer.WriteAsync(First, 0, "0", "1", "2", "3");
        await using var consumer = broker.Broker.CreateConsumer(Orders).WhenOffsetLost(WhenOffsetLost.Latest).Build();
        await consumer.SeekAsync(First, 1);
        held.Disk.Hold();
        var deleting = broker.Admin.DeleteRecordsAsync(First, 3);
        held.Disk.AwaitArrival();

        var before = broker.Offsets(First);
        (before.LogStart, before.LastStable, before.HighWatermark).Should().Be((0, 0, 4), "a crash may still take the deletion back");
        (await consumer.ReadToEndAsync().ToListAsync()).Should().BeEmpty("whoever stood in what is deleted goes on at its end");
        held.Disk.Release();
        (await deleting).Should().Be(3);

        var after = broker.Offsets(First);
        (after.LogStart, after.LastStable, after.HighWatermark).Should().Be((3, 3, 4));
        await producer.EndAsync(commit: true);
        (await consumer.ReadToEndAsync().ToListAsync()).Select(record => record.Value).Should().Equal("3");
    }

    [Fact]
    public async Task Records_behind_the_end_cannot_be_deleted()
    {
        await using var broker = await OpenAsync();
        await broker.Broker.PublishAsync(Orders, "k", "0");

        (await FluentActions.Awaiting(() => broker.Admin.DeleteRecordsAsync(First, 2)).Should().ThrowAsync<InvalidRequestException>())
            .Which.Code.Should().Be(ErrorCode.OffsetOutOfRange);

        (await broker.ReadAsync()).Should().Equal("0");
    }

    [Fact]
    public async Task Old_segments_are_dropped_by_age_but_never_the_data_of_an_open_transaction()
    {
        await using var broker = await OpenAsync(Place.Folder, topic: options =>
        {
            options.SegmentBytes = 16 * 1024;
            options.RetainFor = TimeSpan.FromMinutes(5);
        });
        await FillAsync(broker, "old", 10);
        var open = await SignedProducer.OpenAsync(broker, "t", TimeSpan.FromMinutes(14));
        var inside = await open.WriteAsync(First, 0, "inside");
        await FillAsync(broker, "behind", 10);
        broker.Engine.Checkpoint();
        broker.Clock.Advance(TimeSpan.FromMinutes(6));

        broker.Engine.ApplyRetention(broker.Engine.NowMs);
        broker.Backend.GetPartition(First).ReadableFrom.Should().BeInRange(1, inside);
        await open.EndAsync(commit: true);
        (await broker.ReadAsync()).Should().Contain("inside");
        await FillAsync(broker, "new", 10);
        broker.Engine.Checkpoint();
        broker.Engine.ApplyRetention(broker.Engine.NowMs);

        broker.Backend.GetPartition(First).ReadableFrom.Should().BeGreaterThan(inside);
        var kept = await broker.ReadAsync();
        kept.Count(value => value.StartsWith("new", StringComparison.Ordinal)).Should().Be(10);
        broker.Engine.Checkpoint();
        await broker.ReopenAsync();
        (await broker.ReadAsync()).Should().Equal(kept);
    }

    [Fact]
    public async Task A_log_that_is_too_large_loses_its_oldest_segments_and_keeps_its_newest_records()
    {
        await using var broker = await OpenAsync(Place.Folder, topic: options =>
        {
            options.SegmentBytes = 16 * 1024;
            options.RetainBytes = 64 * 1024;
        });
        await FillAsync(broker, "r", 60);
        broker.Engine.Checkpoint();

        broker.Engine.ApplyRetention(broker.Engine.NowMs);

        var kept = await broker.ReadAsync();
        kept.Count.Should().BeInRange(10, 59);
        kept.Should().Equal(Enumerable.Range(60 - kept.Count, kept.Count).Select(i => Value("r", i)));
        broker.Backend.GetPartition(First).ReadableFrom.Should().Be(60 - kept.Count);
    }

    [Fact]
    public async Task A_log_that_is_kept_forever_loses_nothing()
    {
        await using var broker = await OpenAsync(Place.Folder, topic: options =>
        {
            options.SegmentBytes = 16 * 1024;
            options.RetainFor = TopicOptions.Forever;
        });
        await FillAsync(broker, "r", 30);
        broker.Engine.Checkpoint();
        broker.Clock.Advance(TimeSpan.FromDays(3650));

        broker.Engine.ApplyRetention(broker.Engine.NowMs);

        (await broker.ReadAsync()).Should().HaveCount(30);
    }

    private static async Task FillAsync(TestBroker broker, string name, int records)
    {
        var producer = await SignedProducer.OpenAsync(broker);
        for (var i = 0; i < records; i++)
            await producer.WriteAsync(First, i, Value(name, i));
    }

    private static string Value(string name, int i) => $"{name} {i} {new string('x', 5000)}";
}
