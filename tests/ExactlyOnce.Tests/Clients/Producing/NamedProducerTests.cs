namespace ExactlyOnce.Tests.Clients.Producing;

public sealed class NamedProducerTests : IAsyncDisposable
{
    private static readonly Topic<string, string> s_orders = Topic.Create("orders", Serdes.Utf8, Serdes.Utf8);

    private readonly FakeBackend _backend = new();
    private readonly Broker _broker;

    public NamedProducerTests() => _broker = new Broker(_backend, new BrokerOptions());

    public ValueTask DisposeAsync() => _broker.DisposeAsync();

    [Fact]
    public async Task An_import_resumes_where_the_last_one_stopped()
    {
        await using (var first = Importer())
        {
            (await first.GetLastSourceSequenceAsync()).Should().BeNull();
            await first.SendAsync("k", "a", sourceSequence: 0);
            await first.PostAsync("k", "b", sourceSequence: 7);
        }

        await using var second = Importer();
        (await second.GetLastSourceSequenceAsync()).Should().Be(7);
    }

    [Fact]
    public async Task A_sequence_that_is_not_new_is_acknowledged_as_a_duplicate_and_not_written()
    {
        await using var importer = Importer();
        await importer.SendAsync("k", "a", sourceSequence: 5);

        var same = await importer.SendAsync("k", "again", sourceSequence: 5);
        var lower = await importer.SendAsync("k", "older", sourceSequence: 3);
        await importer.PostAsync("k", "older still", sourceSequence: 1);
        await importer.FlushAsync();

        same.Should().Match<RecordMetadata>(at => at.IsDuplicate && at.Offset == null);
        lower.IsDuplicate.Should().BeTrue();
        _backend["orders"].Values.Should().Equal("a");
        importer.Accumulator.Memory.FreeBytes.Should().Be(importer.Accumulator.Memory.TotalBytes);
    }

    [Fact]
    public async Task A_duplicate_of_a_record_under_way_is_acknowledged_only_with_its_original()
    {
        _backend.HoldsAnswers = true;
        await using var importer = Importer();
        var original = importer.SendAsync("k", "a", sourceSequence: 1).AsTask();
        var duplicate = importer.SendAsync("k", "a", sourceSequence: 1).AsTask();
        duplicate.IsCompleted.Should().BeFalse();

        _backend.HoldsAnswers = false;
        _backend.Release();

        (await original).IsDuplicate.Should().BeFalse();
        (await duplicate).IsDuplicate.Should().BeTrue();
    }

    [Fact]
    public async Task The_open_batches_of_all_partitions_are_appended_in_one_step()
    {
        _backend.AddTopic("orders", topic => topic.Partitions = 4);
        await using var importer = Importer();
        for (var i = 0; i < 40; i++)
            await importer.PostAsync(new ProducerRecord<string, string>("k", $"{i}") { Partition = i % 4, SourceSequence = i });

        await importer.FlushAsync();

        _backend.NamedAppendSizes.Should().Equal(4);
        _backend.SourceSequences["import"].Should().Be(39);
    }

    [Fact]
    public async Task A_send_to_one_partition_takes_the_earlier_posts_to_all_others_along()
    {
        _backend.AddTopic("orders", topic => topic.Partitions = 2);
        await using var importer = Importer();
        await importer.PostAsync(new ProducerRecord<string, string>("k", "a") { Partition = 0, SourceSequence = 1 });
        await importer.SendAsync(new ProducerRecord<string, string>("k", "b") { Partition = 1, SourceSequence = 2 });

        _backend["orders", 0].Values.Should().Equal("a");
        _backend.SourceSequences["import"].Should().Be(2);
    }

    [Fact]
    public async Task A_step_never_says_that_it_holds_a_record_that_did_not_fit_into_it()
    {
        await using var importer = _broker.CreateProducer(s_orders).WithIdentity("import").WithBatchSize(4096).Build();
        for (var i = 0; i < 50; i++)
            await importer.PostAsync("k", new string('x', 700), sourceSequence: i);
        await importer.FlushAsync();

        // Whoever resumes behind what a step says must find everything in front of it, or a crash between two steps would lose a record.
        _backend.NamedAppends.Should().HaveCountGreaterThan(5).And.OnlyContain(step => step.Stored == step.LastSourceSequence + 1);
    }

    [Fact]
    public async Task A_refused_step_stops_the_importer_so_that_no_later_record_hides_the_gap()
    {
        await using var importer = Importer();
        await importer.SendAsync("k", "a", sourceSequence: 1);
        _backend.RefuseNext(new InvalidRequestException(ErrorCode.InvalidRecord, "bad record"));
        await importer.Awaiting(p => p.SendAsync("k", "b", sourceSequence: 2).AsTask()).Should().ThrowAsync<InvalidRequestException>();

        var stopped = await importer.Awaiting(p => p.SendAsync("k", "c", sourceSequence: 3).AsTask()).Should().ThrowAsync<ClientInvalidatedException>();
        stopped.Which.Recovery.Should().Be(ErrorRecovery.RecreateClient);

        _backend.SourceSequences["import"].Should().Be(1);
    }

    [Fact]
    public async Task A_newer_producer_of_the_same_name_fences_the_older()
    {
        await using var older = Importer();
        await older.SendAsync("k", "a", sourceSequence: 1);
        await using var newer = Importer();
        (await newer.GetLastSourceSequenceAsync()).Should().Be(1);

        await older.Awaiting(p => p.SendAsync("k", "b", sourceSequence: 2).AsTask()).Should().ThrowAsync<ProducerFencedException>();
    }

    [Fact]
    public async Task Exactly_the_producers_with_an_identity_have_a_source_sequence()
    {
        await using var anonymous = _broker.CreateProducer(s_orders).Build();

        await anonymous.Awaiting(p => p.GetLastSourceSequenceAsync().AsTask()).Should().ThrowAsync<InvalidOperationException>().WithMessage("*WithIdentity*");
        await using var importer = Importer();
        await importer.Awaiting(p => p.SendAsync("k", "v").AsTask()).Should().ThrowAsync<InvalidOperationException>().WithMessage("*sourceSequence*");
        await importer.Awaiting(p => p.PostAsync("k", "v").AsTask()).Should().ThrowAsync<InvalidOperationException>();
        await importer.Awaiting(p => p.SendAsync("k", "v", sourceSequence: -1).AsTask()).Should().ThrowAsync<ArgumentOutOfRangeException>();
    }

    [Fact]
    public async Task A_producer_with_an_identity_takes_no_message_ids_which_its_steps_do_not_look_up()
    {
        _backend.AddTopic("orders", topic => topic.MessageIdWindow = TimeSpan.FromMinutes(1));
        await using var importer = Importer();

        var twice = new ProducerRecord<string, string>("k", "a") { MessageId = "m1", SourceSequence = 1 };

        await importer.Awaiting(p => p.SendAsync(twice).AsTask()).Should().ThrowAsync<InvalidOperationException>().WithMessage("*sourceSequence*");
        await importer.Awaiting(p => p.PostAsync(twice).AsTask()).Should().ThrowAsync<InvalidOperationException>();
        _backend["orders"].Records.Should().BeEmpty();
        await importer.SendAsync("k", "a", sourceSequence: 1);
    }

    private Producer<string, string> Importer() => _broker.CreateProducer(s_orders).WithIdentity("import").Build();
}
