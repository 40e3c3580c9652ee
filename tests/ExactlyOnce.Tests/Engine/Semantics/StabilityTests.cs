using static ExactlyOnce.Tests.Engine.Semantics.TestBroker;

namespace ExactlyOnce.Tests.Engine.Semantics;

public sealed class StabilityTests
{
    [Theory]
    [InlineData(Place.Memory)]
    [InlineData(Place.Folder)]
    public async Task A_committed_reader_stops_at_the_first_open_transaction_and_is_woken_by_its_commit(Place place)
    {
        await using var broker = await OpenAsync(place);
        var open = await SignedProducer.OpenAsync(broker, "t");
        var plain = await SignedProducer.OpenAsync(broker);
        await plain.WriteAsync(First, 0, "before");
        await open.WriteAsync(First, 0, "inside");
        await plain.WriteAsync(First, 1, "behind");
        await using var consumer = broker.Broker.CreateConsumer(Orders).Build();
        await using var tail = consumer.ReadAllAsync().GetAsyncEnumerator();

        (await tail.MoveNextAsync()).Should().BeTrue();
        tail.Current.Value.Should().Be("before");
        var next = tail.MoveNextAsync().AsTask();
        await Task.Delay(30);
        next.IsCompleted.Should().BeFalse("the tail is empty while the transaction is open");
        (broker.Offsets(First).LastStable, broker.Offsets(First).HighWatermark).Should().Be((1, 3));

        await open.EndAsync(commit: true);

        (await next.WaitAsync(Soon)).Should().BeTrue();
        tail.Current.Value.Should().Be("inside");
        (await tail.MoveNextAsync()).Should().BeTrue();
        tail.Current.Value.Should().Be("behind");
    }

    [Fact]
    public async Task Aborted_records_are_never_given_to_a_committed_reader_and_always_to_an_uncommitted_one()
    {
        await using var broker = await OpenAsync(Place.Folder);
        var aborting = await SignedProducer.OpenAsync(broker, "a");
        var committing = await SignedProducer.OpenAsync(broker, "c");
        await aborting.WriteAsync(First, 0, "no 1");
        await committing.WriteAsync(First, 0, "yes 1");
        await aborting.WriteAsync(First, 1, "no 2", "no 3");
        await aborting.EndAsync(commit: false);
        await committing.EndAsync(commit: true);

        for (var round = 0; round < 2; round++)
        {
            (await broker.ReadAsync()).Should().Equal("yes 1");
            (await broker.ReadAsync(isolation: IsolationLevel.ReadUncommitted)).Should().Equal("no 1", "yes 1", "no 2", "no 3");
            await broker.ReopenAsync();
        }
    }

    [Fact]
    public async Task The_worked_example_of_the_last_stable_offset_holds_in_a_running_broker()
    {
        await using var broker = await OpenAsync();
        var one = await SignedProducer.OpenAsync(broker, "1");
        var two = await SignedProducer.OpenAsync(broker, "2");
        var plain = await SignedProducer.OpenAsync(broker);
        var stable = new List<long>();
        void Note() => stable.Add(broker.Offsets(First).LastStable);

        await one.WriteAsync(First, 0, "0");
        Note();
        await two.WriteAsync(First, 0, "1");
        Note();
        await plain.WriteAsync(First, 0, "2");
        Note();
        await one.EndAsync(commit: false);
        Note();
        await two.WriteAsync(First, 1, "4");
        Note();
        await two.EndAsync(commit: true);
        Note();
        await one.WriteAsync(First, 0, "6");
        Note();
        await one.EndAsync(commit: false);
        Note();

        stable.Should().Equal(0, 0, 0, 1, 1, 6, 6, 8);
        (await broker.ReadAsync()).Should().Equal("1", "2", "4");
    }

    [Fact]
    public async Task Reading_from_the_middle_of_an_aborted_batch_or_from_a_marker_gives_what_follows()
    {
        await using var broker = await OpenAsync();
        var producer = await SignedProducer.OpenAsync(broker, "t");
        await producer.WriteAsync(First, 0, "no 0", "no 1", "no 2");
        await producer.EndAsync(commit: false);
        await producer.WriteAsync(First, 0, "yes 4");
        await producer.EndAsync(commit: true);
        await using var consumer = broker.Broker.CreateConsumer(Orders).Build();

        foreach (var from in new[] { 0, 1, 2, 3, 4 })
        {
            await consumer.SeekAsync(First, from);
            var records = new List<ConsumerRecord<string, string>>();
            await foreach (var record in consumer.ReadToEndAsync())
                records.Add(record);
            records.Should().ContainSingle($"from {from}").Which.Should().Match<ConsumerRecord<string, string>>(record => record.Offset == 4 && record.Value == "yes 4");
        }
        await using var uncommitted = broker.Broker.CreateConsumer(Orders).WithIsolation(IsolationLevel.ReadUncommitted).Build();
        await uncommitted.SeekAsync(First, 2);
        var rest = new List<string>();
        await foreach (var record in uncommitted.ReadToEndAsync())
            rest.Add(record.Value);
        rest.Should().Equal("no 2", "yes 4");
    }

    [Theory]
    [InlineData(Place.Memory)]
    [InlineData(Place.Folder)]
    public async Task Aborted_records_stay_hidden_in_a_log_of_many_segments(Place place)
    {
        await using var broker = await OpenAsync(place, topic: options => options.SegmentBytes = 16 * 1024);
        var expected = new List<string>();
        var filler = new string('x', 4000);
        for (var i = 0; i < 12; i++)
        {
            var producer = await SignedProducer.OpenAsync(broker, $"t{i % 3}");
            for (var j = 0; j < 6; j++)
                await producer.WriteAsync(First, j, $"{i}.{j} {filler}");
            if (place == Place.Folder)
                broker.Engine.Checkpoint();
            await producer.EndAsync(commit: i % 2 == 0);
            if (i % 2 == 0)
                expected.AddRange(Enumerable.Range(0, 6).Select(j => $"{i}.{j} {filler}"));
        }

        (await broker.ReadAsync()).Should().Equal(expected);
        if (place == Place.Memory)
            return;
        broker.Engine.Partitions.Find(First)!.View.Segments.Length.Should().BeGreaterThan(3);
        await broker.ReopenAsync();
        (await broker.ReadAsync()).Should().Equal(expected);
    }

    [Fact]
    public async Task Ends_and_times_are_answered_for_each_isolation()
    {
        await using var broker = await OpenAsync();
        var start = broker.Clock.GetUtcNow();
        var plain = await SignedProducer.OpenAsync(broker);
        var aborted = await SignedProducer.OpenAsync(broker, "a");
        var open = await SignedProducer.OpenAsync(broker, "o");
        await plain.WriteAsync(First, 0, "0 at 0 s");
        broker.Clock.Advance(TimeSpan.FromSeconds(10));
        await aborted.WriteAsync(First, 0, "1 at 10 s, aborted");
        await aborted.EndAsync(commit: false);
        await plain.WriteAsync(First, 1, "3 at 10 s");
        broker.Clock.Advance(TimeSpan.FromSeconds(10));
        await open.WriteAsync(First, 0, "4 at 20 s, open");
        await plain.WriteAsync(First, 2, "5 at 20 s");
        await using var committed = broker.Broker.CreateConsumer(Orders).Build();
        await using var uncommitted = broker.Broker.CreateConsumer(Orders).WithIsolation(IsolationLevel.ReadUncommitted).Build();

        committed.GetEndOffset(First).Should().Be(4);
        uncommitted.GetEndOffset(First).Should().Be(6);
        (await PositionAtAsync(committed, start)).Should().Be(0);
        (await PositionAtAsync(committed, start.AddSeconds(5))).Should().Be(3, "an aborted record is not there to be found");
        (await PositionAtAsync(uncommitted, start.AddSeconds(5))).Should().Be(1);
        (await PositionAtAsync(committed, start.AddSeconds(20))).Should().Be(4, "nothing behind the last stable offset is found: the end");
        (await PositionAtAsync(uncommitted, start.AddSeconds(20))).Should().Be(4);
        (await PositionAtAsync(uncommitted, start.AddSeconds(21))).Should().Be(6);
        await broker.Admin.DeleteRecordsAsync(First, 3);
        (await PositionAtAsync(uncommitted, start)).Should().Be(3, "what was deleted is not found either");
        (await PositionAtAsync(committed, start)).Should().Be(3);
    }

    [Theory]
    [InlineData(Place.Memory)]
    [InlineData(Place.Folder)]
    public async Task Whoever_has_seen_one_record_of_a_transaction_finds_all_of_them(Place place)
    {
        await using var broker = await OpenAsync(place, partitions: 3);
        await using var producer = await broker.TransactionalAsync();
        await using var consumer = broker.Broker.CreateConsumer(Orders).WithPartitions(0).Build();
        using var stop = new CancellationTokenSource(Soon);
        var reading = Task.Run(async () =>
        {
            var missing = 0;
            await foreach (var record in consumer.ReadAllAsync(stop.Token))
            {
                foreach (var other in new[] { Second, new TopicPartition("orders", 2), new TopicPartition("invoices", 0) })
                    if (broker.Offsets(other).LastStable <= record.Offset)
                        missing++;
                if (record.Value == "24")
                    break;
            }
            return missing;
        });

        for (var i = 0; i < 25; i++)
        {
            await using var transaction = await producer.BeginTransactionAsync();
            for (var partition = 0; partition < 3; partition++)
                await transaction.SendAsync(Orders, new ProducerRecord<string, string>("k", $"{i}") { Partition = partition });
            await transaction.SendAsync(Invoices, "k", $"{i}");
            await transaction.CommitAsync();
        }

        (await reading.WaitAsync(Soon)).Should().Be(0);
    }

    [Fact]
    public async Task Lag_counts_the_records_that_would_still_be_given_and_nothing_else()
    {
        await using var broker = await OpenAsync();
        var aborted = await SignedProducer.OpenAsync(broker, "a");
        var committed = await SignedProducer.OpenAsync(broker, "c");
        await aborted.WriteAsync(First, 0, "no", "no");
        await aborted.EndAsync(commit: false);
        await committed.WriteAsync(First, 0, "yes 1", "yes 2", "yes 3");
        await committed.EndAsync(commit: true);
        await aborted.WriteAsync(First, 0, "open");
        await using var consumer = broker.Broker.CreateConsumer(Orders).Build();

        (await consumer.GetLagAsync()).Should().Be(3);
        await consumer.SeekAsync(First, 4);
        consumer.GetLag(First).Should().Be(2);
        await aborted.EndAsync(commit: false);
        await foreach (var _ in consumer.ReadToEndAsync())
        {
        }

        (await consumer.GetLagAsync()).Should().Be(0);
    }

    [Fact]
    public async Task A_paused_partition_gives_nothing_until_it_is_resumed()
    {
        await using var broker = await OpenAsync(partitions: 2);
        await broker.Broker.PublishAsync(Orders, new ProducerRecord<string, string>("k", "first") { Partition = 0 });
        await broker.Broker.PublishAsync(Orders, new ProducerRecord<string, string>("k", "second") { Partition = 1 });
        await using var consumer = broker.Broker.CreateConsumer(Orders).Build();
        (await consumer.GetLagAsync()).Should().Be(2);
        consumer.Pause(First);
        await using var loop = consumer.ReadAllAsync().GetAsyncEnumerator();

        await loop.MoveNextAsync();
        loop.Current.Value.Should().Be("second");
        var next = loop.MoveNextAsync().AsTask();
        await Task.Delay(20);
        next.IsCompleted.Should().BeFalse();
        consumer.Resume(First);

        (await next.WaitAsync(Soon)).Should().BeTrue();
        loop.Current.Value.Should().Be("first");
    }

    private static async Task<long> PositionAtAsync(Consumer<string, string> consumer, DateTimeOffset time)
    {
        await consumer.SeekToTimeAsync(time);
        return consumer.Position(First);
    }
}
