using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Serialization;
using static ExactlyOnce.Tests.Clients.Consuming.Records;

namespace ExactlyOnce.Tests.Clients.Consuming;

public sealed class ConsumerTests
{
    private static readonly Topic<string, string> s_orders = Topic.Create("orders", Serdes.Utf8, Serdes.Utf8);
    private static readonly Topic<string, int> s_numbers = Topic.Create("orders", Serdes.Utf8, Serdes.Int32);
    private static readonly TopicPartition s_first = new("orders", 0);
    private static readonly TimeSpan s_soon = TimeSpan.FromSeconds(10);

    private readonly MemoryBackend _backend = new();

    public ConsumerTests() => _backend.AddTopic("orders", 1);

    private Broker Broker => _backend.ToBroker();

    private MemoryPartition Orders => _backend.Partition("orders");

    [Fact]
    public async Task Records_come_in_order_with_all_that_was_written()
    {
        RecordHeaders headers = [new("trace", "t-1")];
        Add(Orders, Batch(FirstTimestampMs + 5, headers, null, ("k", "v"), (null, "no key"), ("gone", null)));
        await using var consumer = Broker.CreateConsumer(s_orders).Build();

        var records = await TakeAsync(consumer.ReadAllAsync(), 3);

        records.Select(record => record.Offset).Should().Equal(0, 1, 2);
        records.Select(record => record.Key).Should().Equal("k", null, "gone");
        records.Select(record => record.Value).Should().Equal("v", "no key", null);
        records.Select(record => record.HasKey).Should().Equal(true, false, true);
        records.Select(record => record.IsTombstone).Should().Equal(false, false, true);
        records[0].TopicPartition.Should().Be(s_first);
        records[0].Timestamp.Should().Be(DateTimeOffset.FromUnixTimeMilliseconds(FirstTimestampMs + 5));
        records[0].TimestampType.Should().Be(TimestampType.CreateTime);
        records[2].Headers.GetText("trace").Should().Be("t-1", "records of the record loop own their headers");
    }

    [Fact]
    public async Task A_batch_is_consecutive_records_of_one_partition_up_to_the_limit()
    {
        Add(Orders, Batch(("a", "1"), ("b", "2")));
        Add(Orders, Batch(("c", "3"), ("d", "4"), ("e", "5")));
        await using var consumer = Broker.CreateConsumer(s_orders).WithBatch(maxRecords: 3).Build();

        var batches = await TakeBatchesAsync(consumer, 2);

        batches[0].Should().Equal("1", "2", "3");
        batches[1].Should().Equal("4", "5");
    }

    [Fact]
    public async Task Compressed_batches_are_read_whatever_their_neighbours_are()
    {
        var gzip = new GzipCodec();
        var filler = new string('x', 200);
        Add(Orders, Batch(FirstTimestampMs, null, gzip, ("a", filler + "1"), ("b", filler + "2"), ("c", filler + "3")));
        Add(Orders, Batch(("d", filler + "4")));
        Add(Orders, Batch(FirstTimestampMs, null, gzip, ("e", filler + "5"), ("f", filler + "6")));
        await using var consumer = Broker.CreateConsumer(s_orders).WithBatch(maxRecords: 2).Build();

        var values = new List<string>();
        var raw = new List<string>();
        await foreach (var batch in consumer.ReadBatchesAsync())
        {
            for (var i = 0; i < batch.Count; i++)
                raw.Add(System.Text.Encoding.UTF8.GetString(batch.GetValueBytes(i)));
            values.AddRange(batch.Values.ToArray());
            if (values.Count == 6)
                break;
        }

        values.Select(value => value[^1]).Should().Equal('1', '2', '3', '4', '5', '6');
        raw.Should().Equal(values, "raw bytes and deserialized values are the same records");
    }

    [Fact]
    public async Task A_batch_that_is_used_too_late_throws()
    {
        RecordHeaders headers = [new("trace", "t-1")];
        Add(Orders, Batch(FirstTimestampMs, headers, null, ("a", "1"), ("b", "2")));
        await using var consumer = Broker.CreateConsumer(s_orders).WithBatch(maxRecords: 1).Build();

        ConsumerBatch<string, string>? kept = null;
        ConsumerRecord<string, string> keptRecord = default;
        await foreach (var batch in consumer.ReadBatchesAsync())
        {
            if (kept is not null)
            {
                kept.Should().NotBeSameAs(batch);
                FluentActions.Invoking(() => kept.Count).Should().Throw<InvalidOperationException>().WithMessage("*is over*");
                FluentActions.Invoking(() => kept[0]).Should().Throw<InvalidOperationException>();
                FluentActions.Invoking(() => kept.GetEnumerator()).Should().Throw<InvalidOperationException>();
                FluentActions.Invoking(() => keptRecord.Headers).Should().Throw<InvalidOperationException>();
                keptRecord.Value.Should().Be("1", "key and value are the record's own");
                break;
            }
            kept = batch;
            keptRecord = batch[0];
            keptRecord.Headers.GetText("trace").Should().Be("t-1");
        }

        FluentActions.Invoking(() => kept!.Count).Should().Throw<InvalidOperationException>("the loop is over, and so is its last batch");
    }

    [Fact]
    public async Task Reading_batches_allocates_nothing_per_record()
    {
        _backend.AddTopic("numbers", 1);
        var numbers = Topic.Create("numbers", Serdes.Int32, Serdes.Int64);
        var partition = _backend.Partition("numbers");
        const int batches = 200;
        for (var i = 0; i < batches; i++)
            Add(partition, Batch([.. Enumerable.Range(0, 100).Select(_ => ((string?)"1234", (string?)"12345678"))]));
        await using var consumer = Broker.CreateConsumer(numbers).With(options => options.MaxBatchBytes = int.MaxValue).Build();
        var sum = 0L;
        var count = 0;
        var before = 0L;

        await foreach (var batch in consumer.ReadBatchesAsync())
        {
            // The first batches grow the arrays.
            if (count == 5_000)
                before = GC.GetAllocatedBytesForCurrentThread();
            foreach (var record in batch)
                sum += record.Value;
            count += batch.Count;
            if (count == batches * 100)
                break;
        }

        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        sum.Should().NotBe(0);
        // Without optimisation every async method is an object, so a batch costs some; 15,000 records with an object each would cost 360,000.
        allocated.Should().BeLessThan(30_000);
    }

    [Fact]
    public async Task Aborted_records_and_markers_are_not_given_and_the_position_steps_over_them()
    {
        var writer = Writer();
        Add(Orders, Batch(("a", "1")));
        AddOpen(writer, ("x", "aborted"), ("y", "aborted"));
        Orders.End(writer, commit: false);
        AddOpen(writer, ("b", "2"));
        Orders.End(writer, commit: true);
        await using var consumer = Broker.CreateConsumer(s_orders).InGroup("g").Build();

        var records = await TakeAsync(consumer.ReadAllAsync(), 2, async () => await consumer.CommitAsync());

        records.Select(record => record.Value).Should().Equal("1", "2");
        Orders.LogEnd.Should().Be(6, "marker, two aborted records and a second marker take offsets as well");
        _backend.Group("g").Committed[s_first].Offset.Should().Be(6, "the last marker is behind us, too");
        (await consumer.GetLagAsync()).Should().Be(0, "lag counts records that can be given, not offsets");
    }

    [Fact]
    public async Task An_idle_consumer_stands_behind_the_last_marker()
    {
        var writer = Writer();
        AddOpen(writer, ("a", "1"));
        await using var consumer = Broker.CreateConsumer(s_orders).Build();
        using var ending = new CancellationTokenSource();
        var reading = TakeAsync(consumer.ReadAllAsync(ending.Token), 2);
        Orders.End(writer, commit: true);
        AddOpen(writer, ("b", "aborted"));
        Orders.End(writer, commit: false);

        await EventuallyAsync(() => consumer.Assignment.Count == 1 && consumer.Position(s_first) == Orders.LogEnd);

        await ending.CancelAsync();
        await FluentActions.Awaiting(() => reading).Should().ThrowAsync<OperationCanceledException>();
    }

    [Fact]
    public async Task Read_uncommitted_gives_what_is_open()
    {
        AddOpen(Writer(), ("a", "open"));
        await using var committed = Broker.CreateConsumer(s_orders).Build();
        await using var uncommitted = Broker.CreateConsumer(s_orders).WithIsolation(IsolationLevel.ReadUncommitted).Build();

        (await TakeAsync(uncommitted.ReadAllAsync(), 1))[0].Value.Should().Be("open");
        (await committed.GetLagAsync()).Should().Be(0);
        (await uncommitted.GetLagAsync()).Should().Be(0);
        committed.GetEndOffset(s_first).Should().Be(0);
        uncommitted.GetEndOffset(s_first).Should().Be(1);
    }

    [Fact]
    public async Task Committing_stores_the_offset_behind_the_current_record_and_not_behind_its_batch()
    {
        Add(Orders, Batch(("a", "1"), ("b", "2"), ("c", "3")));
        await using var consumer = Broker.CreateConsumer(s_orders).InGroup("g").Build();

        await TakeAsync(consumer.ReadAllAsync(), 2, async () => await consumer.CommitAsync());

        (await consumer.CommittedAsync(s_first))!.Value.Offset.Should().Be(2);
    }

    [Fact]
    public async Task Committing_in_a_batch_loop_stores_the_offset_behind_the_current_batch()
    {
        Add(Orders, Batch(("a", "1"), ("b", "2"), ("c", "3")));
        await using var consumer = Broker.CreateConsumer(s_orders).InGroup("g").WithBatch(maxRecords: 2).Build();

        await foreach (var batch in consumer.ReadBatchesAsync())
        {
            await consumer.CommitAsync();
            _backend.Group("g").Committed[s_first].Offset.Should().Be(batch.NextOffset).And.Be(2);
            break;
        }
    }

    [Fact]
    public async Task A_new_member_goes_on_where_the_group_has_committed()
    {
        Add(Orders, Batch(("a", "1"), ("b", "2"), ("c", "3")));
        await using (var former = Broker.CreateConsumer(s_orders).InGroup("g").Build())
            await TakeAsync(former.ReadAllAsync(), 2, async () => await former.CommitAsync());
        await using var next = Broker.CreateConsumer(s_orders).InGroup("g").Build();

        (await TakeAsync(next.ReadAllAsync(), 1))[0].Value.Should().Be("3");
    }

    [Fact]
    public async Task A_consumer_with_partitions_of_its_own_commits_without_membership()
    {
        _backend.AddTopic("orders", 3);
        Add(_backend.Partition("orders", 2), Batch(("a", "1")));
        await using var consumer = Broker.CreateConsumer(s_orders).InGroup("g").WithPartitions(2).Build();

        await TakeAsync(consumer.ReadAllAsync(), 1, async () => await consumer.CommitAsync());

        consumer.Assignment.Should().Equal(new TopicPartition("orders", 2));
        _backend.Group("g").Members.Should().BeEmpty();
        _backend.Group("g").Committed[new TopicPartition("orders", 2)].Offset.Should().Be(1);
    }

    [Fact]
    public async Task Seeking_moves_the_loop_even_in_the_middle_of_a_batch()
    {
        Add(Orders, Batch(("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")));
        await using var consumer = Broker.CreateConsumer(s_orders).Build();
        var seen = new List<string>();

        await foreach (var record in consumer.ReadAllAsync())
        {
            seen.Add(record.Value);
            if (seen.Count == 2)
            {
                await consumer.SeekAsync(s_first, 3);
                consumer.Position(s_first).Should().Be(3);
            }
            if (seen.Count == 3)
                await consumer.SeekAsync(s_first, 0);
            if (seen.Count == 5)
                break;
        }

        seen.Should().Equal("1", "2", "4", "1", "2");
    }

    [Fact]
    public async Task Seeking_to_a_time_finds_the_first_record_that_is_not_older()
    {
        for (var i = 0; i < 4; i++)
            Add(Orders, Batch(FirstTimestampMs + (i * 1000), null, null, ("k", $"{i}")));
        await using var consumer = Broker.CreateConsumer(s_orders).Build();

        await consumer.SeekToTimeAsync(DateTimeOffset.FromUnixTimeMilliseconds(FirstTimestampMs + 1500));

        (await TakeAsync(consumer.ReadAllAsync(), 1))[0].Value.Should().Be("2");
        await consumer.SeekToTimeAsync(DateTimeOffset.FromUnixTimeMilliseconds(FirstTimestampMs + 10_000));
        consumer.Position(s_first).Should().Be(4, "where nothing is young enough the end is");
    }

    [Theory]
    [InlineData("earliest", 0)]
    [InlineData("latest", 4)]
    [InlineData("offset", 3)]
    [InlineData("timestamp", 2)]
    [InlineData("ago", 1)]
    public async Task A_consumer_starts_where_it_is_told_to(string where, long expected)
    {
        for (var i = 0; i < 4; i++)
            Add(Orders, Batch(FirstTimestampMs + (i * 1000), null, null, ("k", $"{i}")));
        _backend.Clock.Advance(TimeSpan.FromSeconds(10));
        var start = where switch
        {
            "earliest" => StartFrom.Earliest,
            "latest" => StartFrom.Latest,
            "offset" => StartFrom.Offset(3),
            "timestamp" => StartFrom.Timestamp(DateTimeOffset.FromUnixTimeMilliseconds(FirstTimestampMs + 1500)),
            _ => StartFrom.Ago(TimeSpan.FromSeconds(9)),
        };
        await using var consumer = Broker.CreateConsumer(s_orders).StartFrom(start).Build();

        await consumer.GetLagAsync();

        consumer.Position(s_first).Should().Be(expected);
    }

    [Fact]
    public async Task A_paused_partition_gives_nothing_until_it_is_resumed()
    {
        _backend.AddTopic("orders", 2);
        Add(Orders, Batch(("a", "p0-1"), ("b", "p0-2")));
        await using var consumer = Broker.CreateConsumer(s_orders).Build();
        var seen = new List<string>();

        await foreach (var record in consumer.ReadAllAsync())
        {
            seen.Add(record.Value);
            if (seen.Count == 1)
            {
                consumer.Pause(s_first);
                Add(_backend.Partition("orders", 1), Batch(("c", "p1-1")));
            }
            if (seen.Count == 2)
                consumer.Resume(s_first);
            if (seen.Count == 3)
                break;
        }

        seen.Should().Equal("p0-1", "p1-1", "p0-2");
    }

    [Fact]
    public async Task A_busy_partition_does_not_keep_the_others_waiting()
    {
        _backend.AddTopic("orders", 3);
        for (var i = 0; i < 20; i++)
            Add(Orders, Batch(("k", $"p0-{i}")));
        Add(_backend.Partition("orders", 1), Batch(("k", "p1")));
        Add(_backend.Partition("orders", 2), Batch(("k", "p2")));
        await using var consumer = Broker.CreateConsumer(s_orders).WithBatch(maxRecords: 2).Build();

        var batches = await TakeBatchesAsync(consumer, 4);

        batches.Select(batch => batch[0][..2]).Should().Equal("p0", "p1", "p2", "p0");
    }

    [Fact]
    public async Task A_record_that_cannot_be_deserialized_is_named_and_can_be_stepped_over()
    {
        Add(Orders, Batch(("a", "1234"), ("b", "not four bytes"), ("c", "5678")));
        await using var consumer = Broker.CreateConsumer(s_numbers).Build();
        var seen = new List<long>();
        var reading = async () =>
        {
            await foreach (var record in consumer.ReadAllAsync())
                seen.Add(record.Offset);
        };

        var failure = (await reading.Should().ThrowAsync<RecordDeserializationException>()).Which;
        seen.Should().Equal([0], "the records in front of it are given");
        (failure.TopicPartition, failure.Offset).Should().Be((s_first, 1));
        failure.Message.Should().Contain("orders-0@1");
        System.Text.Encoding.UTF8.GetString(failure.Value!.Value.Span).Should().Be("not four bytes");
        (await reading.Should().ThrowAsync<RecordDeserializationException>()).Which.Offset.Should().Be(1, "the position stays in front of it");

        await consumer.SeekAsync(s_first, failure.Offset + 1);

        (await TakeAsync(consumer.ReadAllAsync(), 1))[0].Offset.Should().Be(2);
    }

    [Fact]
    public async Task A_lost_offset_goes_on_at_the_earliest_and_says_so()
    {
        Add(Orders, Batch(("a", "1")));
        Add(Orders, Batch(("b", "2")));
        _backend.Group("g").Committed[s_first] = new CommittedOffset(0);
        Orders.LogStart = 1;
        await using var consumer = Broker.CreateConsumer(s_orders).InGroup("g").Build();

        (await TakeAsync(consumer.ReadAllAsync(), 1))[0].Value.Should().Be("2");

        _backend.Log.Of(3001).Should().ContainSingle().Which.Should().Contain("Offset 0 of orders-0").And.Contain("goes on at 1");
    }

    [Fact]
    public async Task A_lost_offset_throws_when_that_was_asked_for_and_seeking_goes_on()
    {
        Add(Orders, Batch(("a", "1")));
        await using var consumer = Broker.CreateConsumer(s_orders).StartFrom(StartFrom.Offset(7)).WhenOffsetLost(WhenOffsetLost.Throw).Build();

        (await FluentActions.Awaiting(() => TakeAsync(consumer.ReadAllAsync(), 1)).Should().ThrowAsync<BrokerException>())
            .Which.Code.Should().Be(ErrorCode.OffsetOutOfRange);

        await consumer.SeekAsync(s_first, 0);
        (await TakeAsync(consumer.ReadAllAsync(), 1))[0].Value.Should().Be("1");
    }

    [Fact]
    public async Task Two_loops_of_one_consumer_are_refused()
    {
        Add(Orders, Batch(("a", "1"), ("b", "2")));
        await using var consumer = Broker.CreateConsumer(s_orders).Build();

        await foreach (var _ in consumer.ReadAllAsync())
        {
            await FluentActions.Awaiting(() => TakeAsync(consumer.ReadAllAsync(), 1)).Should().ThrowAsync<InvalidOperationException>().WithMessage("*one loop*");
            break;
        }

        (await TakeAsync(consumer.ReadAllAsync(), 1))[0].Value.Should().Be("2", "the next loop goes on behind what the last one was given");
    }

    [Fact]
    public async Task Disposing_ends_a_waiting_loop()
    {
        var consumer = Broker.CreateConsumer(s_orders).InGroup("g").Build();
        var reading = TakeAsync(consumer.ReadAllAsync(), 1);
        await EventuallyAsync(() => consumer.Assignment.Count == 1);

        await consumer.DisposeAsync();

        (await reading.WaitAsync(s_soon)).Should().BeEmpty();
        _backend.Group("g").Members.Should().BeEmpty("it has left the group");
        await FluentActions.Awaiting(() => TakeAsync(consumer.ReadAllAsync(), 1)).Should().ThrowAsync<ObjectDisposedException>();
    }

    [Fact]
    public async Task Disposing_inside_the_loop_ends_it()
    {
        Add(Orders, Batch(("a", "1"), ("b", "2")));
        var consumer = Broker.CreateConsumer(s_orders).Build();
        var seen = 0;

        await foreach (var _ in consumer.ReadAllAsync())
        {
            seen++;
            await consumer.DisposeAsync();
        }

        seen.Should().Be(1);
    }

    [Fact]
    public async Task A_cancelled_loop_throws_with_the_callers_token_also_when_there_is_plenty_to_read()
    {
        Add(Orders, Batch([.. Enumerable.Range(0, 100).Select(i => ((string?)"k", (string?)$"{i}"))]));
        await using var consumer = Broker.CreateConsumer(s_orders).Build();
        using var ending = new CancellationTokenSource();
        var seen = 0;

        var reading = async () =>
        {
            await foreach (var _ in consumer.ReadAllAsync(ending.Token))
                if (++seen == 3)
                    await ending.CancelAsync();
        };

        (await reading.Should().ThrowAsync<OperationCanceledException>()).Which.CancellationToken.Should().Be(ending.Token);
        seen.Should().Be(3);
        consumer.Position(s_first).Should().Be(3);
    }

    [Fact]
    public async Task Members_share_the_partitions_and_hand_them_over_between_batches()
    {
        _backend.AddTopic("orders", 2);
        await using var broker = Broker;
        await using var first = broker.CreateConsumer(s_orders).InGroup("g").Build();
        await using var second = broker.CreateConsumer(s_orders).InGroup("g").Build();
        using var ending = new CancellationTokenSource();
        var firstReading = TakeAsync(first.ReadAllAsync(ending.Token), 1000, async () => await first.CommitAsync());
        await EventuallyAsync(() => first.Assignment.Count == 2);
        var secondReading = TakeAsync(second.ReadAllAsync(ending.Token), 1000, async () => await second.CommitAsync());
        await EventuallyAsync(() => first.Assignment.Count == 1 && second.Assignment.Count == 1);

        Add(Orders, Batch(("a", "p0")));
        Add(_backend.Partition("orders", 1), Batch(("a", "p1")));

        first.Assignment.Should().NotIntersectWith(second.Assignment);
        await EventuallyAsync(() => _backend.Group("g").Committed.Count(pair => pair.Value.Offset == 1) == 2);
        await second.DisposeAsync();
        await secondReading.WaitAsync(s_soon);
        await EventuallyAsync(() => first.Assignment.Count == 2);
        first.Position(s_first).Should().Be(1, "it goes on where the other has committed");
        await ending.CancelAsync();
        await FluentActions.Awaiting(() => firstReading).Should().ThrowAsync<OperationCanceledException>();
    }

    [Fact]
    public async Task Committing_for_a_partition_that_went_to_another_member_is_refused()
    {
        Add(Orders, Batch(("a", "1")));
        await using var consumer = Broker.CreateConsumer(s_orders).InGroup("g").Build();

        await foreach (var _ in consumer.ReadAllAsync())
        {
            _backend.Group("g").Owners.Remove(s_first);
            (await FluentActions.Awaiting(() => consumer.CommitAsync().AsTask()).Should().ThrowAsync<BrokerException>())
                .Which.Recovery.Should().Be(ErrorRecovery.RecreateClient);
            break;
        }

        _backend.Group("g").Committed.Should().BeEmpty();
    }

    [Fact]
    public async Task Partitions_that_are_added_while_reading_are_read_from_their_beginning()
    {
        await using var consumer = Broker.CreateConsumer(s_orders).StartFrom(StartFrom.Latest).Build();
        await consumer.GetLagAsync();
        _backend.AddTopic("orders", 2);
        Add(_backend.Partition("orders", 1), Batch(("a", "new partition")));

        (await TakeAsync(consumer.ReadAllAsync(), 1))[0].Value.Should().Be("new partition");
    }

    [Fact]
    public async Task Offsets_in_a_transaction_are_those_behind_the_batch()
    {
        var writer = Writer();
        AddOpen(writer, ("a", "1"));
        Orders.End(writer, commit: true);
        await using var broker = Broker;
        await using var consumer = broker.CreateConsumer(s_orders).InGroup("g").Build();
        await using var producer = await broker.CreateTransactionalProducerAsync("t");

        await foreach (var batch in consumer.ReadBatchesAsync())
        {
            await using var transaction = await producer.BeginTransactionAsync();
            transaction.AddOffsets(consumer, processed: batch);
            _backend.Group("g").Committed.Should().BeEmpty();
            await transaction.CommitAsync();
            _backend.Group("g").Committed[s_first].Offset.Should().Be(batch.NextOffset).And.Be(2, "the marker behind the record takes an offset, too");
            break;
        }
    }

    [Fact]
    public async Task Offsets_of_a_batch_that_is_over_or_another_consumers_are_refused()
    {
        Add(Orders, Batch(("a", "1"), ("b", "2")));
        await using var broker = Broker;
        await using var consumer = broker.CreateConsumer(s_orders).InGroup("g").WithBatch(maxRecords: 1).Build();
        await using var other = broker.CreateConsumer(s_orders).InGroup("h").Build();
        await using var groupless = broker.CreateConsumer(s_orders).Build();
        await using var producer = await broker.CreateTransactionalProducerAsync("t");
        await using var transaction = await producer.BeginTransactionAsync();

        ConsumerBatch<string, string>? former = null;
        await foreach (var batch in consumer.ReadBatchesAsync())
        {
            FluentActions.Invoking(() => transaction.AddOffsets(other, processed: batch)).Should().Throw<ArgumentException>();
            FluentActions.Invoking(() => transaction.AddOffsets(groupless, processed: batch)).Should().Throw<InvalidOperationException>();
            if (former is not null)
            {
                FluentActions.Invoking(() => transaction.AddOffsets(consumer, processed: former)).Should().Throw<InvalidOperationException>();
                break;
            }
            former = batch;
        }
    }

    [Fact]
    public async Task Rewinding_gives_the_batch_again()
    {
        Add(Orders, Batch(("a", "1"), ("b", "2")));
        await using var consumer = Broker.CreateConsumer(s_orders).Build();
        var seen = new List<string>();

        await foreach (var batch in consumer.ReadBatchesAsync())
        {
            seen.AddRange(batch.Values.ToArray());
            if (seen.Count == 4)
                break;
            consumer.Rewind(batch);
        }

        seen.Should().Equal("1", "2", "1", "2");
    }

    [Fact]
    public async Task Wrong_use_is_refused_with_a_reason()
    {
        await using var broker = Broker;
        await using var consumer = broker.CreateConsumer(s_orders).Build();

        await FluentActions.Awaiting(() => consumer.CommitAsync().AsTask()).Should().ThrowAsync<InvalidOperationException>().WithMessage("*InGroup*");
        await FluentActions.Awaiting(() => consumer.CommittedAsync(s_first).AsTask()).Should().ThrowAsync<InvalidOperationException>();
        await FluentActions.Awaiting(() => consumer.SeekAsync(s_first, -1).AsTask()).Should().ThrowAsync<ArgumentOutOfRangeException>();
        await FluentActions.Awaiting(() => consumer.SeekAsync(new TopicPartition("orders", 9), 0).AsTask()).Should().ThrowAsync<InvalidOperationException>();
        FluentActions.Invoking(() => broker.CreateConsumer(s_orders).WithInstanceId("i").Build()).Should().Throw<ArgumentException>();
        FluentActions.Invoking(() => broker.CreateConsumer(s_orders).WithPartitions().Build()).Should().Throw<ArgumentException>();
        FluentActions.Invoking(() => broker.CreateConsumer(s_orders).WithPartitions(1, 1).Build()).Should().Throw<ArgumentException>();
        FluentActions.Invoking(() => broker.CreateConsumer(s_orders).WithPartitions(-1).Build()).Should().Throw<ArgumentException>();
        FluentActions.Invoking(() => broker.CreateConsumer(s_orders).InGroup(" ").Build()).Should().Throw<ArgumentException>();
        FluentActions.Invoking(() => broker.CreateConsumer(s_orders).InGroup(new string('g', 250)).Build()).Should().Throw<ArgumentException>();
        FluentActions.Invoking(() => broker.CreateConsumer(s_orders).WithBatch(0).Build()).Should().Throw<ArgumentException>();
        FluentActions.Invoking(() => broker.CreateConsumer<string, string>(null!)).Should().Throw<ArgumentNullException>();
        await using var missing = broker.CreateConsumer(s_orders).WithPartitions(5).Build();
        await FluentActions.Awaiting(() => missing.GetLagAsync().AsTask()).Should().ThrowAsync<UnknownTopicException>();
    }

    [Fact]
    public async Task Damaged_bytes_are_reported_and_not_guessed_at()
    {
        var batch = Batch(("a", "1"));
        batch[global::ExactlyOnce.Kernel.Records.BatchHeader.Size] = 0x7E;
        Add(Orders, batch);
        await using var consumer = Broker.CreateConsumer(s_orders).Build();

        await FluentActions.Awaiting(() => TakeAsync(consumer.ReadAllAsync(), 1)).Should().ThrowAsync<CorruptRecordException>();
    }

    private static void Add(MemoryPartition partition, byte[] batch) => partition.Add(batch, BatchFate.Plain, writer: null);

    private static ProducerSession Writer() => new() { Identity = new global::ExactlyOnce.Kernel.Primitives.ProducerIdentity(99, 0), TransactionalId = "writer" };

    private void AddOpen(ProducerSession writer, params (string?, string?)[] records) => Orders.Add(Batch(records), BatchFate.Open, writer);

    private static async Task<List<ConsumerRecord<TKey, TValue>>> TakeAsync<TKey, TValue>(
        IAsyncEnumerable<ConsumerRecord<TKey, TValue>> records, int count, Func<Task>? afterEach = null)
    {
        var taken = new List<ConsumerRecord<TKey, TValue>>();
        await foreach (var record in records)
        {
            taken.Add(record);
            if (afterEach is not null)
                await afterEach();
            if (taken.Count == count)
                break;
        }
        return taken;
    }

    private static async Task<List<string[]>> TakeBatchesAsync(Consumer<string, string> consumer, int count)
    {
        var taken = new List<string[]>();
        await foreach (var batch in consumer.ReadBatchesAsync())
        {
            taken.Add(batch.Values.ToArray());
            if (taken.Count == count)
                break;
        }
        return taken;
    }

    private static async Task EventuallyAsync(Func<bool> condition)
    {
        using var patience = new CancellationTokenSource(s_soon);
        while (!condition())
            await Task.Delay(5, patience.Token);
    }
}
