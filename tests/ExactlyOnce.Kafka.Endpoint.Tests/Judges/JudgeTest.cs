using System.Buffers.Binary;
using ExactlyOnce.Compression;
using ExactlyOnce.Kafka.Endpoint.Apis;
using ExactlyOnce.Kafka.Endpoint.Tests.Clients;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Judges;

/// <summary>
/// What every judge is asked to do, as far as his client can. His script says what it did; the broker's own contents decide, read by the host and, batch by
/// batch, as they are stored.
/// </summary>
public abstract class JudgeTest(string client) : EndpointTest
{
    private const long FirstTimestampMs = 1_700_000_000_000;

    private protected async Task WritesAsync(bool withTimestamps = true)
    {
        await Broker.Admin.CreateTopicAsync("orders", topic => (topic.Partitions, topic.RetainFor) = (3, TopicOptions.Forever));

        await RunAsync("write");

        var records = await ReadAsync("orders");
        records.Where(record => record.Key != "gone").Should().HaveCount(100);
        records.Select(record => (record.Key, record.Value)).Should().BeEquivalentTo(
            Enumerable.Range(0, 100).Select(i => ($"k{i}", (string?)$"order {i}")).Append(("gone", null)));
        records.Should().OnlyContain(record => record.Headers == "from=judge");
        if (withTimestamps)
            records.Select(record => record.TimestampMs).Should().BeEquivalentTo(Enumerable.Range(0, 101).Select(i => FirstTimestampMs + i));
    }

    private protected async Task IsIdempotentAsync()
    {
        await Broker.Admin.CreateTopicAsync("numbers");

        await RunAsync("idempotent");

        (await ReadAsync("numbers")).Select(record => record.Value).Should().Equal(Numbers(200));
        var batches = await BatchesAsync("numbers");
        batches.Should().OnlyContain(batch => batch.HasProducer && batch.Producer == batches[0].Producer && batch.BaseSequence == batch.BaseOffset);
    }

    private protected async Task CompressesAsync(CompressionType compression = CompressionType.Gzip)
    {
        await Broker.Admin.CreateTopicAsync("orders");

        using var run = await RunAsync("compress", $"{compression}".ToLowerInvariant());

        (await BatchesAsync("orders")).Should().OnlyContain(batch => batch.Compression == compression, "what was compressed is stored as it came");
        var written = (await ReadAsync("orders")).Select(record => record.Value!.Trim()).ToList();
        written.Should().Equal(Enumerable.Range(0, 100).Select(i => string.Join(' ', Enumerable.Repeat($"order {i}", 4))));
        run.Said("read: ").Select(value => value.Trim()).Should().Equal(written);
    }

    private protected async Task TransformsAsync()
    {
        await FillAsync("in", partitions: 2, count: 60);
        await Broker.Admin.CreateTopicAsync("out");

        using var run = await RunAsync("transaction");

        run.Said("aborted").Should().ContainSingle();
        (await ReadAsync("out")).Select(record => record.Value).Should().BeEquivalentTo(Numbers(60).Select(number => $"{number}!"));
        (await ReadAsync("out", IsolationLevel.ReadUncommitted)).Should().HaveCount(80, "what was aborted is there, and not seen");
        (await BatchesAsync("out")).Should().OnlyContain(batch => batch.IsTransactional).And.Contain(batch => batch.IsControl);
        (await CommittedAsync("transformers")).Should().Be(60);
        (await Broker.Admin.ListOpenTransactionsAsync()).Should().BeEmpty();
    }

    private protected async Task FencesAsync()
    {
        await Broker.Admin.CreateTopicAsync("out");

        using var run = await RunAsync("fence");

        run.Said("refused: ").Should().ContainSingle().Which.Should().Match(refusal => refusal.Contains("FENCED") || refusal.Contains("INVALID_PRODUCER_EPOCH"));
        (await ReadAsync("out")).Select(record => record.Value).Should().Equal("successor");
        (await ReadAsync("out", IsolationLevel.ReadUncommitted)).Select(record => record.Value).Should().Equal("zombie", "successor");
    }

    private protected async Task SeesWhatItsIsolationAllowsAsync(bool canReadCommitted = true)
    {
        await Broker.Admin.CreateTopicAsync("ledger");
        var first = await HostTransaction.OpenAsync(Broker, "first");
        first.Write("ledger", "committed");
        await first.EndAsync(commit: true);
        first.Write("ledger", "aborted");
        await first.EndAsync(commit: false);
        await Broker.PublishAsync(Topic.Create("ledger", Serdes.Utf8), "middle");
        var open = await HostTransaction.OpenAsync(Broker, "open");
        open.Write("ledger", "open, then aborted");

        using var run = Start("isolation");
        await run.UntilAsync(canReadCommitted ? "read_committed: middle" : "read_uncommitted: open, then aborted");
        await open.EndAsync(commit: false);
        await Broker.PublishAsync(Topic.Create("ledger", Serdes.Utf8), "end");
        await run.EndAsync();

        if (canReadCommitted)
            run.Said("read_committed: ").Should().Equal("committed", "middle", "end");
        run.Said("read_uncommitted: ").Should().Equal("committed", "aborted", "middle", "open, then aborted", "end");
    }

    /// <param name="scenario">By which protocol.</param>
    /// <param name="restarts">The broker ends and begins again while both members are there.</param>
    private protected async Task SharesPartitionsAsync(string scenario = "group", bool restarts = false)
    {
        await FillAsync("in", partitions: 4, count: 100);

        using var run = Start(scenario);
        await run.UntilAsync("shared");
        (await PartitionsOfMembersAsync(scenario)).Should().Equal(2, 2);
        if (restarts)
            await RestartAsync();
        await run.GoOnAsync();
        await run.UntilAsync("alone");
        (await PartitionsOfMembersAsync(scenario)).Should().Equal(4);
        await PublishNumbersAsync("in", partitions: 4, first: 100, count: 100);
        await run.GoOnAsync();
        await run.EndAsync();

        run.Said("read: ").Distinct().Should().BeEquivalentTo(Numbers(200));
        (await CommittedAsync("readers")).Should().Be(200);
        (await PartitionsOfMembersAsync(scenario)).Should().BeEmpty();
    }

    private protected async Task AdministratesAsync(bool deletesGroups = true, bool deletesRecords = true)
    {
        await FillAsync("numbers", partitions: 1, count: 10);
        await Broker.Admin.CreateTopicAsync("doomed");
        await Broker.Admin.ResetGroupOffsetAsync("old", new TopicPartition("numbers", 0), 7);

        using var run = await RunAsync("admin");

        var made = Broker.Admin.DescribeTopic("made")!;
        made.Partitions.Should().Be(5);
        made.Options.RetainFor.Should().Be(TimeSpan.FromHours(2));
        run.Said("retention.ms: ").Should().Equal("7200000");
        run.Said("groups: ").Should().ContainSingle().Which.Should().Contain("old");
        run.Said("topics: ").Should().ContainSingle().Which.Should().Contain("made").And.Contain("numbers").And.NotContain("doomed");
        Broker.Admin.DescribeTopic("doomed").Should().BeNull();
        if (deletesGroups)
        {
            Broker.Admin.ListGroups().Should().NotContain("old");
            run.Said("offsets: ").Should().ContainSingle().Which.Should().Contain("7");
        }
        if (!deletesRecords)
            return;
        (await ReadAsync("numbers")).Select(record => record.Value).Should().Equal(Numbers(10).Skip(2));
        (await Broker.Admin.GetGroupOffsetsAsync("kept", "numbers")).Values.Single().Offset.Should().Be(3);
    }

    private protected override ValueTask<Broker> OpenBrokerAsync() => new(Broker.CreateInMemory(options => options.AddCompression()));

    private protected virtual JudgeRun Start(params string[] scenario) => Judge.Of(client).Start(Endpoint.BootstrapServers, scenario);

    private protected async Task<JudgeRun> RunAsync(params string[] scenario)
    {
        var run = Start(scenario);
        await run.EndAsync();
        return run;
    }

    /// <summary>Numbers as text, over the partitions in turn.</summary>
    private protected async Task FillAsync(string topic, int partitions, int count)
    {
        await Broker.Admin.CreateTopicAsync(topic, options => options.Partitions = partitions);
        await PublishNumbersAsync(topic, partitions, first: 0, count);
    }

    private async Task PublishNumbersAsync(string topic, int partitions, int first, int count)
    {
        for (var i = first; i < first + count; i++)
            await Broker.PublishAsync(Topic.Create(topic, Serdes.Utf8), new ProducerRecord<NoKey, string>(default, $"{i}") { Partition = i % partitions });
    }

    /// <summary>What the broker's own consumer reads.</summary>
    private protected async Task<List<JudgedRecord>> ReadAsync(string name, IsolationLevel isolation = IsolationLevel.ReadCommitted)
    {
        var topic = Topic.Create(name, Serdes.Utf8, Serdes.Utf8);
        var partitions = Enumerable.Range(0, Broker.Admin.DescribeTopic(name)!.Partitions).ToArray();
        await using var consumer = Broker.CreateConsumer(topic).WithPartitions(partitions).WithIsolation(isolation).Build();
        var records = new List<JudgedRecord>();
        await foreach (var record in consumer.ReadToEndAsync())
            records.Add(new JudgedRecord(record.Key, record.Value, string.Join(' ', record.Headers), record.Timestamp.ToUnixTimeMilliseconds()));
        return records;
    }

    /// <summary>The first partition's batches as they are stored.</summary>
    private async Task<List<BatchHeader>> BatchesAsync(string topic) => (await Connect().CallAsync<FetchResponse>(12, TestBatch.Fetch(topic, 0))).Only().Batches();

    /// <summary>How far a group has come in all partitions of "in".</summary>
    private protected async Task<long> CommittedAsync(string group) => (await Broker.Admin.GetGroupOffsetsAsync(group, "in")).Values.Sum(committed => committed.Offset);

    private async Task<List<int>> PartitionsOfMembersAsync(string scenario)
    {
        if (scenario == "heartbeat")
            return [.. (await Connect().CallAsync<ConsumerGroupDescribeResponse>(0, new ConsumerGroupDescribeRequest { GroupIds = ["readers"] })).Groups.Single()
                .Members.Select(member => member.Assignment.TopicPartitions.Sum(topic => topic.Partitions.Length))];
        // A version, one topic with its name, and then how many partitions.
        const int CountAt = 2 + 4 + 2 + 2;
        return [.. (await Connect().CallAsync<DescribeGroupsResponse>(4, new DescribeGroupsRequest { Groups = ["readers"] })).Groups.Single()
            .Members.Select(member => BinaryPrimitives.ReadInt32BigEndian(member.MemberAssignment.AsSpan(CountAt)))];
    }

    private static IEnumerable<string> Numbers(int count) => Enumerable.Range(0, count).Select(number => $"{number}");

    private protected sealed record JudgedRecord(string? Key, string? Value, string Headers, long TimestampMs);
}
