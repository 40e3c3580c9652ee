namespace ExactlyOnce.Kafka.Endpoint.Tests.Faults;

// Within the namespace, so that names which both libraries have mean the client's.
using Confluent.Kafka;
using ExactlyOnce.Kafka.Endpoint.Apis;
using ExactlyOnce.Kafka.Endpoint.Tests.Clients;

/// <summary>What arrives late: a zombie's requests behind a slow network, and answers that nobody takes.</summary>
[Collection(Alone.Name)]
public sealed class SlowNetworkTests : FaultTest
{
    [Fact]
    public async Task A_zombies_commit_that_was_on_its_way_all_along_ends_nothing()
    {
        using var zombie = BuildProducer("x");
        zombie.InitTransactions(Patience);
        var (held, release) = (new TaskCompletionSource(), new TaskCompletionSource());
        Proxy.Rule = frame => frame.IsRequest(EndTxn, 1) ? HoldAsync(held, release) : Task.FromResult(FrameFate.Pass);
        zombie.BeginTransaction();
        zombie.Produce("out", new Message<Null, string> { Value = "zombie" });
        var committing = Task.Run(() => zombie.CommitTransaction(Patience));
        await held.Task.WaitAsync(Patience);

        using var successor = BuildProducer("x");
        successor.InitTransactions(Patience);
        successor.BeginTransaction();
        successor.Produce("out", new Message<Null, string> { Value = "successor" });
        successor.Flush(Patience);
        release.SetResult();

        (await FluentActions.Awaiting(() => committing).Should().ThrowAsync<KafkaException>()).Which.Error.Code.Should().Be(ErrorCode.Local_Fenced);
        ReadCommitted("out").Should().BeEmpty("the successor's transaction is open");
        successor.CommitTransaction(Patience);
        ReadCommitted("out").Should().Equal("successor");
    }

    [Theory]
    [InlineData(true), InlineData(false)]
    public async Task A_zombies_batch_that_arrives_late_belongs_to_nobodys_transaction(bool isFirstGeneration)
    {
        var zombie = new RawTransaction(Connect(), "x", isFirstGeneration);
        await zombie.InitAsync();
        if (isFirstGeneration)
            await zombie.AddAsync("out");
        var (held, release) = (new TaskCompletionSource(), new TaskCompletionSource());
        Proxy.Rule = frame => frame.IsRequest(Produce, 1) ? HoldAsync(held, release) : Task.FromResult(FrameFate.Pass);
        var late = zombie.ProduceAsync("out", "zombie");
        await held.Task.WaitAsync(Patience);

        var successor = new RawTransaction(Connect(), "x", isFirstGeneration);
        await successor.InitAsync();
        if (isFirstGeneration)
            await successor.AddAsync("out");
        (await successor.ProduceAsync("out", "successor")).Should().Be(KafkaError.None);
        release.SetResult();

        (await late).Should().Be(KafkaError.InvalidProducerEpoch);
        (await successor.EndAsync(commit: true)).ErrorCode.Should().Be(KafkaError.None);
        ReadCommitted("out").Should().Equal("successor");
    }

    [Fact]
    public void A_network_that_takes_its_time_for_everything_changes_nothing()
    {
        Proxy.Rule = async _ =>
        {
            await Task.Delay(30);
            return FrameFate.Pass;
        };
        using var producer = BuildProducer("x");
        producer.InitTransactions(Patience);
        for (var round = 0; round < 3; round++)
        {
            producer.BeginTransaction();
            producer.Produce("out", new Message<Null, string> { Value = $"{round}" });
            producer.CommitTransaction(Patience);
        }

        ReadCommitted("out").Should().Equal("0", "1", "2");
    }

    [Fact]
    public async Task Peers_that_never_read_cost_bounded_memory_and_harm_nobody()
    {
        const int Peers = 20;
        const int FetchBytes = 8 << 20;
        var filler = Connect(direct: true);
        for (var i = 0; i < 16; i++)
            await filler.CallAsync<ProduceResponse>(9, TestBatch.Produce("in", TestBatch.Of(new string('x', 900_000))));
        GC.Collect();
        var before = GC.GetTotalMemory(forceFullCollection: true);
        // Each asks for sixteen times eight MiB, which is two and a half GiB together, and takes none of it.
        var peers = Enumerable.Range(0, Peers).Select(_ => Connect(direct: true)).ToList();
        foreach (var peer in peers)
            for (var i = 0; i < 16; i++)
                await peer.SendAsync(12, TestBatch.Fetch("in", 0, maxBytes: FetchBytes, partitionMaxBytes: FetchBytes));

        for (var i = 0; i < 50; i++)
        {
            (await filler.CallAsync<ProduceResponse>(9, TestBatch.Produce("out", TestBatch.Of($"{i}")))).Only().BaseOffset.Should().Be(i);
            (await filler.CallAsync<FetchResponse>(12, TestBatch.Fetch("out", i))).Only().Batches().Should().HaveCount(1);
        }

        var each = (GC.GetTotalMemory(forceFullCollection: true) - before) / Peers;
        each.Should().BeLessThan(1 << 20, "an answer waits in the log, not in memory");
    }
}
