using System.Buffers;

namespace ExactlyOnce.Tests.Clients.Producing;

public sealed class ProducerTests : IAsyncDisposable
{
    private static readonly Topic<string, string> s_orders = Topic.Create("orders", Serdes.Utf8, Serdes.Utf8);

    private readonly FakeBackend _backend = new();
    private readonly Broker _broker;

    public ProducerTests() => _broker = new Broker(_backend, new BrokerOptions());

    public ValueTask DisposeAsync()
    {
        _backend.HoldsAnswers = false;
        _backend.Release();
        return _broker.DisposeAsync();
    }

    [Fact]
    public async Task A_sent_record_is_acknowledged_with_its_place_and_time()
    {
        await using var producer = _broker.CreateProducer(s_orders).Build();

        var first = await producer.SendAsync("k", "a");
        var second = await producer.SendAsync("k", "b");

        first.Should().Be(new RecordMetadata(new TopicPartition("orders", 0), 0, _backend.Clock.GetUtcNow(), false));
        second.Offset.Should().Be(1);
        _backend["orders"].Records.Should().Equal(
            [Stored("k", "a"), Stored("k", "b")], (one, other) => one.Key == other.Key && one.Value == other.Value);
    }

    [Fact]
    public async Task A_null_key_is_no_key_and_a_null_value_is_a_tombstone()
    {
        await using var producer = _broker.CreateProducer(s_orders).Build();

        await producer.SendAsync(null!, null!);

        _backend["orders"].Records.Should().ContainSingle().Which.Should().Match<StoredRecord>(record => record.Key == null && record.Value == null);
    }

    [Fact]
    public async Task Posted_records_share_a_batch_that_is_sent_when_it_is_flushed()
    {
        await using var producer = _broker.CreateProducer(s_orders).Build();
        for (var i = 0; i < 100; i++)
            await producer.PostAsync("k", $"{i}");
        Batches("orders").Should().Be(0);

        await producer.FlushAsync();

        Batches("orders").Should().Be(1);
        _backend["orders"].Values.Should().Equal(Enumerable.Range(0, 100).Select(i => $"{i}"));
    }

    [Fact]
    public async Task A_posted_record_is_sent_when_its_linger_is_over()
    {
        await using var producer = _broker.CreateProducer(s_orders).WithLinger(TimeSpan.FromMilliseconds(5)).Build();
        await producer.PostAsync("k", "a");

        _backend.Clock.Advance(TimeSpan.FromMilliseconds(4));
        Batches("orders").Should().Be(0);
        _backend.Clock.Advance(TimeSpan.FromMilliseconds(1));
        Batches("orders").Should().Be(1);
    }

    [Fact]
    public async Task A_batch_that_opens_while_another_lingers_waits_its_own_time()
    {
        _backend.AddTopic("orders", topic => topic.Partitions = 2);
        await using var producer = _broker.CreateProducer(s_orders).WithLinger(TimeSpan.FromMilliseconds(5)).Build();
        await producer.PostAsync(new ProducerRecord<string, string>("k", "a") { Partition = 0 });
        _backend.Clock.Advance(TimeSpan.FromMilliseconds(3));
        await producer.PostAsync(new ProducerRecord<string, string>("k", "b") { Partition = 1 });

        _backend.Clock.Advance(TimeSpan.FromMilliseconds(2));
        (Batches("orders"), Batches("orders", 1)).Should().Be((1, 0));
        _backend.Clock.Advance(TimeSpan.FromMilliseconds(3));
        Batches("orders", 1).Should().Be(1);
    }

    [Fact]
    public async Task A_send_takes_what_was_posted_before_along_in_order()
    {
        await using var producer = _broker.CreateProducer(s_orders).Build();
        await producer.PostAsync("k", "a");
        await producer.PostAsync("k", "b");

        var at = await producer.SendAsync("k", "c");

        at.Offset.Should().Be(2);
        _backend["orders"].Values.Should().Equal("a", "b", "c");
        Batches("orders").Should().Be(1);
    }

    [Fact]
    public async Task Sends_with_a_linger_share_a_batch_and_each_gets_its_own_offset()
    {
        await using var producer = _broker.CreateProducer(s_orders).WithLinger(TimeSpan.FromMilliseconds(5)).Build();
        var sends = Enumerable.Range(0, 3).Select(i => producer.SendAsync("k", $"{i}").AsTask()).ToArray();
        sends.Should().OnlyContain(send => !send.IsCompleted);

        _backend.Clock.Advance(TimeSpan.FromMilliseconds(5));

        (await Task.WhenAll(sends)).Select(at => at.Offset).Should().Equal(0, 1, 2);
        Batches("orders").Should().Be(1);
    }

    [Fact]
    public async Task A_batch_is_sent_when_the_next_record_does_not_fit()
    {
        await using var producer = _broker.CreateProducer(s_orders).WithBatchSize(512).Build();
        for (var i = 0; i < 10; i++)
            await producer.PostAsync("k", new string('x', 100));

        Batches("orders").Should().BeGreaterThan(1);
        await producer.FlushAsync();
        _backend["orders"].Records.Should().HaveCount(10);
        _backend["orders"].Batches.Should().OnlyContain(batch => batch.SizeInBytes <= 512);
    }

    [Fact]
    public async Task A_record_larger_than_the_batch_size_gets_a_batch_of_its_own()
    {
        await using var producer = _broker.CreateProducer(s_orders).WithBatchSize(512).Build();
        await producer.PostAsync("k", "small");
        await producer.SendAsync("k", new string('x', 5000));

        _backend["orders"].Batches.Select(batch => batch.RecordCount).Should().Equal(1, 1);
    }

    [Fact]
    public async Task A_record_larger_than_its_topic_accepts_is_refused_before_anything_is_written()
    {
        _backend.AddTopic("orders", topic => topic.MaxMessageBytes = 1000);
        await using var producer = _broker.CreateProducer(s_orders).Build();
        await producer.PostAsync("k", "before");

        var refused = await producer.Awaiting(p => p.SendAsync("k", new string('x', 1000)).AsTask()).Should().ThrowAsync<RecordTooLargeException>();
        refused.Which.LimitBytes.Should().Be(1000);
        refused.Which.Recovery.Should().Be(ErrorRecovery.FixRequest);

        await producer.SendAsync("k", "after");
        _backend["orders"].Values.Should().Equal("before", "after");
    }

    [Fact]
    public async Task A_record_that_just_fits_its_topic_is_accepted()
    {
        _backend.AddTopic("orders", topic => topic.MaxMessageBytes = 200);
        await using var producer = _broker.CreateProducer(s_orders).Build();
        var exact = 200;
        while (true)
        {
            try
            {
                await producer.SendAsync("k", new string('x', exact));
                break;
            }
            catch (RecordTooLargeException)
            {
                exact--;
            }
        }
        _backend["orders"].Batches.Should().ContainSingle().Which.SizeInBytes.Should().Be(200);
    }

    [Fact]
    public async Task A_serializer_that_throws_leaves_the_batch_as_it_was()
    {
        var topic = Topic.Create("orders", Serdes.Utf8, Serdes.Create<string>(
            (value, destination) =>
            {
                destination.Write("garbage"u8);
                if (value == "bad")
                    throw new FormatException("cannot");
                Serdes.Utf8.Serialize(value, destination);
            },
            _ => ""));
        await using var producer = _broker.CreateProducer(topic).Build();
        await producer.PostAsync("k", "a");

        await producer.Awaiting(p => p.PostAsync("k", "bad").AsTask()).Should().ThrowAsync<FormatException>().WithMessage("cannot");

        await producer.SendAsync("k", "b");
        _backend["orders"].Values.Should().Equal("garbagea", "garbageb");
        producer.Accumulator.Memory.FreeBytes.Should().Be(producer.Accumulator.Memory.TotalBytes);
    }

    [Fact]
    public async Task A_serializer_that_calls_back_into_its_producer_gets_a_clear_error()
    {
        Producer<string, string>? producer = null;
        var topic = Topic.Create("orders", Serdes.Utf8, Serdes.Create<string>(
            (value, destination) =>
            {
                if (value == "outer")
                    producer!.SendAsync("k", "inner").AsTask().GetAwaiter().GetResult();
                Serdes.Utf8.Serialize(value, destination);
            },
            _ => ""));
        await using var made = producer = _broker.CreateProducer(topic).Build();
        await producer.SendAsync("k", "first");

        await producer.Awaiting(p => p.SendAsync("k", "outer").AsTask())
            .Should().ThrowAsync<InvalidOperationException>().WithMessage("*called back into the producer*");
        await producer.SendAsync("k", "last");

        _backend["orders"].Values.Should().Equal("first", "last");
    }

    [Fact]
    public async Task A_serializer_may_use_another_producer()
    {
        await using var audit = _broker.CreateProducer(Topic.Create("audit", Serdes.Utf8, Serdes.Utf8)).Build();
        await audit.SendAsync("k", "begin");
        var topic = Topic.Create("orders", Serdes.Utf8, Serdes.Create<string>(
            (value, destination) =>
            {
                audit.SendAsync("k", $"writing {value}").AsTask().GetAwaiter().GetResult();
                Serdes.Utf8.Serialize(value, destination);
            },
            _ => ""));
        await using var producer = _broker.CreateProducer(topic).BuildAsync().AsTask().Result;

        await producer.SendAsync("k", "a");

        _backend["orders"].Values.Should().Equal("a");
        _backend["audit"].Values.Should().Equal("begin", "writing a");
    }

    [Fact]
    public async Task Equal_keys_meet_in_the_partition_that_Kafka_chooses()
    {
        _backend.AddTopic("orders", topic => topic.Partitions = 7);
        await using var producer = _broker.CreateProducer(s_orders).Build();

        foreach (var key in new[] { "21", "foobar", "abc", "" })
        {
            var at = await producer.SendAsync(key, "v");
            var expected = (ExactlyOnce.Clients.Producing.Murmur2.Hash(System.Text.Encoding.UTF8.GetBytes(key)) & 0x7fffffff) % 7;
            at.TopicPartition.Partition.Should().Be(expected);
        }
    }

    [Fact]
    public async Task Records_without_a_key_stay_in_one_partition_per_batch()
    {
        _backend.AddTopic("orders", topic => topic.Partitions = 3);
        await using var producer = _broker.CreateProducer(s_orders).Build();
        for (var batch = 0; batch < 3; batch++)
        {
            for (var i = 0; i < 10; i++)
                await producer.PostAsync(null!, $"{batch}");
            await producer.FlushAsync();
        }

        for (var partition = 0; partition < 3; partition++)
            _backend["orders", partition].Batches.Should().ContainSingle().Which.RecordCount.Should().Be(10);
    }

    [Fact]
    public async Task Partitions_added_to_a_topic_are_used_at_once()
    {
        await using var producer = _broker.CreateProducer(s_orders).Build();
        await producer.SendAsync("k", "before");

        await _broker.Admin.AddPartitionsAsync("orders", 2);
        var at = await producer.SendAsync(new ProducerRecord<string, string>("k", "after") { Partition = 1 });
        await producer.SendAsync(new ProducerRecord<string, string>("k", "old partition") { Partition = 0 });

        at.TopicPartition.Partition.Should().Be(1);
        _backend["orders"].Values.Should().Equal("before", "old partition");
    }

    [Fact]
    public async Task Headers_timestamp_and_partition_of_the_caller_are_kept()
    {
        _backend.AddTopic("orders", topic => topic.Partitions = 2);
        await using var producer = _broker.CreateProducer(s_orders).Build();
        var time = new DateTimeOffset(2020, 5, 17, 1, 2, 3, 4, TimeSpan.Zero);

        var at = await producer.SendAsync(new ProducerRecord<string, string>("k", "v")
        {
            Headers = [new RecordHeader("a", "1"), new RecordHeader("a", "2")],
            Timestamp = time,
            Partition = 1,
        });

        at.Timestamp.Should().Be(time);
        var stored = _backend["orders", 1].Records.Should().ContainSingle().Subject;
        stored.TimestampMs.Should().Be(time.ToUnixTimeMilliseconds());
        stored.Headers.Select(header => header.ToString()).Should().Equal("a=1", "a=2");
    }

    [Fact]
    public async Task Wrong_calls_are_refused_and_change_nothing()
    {
        await using var producer = _broker.CreateProducer(s_orders).Build();
        await producer.SendAsync("k", "first");
        var record = new ProducerRecord<string, string>("k", "v");

        await Refused<ArgumentOutOfRangeException>(record with { Partition = 1 });
        await Refused<ArgumentOutOfRangeException>(record with { Partition = -1 });
        await Refused<ArgumentOutOfRangeException>(record with { Timestamp = DateTimeOffset.UnixEpoch.AddSeconds(-1) });
        await Refused<InvalidTimestampException>(record with { Timestamp = _backend.Clock.GetUtcNow().AddHours(2) });
        await Refused<InvalidOperationException>(record with { SourceSequence = 1 });
        await Refused<InvalidOperationException>(record with { MessageId = "id" });

        _backend["orders"].Values.Should().Equal("first");
        producer.Accumulator.Memory.FreeBytes.Should().Be(producer.Accumulator.Memory.TotalBytes);

        async Task Refused<TException>(ProducerRecord<string, string> wrong)
            where TException : Exception =>
            await producer.Awaiting(p => p.SendAsync(wrong).AsTask()).Should().ThrowAsync<TException>();
    }

    [Fact]
    public async Task Post_waits_for_buffer_memory_and_goes_on_when_batches_are_acknowledged()
    {
        _backend.HoldsAnswers = true;
        await using var producer = _broker.CreateProducer(s_orders).WithBatchSize(512).WithBufferMemory(1024).Build();
        var posted = 0;
        ValueTask waiting;
        while (true)
        {
            waiting = producer.PostAsync("k", new string('x', 100));
            if (!waiting.IsCompleted)
                break;
            posted++;
        }
        posted.Should().BeInRange(5, 10);

        _backend.Release();

        await waiting;
        _backend.HoldsAnswers = false;
        _backend.Release();
        await producer.FlushAsync();
        _backend["orders"].Records.Should().HaveCount(posted + 1);
        producer.Accumulator.Memory.FreeBytes.Should().Be(1024);
    }

    [Fact]
    public async Task A_post_cancelled_while_it_waits_for_memory_has_written_nothing()
    {
        _backend.HoldsAnswers = true;
        await using var producer = _broker.CreateProducer(s_orders).WithBufferMemory(1024).Build();
        var large = new string('x', 900);
        await producer.PostAsync("k", large);
        using var cancellation = new CancellationTokenSource();
        var waiting = producer.PostAsync("k", large, cancellation.Token).AsTask();
        waiting.IsCompleted.Should().BeFalse();

        await cancellation.CancelAsync();

        await waiting.Awaiting(task => task).Should().ThrowAsync<OperationCanceledException>();
        _backend.HoldsAnswers = false;
        _backend.Release();
        await producer.FlushAsync();
        _backend["orders"].Records.Should().ContainSingle();
        producer.Accumulator.Memory.FreeBytes.Should().Be(1024);
    }

    [Fact]
    public async Task Cancelling_a_record_that_has_its_place_changes_nothing()
    {
        _backend.HoldsAnswers = true;
        await using var producer = _broker.CreateProducer(s_orders).Build();
        using var cancellation = new CancellationTokenSource();
        var send = producer.SendAsync("k", "v", cancellation.Token).AsTask();

        await cancellation.CancelAsync();
        send.IsCompleted.Should().BeFalse();
        _backend.Release();

        (await send).Offset.Should().Be(0);
    }

    [Fact]
    public async Task A_call_with_a_cancelled_token_writes_nothing()
    {
        await using var producer = _broker.CreateProducer(s_orders).Build();
        var cancelled = new CancellationToken(canceled: true);

        await producer.Awaiting(p => p.SendAsync("k", "v", cancelled).AsTask()).Should().ThrowAsync<OperationCanceledException>();
        await producer.Awaiting(p => p.PostAsync("k", "v", cancelled).AsTask()).Should().ThrowAsync<OperationCanceledException>();

        _backend.ListTopics().Should().BeEmpty();
    }

    [Fact]
    public async Task Sends_wait_for_a_congested_partition()
    {
        _backend.AddTopic("orders");
        _backend["orders"].Congested = true;
        await using var producer = _broker.CreateProducer(s_orders).Build();
        var send = producer.SendAsync("k", "v").AsTask();
        send.IsCompleted.Should().BeFalse();

        _backend["orders"].MakeRoom();

        (await send).Offset.Should().Be(0);
    }

    [Fact]
    public async Task Batches_in_flight_are_not_limited_and_are_acknowledged_one_by_one()
    {
        _backend.HoldsAnswers = true;
        await using var producer = _broker.CreateProducer(s_orders).Build();

        var sends = Enumerable.Range(0, 50).Select(i => producer.SendAsync("k", $"{i}").AsTask()).ToArray();
        _backend.HeldCount.Should().Be(50);
        _backend.Release();

        (await Task.WhenAll(sends)).Select(at => at.Offset).Should().Equal(Enumerable.Range(0, 50).Select(i => (long?)i));
    }

    [Fact]
    public async Task Flush_waits_for_what_was_accepted_before_it_and_not_for_later_records()
    {
        _backend.HoldsAnswers = true;
        await using var producer = _broker.CreateProducer(s_orders).Build();
        await producer.PostAsync("k", "before");
        var flush = producer.FlushAsync().AsTask();
        flush.IsCompleted.Should().BeFalse();
        _backend.HeldCount.Should().Be(1);

        _backend.Release();
        var later = producer.SendAsync("k", "later").AsTask();

        await flush.WaitAsync(TimeSpan.FromSeconds(5));
        later.IsCompleted.Should().BeFalse();
        _backend.Release();
        await later;
    }

    [Fact]
    public async Task The_first_failure_of_a_post_surfaces_at_flush_and_only_once()
    {
        await using var producer = _broker.CreateProducer(s_orders).Build();
        await producer.SendAsync("k", "a");
        _backend.RefuseNext(new InvalidRequestException(ErrorCode.InvalidRecord, "first"));
        await producer.PostAsync("k", "lost");

        await producer.Awaiting(p => p.FlushAsync().AsTask()).Should().ThrowAsync<InvalidRequestException>().WithMessage("first");

        await producer.FlushAsync();
        await producer.SendAsync("k", "b");
        _backend["orders"].Values.Should().Equal("a", "b");
    }

    [Fact]
    public async Task A_refusal_of_the_batch_alone_uses_no_sequence_number()
    {
        await using var producer = _broker.CreateProducer(s_orders).Build();
        _backend.AddTopic("orders");
        _backend.RefuseNext(new InvalidTimestampException("ahead"));

        await producer.Awaiting(p => p.SendAsync("k", "bad").AsTask()).Should().ThrowAsync<InvalidTimestampException>();
        await producer.SendAsync("k", "good");

        _backend["orders"].Batches.Should().ContainSingle().Which.BaseSequence.Should().Be(0);
    }

    [Fact]
    public async Task After_an_error_that_asks_for_a_new_producer_nothing_is_sent_any_more()
    {
        await using var producer = _broker.CreateProducer(s_orders).Build();
        await producer.SendAsync("k", "a");
        _backend.RefuseNext(new ClientInvalidatedException(ErrorCode.OutOfOrderSequence, "gap"));
        var refused = await producer.Awaiting(p => p.SendAsync("k", "b").AsTask()).Should().ThrowAsync<ClientInvalidatedException>();
        refused.Which.Recovery.Should().Be(ErrorRecovery.RecreateClient);

        await producer.Awaiting(p => p.SendAsync("k", "c").AsTask()).Should().ThrowAsync<ClientInvalidatedException>().WithMessage("gap");
        await producer.Awaiting(p => p.PostAsync("k", "d").AsTask()).Should().ThrowAsync<ClientInvalidatedException>();

        _backend["orders"].Values.Should().Equal("a");
    }

    [Fact]
    public async Task A_failure_told_late_stops_the_producer_so_that_nothing_follows_a_gap()
    {
        _backend.HoldsAnswers = true;
        await using var producer = _broker.CreateProducer(s_orders).Build();
        var first = producer.SendAsync("k", "a").AsTask();
        var second = producer.SendAsync("k", "b").AsTask();
        _backend.PendingFailure = new StorageException("the disk is gone");
        _backend.Release();

        await first.Awaiting(task => task).Should().ThrowAsync<StorageException>();
        await second.Awaiting(task => task).Should().ThrowAsync<StorageException>();
        var later = await producer.Awaiting(p => p.SendAsync("k", "c").AsTask()).Should().ThrowAsync<StorageException>();
        later.Which.Recovery.Should().Be(ErrorRecovery.Stop);
    }

    [Fact]
    public async Task What_is_still_open_when_the_producer_stops_fails_with_the_same_cause_and_is_not_sent()
    {
        _backend.AddTopic("orders", topic => topic.Partitions = 2);
        await using var producer = _broker.CreateProducer(s_orders).Build();
        await producer.PostAsync(new ProducerRecord<string, string>("k", "open") { Partition = 1 });
        _backend.RefuseNext(new ClientInvalidatedException(ErrorCode.OutOfOrderSequence, "gap"));
        await producer.Awaiting(p => p.SendAsync(new ProducerRecord<string, string>("k", "a") { Partition = 0 }).AsTask())
            .Should().ThrowAsync<ClientInvalidatedException>();

        await producer.Awaiting(p => p.FlushAsync().AsTask()).Should().ThrowAsync<ClientInvalidatedException>().WithMessage("gap");

        _backend["orders", 1].Records.Should().BeEmpty();
        producer.Accumulator.Memory.FreeBytes.Should().Be(producer.Accumulator.Memory.TotalBytes);
    }

    [Fact]
    public async Task A_failed_start_is_tried_again_by_the_next_call()
    {
        _backend.InitFailures = 1;
        await using var producer = _broker.CreateProducer(s_orders).Build();

        await producer.Awaiting(p => p.SendAsync("k", "a").AsTask()).Should().ThrowAsync<TransientException>();
        await producer.SendAsync("k", "a");

        _backend["orders"].Values.Should().Equal("a");
    }

    [Fact]
    public async Task A_topic_that_may_not_be_created_by_use_is_unknown()
    {
        await using var strict = new Broker(_backend, new BrokerOptions { AutoCreateTopics = false });
        await using var producer = strict.CreateProducer(s_orders).Build();

        await producer.Awaiting(p => p.SendAsync("k", "a").AsTask()).Should().ThrowAsync<UnknownTopicException>().WithMessage("*AutoCreateTopics*");

        _backend.ListTopics().Should().BeEmpty();
    }

    [Fact]
    public async Task Disposing_sends_what_was_posted_and_refuses_what_comes_later()
    {
        var producer = _broker.CreateProducer(s_orders).Build();
        await producer.PostAsync("k", "a");

        await producer.DisposeAsync();
        await producer.DisposeAsync();

        _backend["orders"].Values.Should().Equal("a");
        await producer.Awaiting(p => p.SendAsync("k", "b").AsTask()).Should().ThrowAsync<ObjectDisposedException>();
        await producer.Awaiting(p => p.PostAsync("k", "b").AsTask()).Should().ThrowAsync<ObjectDisposedException>();
        await producer.Awaiting(p => p.FlushAsync().AsTask()).Should().ThrowAsync<ObjectDisposedException>();
    }

    [Fact]
    public async Task Disposing_waits_for_a_broker_that_does_not_answer_only_as_long_as_it_may()
    {
        _backend.HoldsAnswers = true;
        var producer = _broker.CreateProducer(s_orders).WithCloseTimeout(TimeSpan.FromSeconds(10)).Build();
        var send = producer.SendAsync("k", "a").AsTask();
        var closing = producer.DisposeAsync().AsTask();
        _backend.Clock.Advance(TimeSpan.FromSeconds(9));
        closing.IsCompleted.Should().BeFalse();

        _backend.Clock.Advance(TimeSpan.FromSeconds(1));

        await closing.WaitAsync(TimeSpan.FromSeconds(5));
        _backend.Release();
        (await send).Offset.Should().Be(0);
    }

    [Fact]
    public async Task Disposing_the_broker_closes_forgotten_producers_first()
    {
        var producer = _broker.CreateProducer(s_orders).Build();
        await producer.PostAsync("k", "a");

        await _broker.DisposeAsync();

        _backend["orders"].Values.Should().Equal("a");
        _backend.IsDisposed.Should().BeTrue();
        _broker.Invoking(broker => broker.CreateProducer(s_orders)).Should().Throw<ObjectDisposedException>();
        await _broker.Awaiting(broker => broker.PublishAsync(s_orders, "k", "v").AsTask()).Should().ThrowAsync<ObjectDisposedException>();
    }

    [Fact]
    public async Task Publishing_shares_one_producer_over_all_topics()
    {
        var greetings = Topic.Create("greetings", Serdes.Utf8);

        await _broker.PublishAsync(greetings, "hello");
        await _broker.PublishAsync(s_orders, "k", "v");
        await _broker.PublishAsync(greetings, "world");

        _backend["greetings"].Records.Should().OnlyContain(record => record.Key == null);
        _backend["greetings"].Values.Should().Equal("hello", "world");
        _backend["orders"].Values.Should().Equal("v");
        _backend.Sessions.Should().ContainSingle();
    }

    [Fact]
    public async Task Producers_on_many_threads_lose_nothing_and_keep_each_threads_order()
    {
        const int threads = 4, perThread = 500;
        _backend.AddTopic("orders", topic => topic.Partitions = 3);
        await using var producer = _broker.CreateProducer(s_orders).WithBatchSize(1024).Build();

        await Task.WhenAll(Enumerable.Range(0, threads).Select(thread => Task.Run(async () =>
        {
            for (var i = 0; i < perThread; i++)
                if (i % 7 == 0)
                    await producer.SendAsync($"{thread}", $"{i}");
                else
                    await producer.PostAsync($"{thread}", $"{i}");
        })));
        await producer.FlushAsync();

        var all = Enumerable.Range(0, 3).SelectMany(partition => _backend["orders", partition].Records).ToArray();
        for (var thread = 0; thread < threads; thread++)
            all.Where(record => record.Key == $"{thread}").Select(record => record.Value)
                .Should().Equal(Enumerable.Range(0, perThread).Select(i => $"{i}"));
    }

    private int Batches(string topic, int partition = 0) => _backend[topic, partition].Batches.Count;

    private static StoredRecord Stored(string key, string value) => new(key, value, RecordHeaders.Empty, 0);
}
