namespace ExactlyOnce.Kafka.Endpoint.Tests.Faults;

// Within the namespace, so that names which both libraries have mean the client's.
using Confluent.Kafka;
using ExactlyOnce.Kafka.Endpoint.Tests.Clients;

/// <summary>What was said first over one connection arrives behind what was said later over another.</summary>
public sealed class ReorderTests : FaultTest
{
    private const short OffsetCommit = 8;

    private readonly TaskCompletionSource _held = new();
    private readonly TaskCompletionSource _release = new();

    [Fact]
    public async Task A_batch_that_arrives_behind_its_own_retry_is_not_written_again()
    {
        using var producer = BuildProducer(requestTimeoutMs: 1000);
        Proxy.Rule = frame => frame.IsRequest(Produce, 1) ? HoldAsync(_held, _release) : Task.FromResult(FrameFate.Pass);
        var values = Enumerable.Range(0, 50).Select(number => $"{number}").ToList();
        foreach (var value in values)
            producer.Produce("out", new Message<Null, string> { Value = value });
        producer.Flush(Patience).Should().Be(0, "over another connection everything gets through");
        var answered = Proxy.Count(FrameWay.Answer, Produce);

        _release.SetResult();

        await EventuallyAsync(() => Proxy.Count(FrameWay.Answer, Produce) > answered, "what was held is answered too");
        ReadCommitted("out").Should().Equal(values);
    }

    [Fact]
    public async Task A_commit_of_offsets_that_arrives_behind_the_next_generations_commits_nothing()
    {
        var (early, late) = (new RawMember(Connect(), "g"), new RawMember(Connect(), "g"));
        await early.JoinAsync();
        Proxy.Rule = frame => frame.IsRequest(OffsetCommit, 1) ? HoldAsync(_held, _release) : Task.FromResult(FrameFate.Pass);
        var committing = early.CommitAsync("in", 3);
        await _held.Task.WaitAsync(Patience);

        late.Continue(early);
        (await late.LeaveAsync()).Should().Be(KafkaError.None);
        var successor = new RawMember(Connect(), "g");
        await successor.JoinAsync();
        (await successor.CommitAsync("in", 7)).Should().Be(KafkaError.None);
        _release.SetResult();

        (await committing).Should().Be(KafkaError.UnknownMemberId);
        (await CommittedAsync()).Should().Be(7);
    }

    [Fact]
    public async Task A_zombies_offsets_that_arrive_in_its_successors_transaction_are_not_the_successors()
    {
        var (zombie, successor) = (new RawTransaction(Connect(), "x"), new RawTransaction(Connect(), "x"));
        await zombie.InitAsync();
        Proxy.Rule = frame => frame.IsRequest(TxnOffsetCommit, 1) ? HoldAsync(_held, _release) : Task.FromResult(FrameFate.Pass);
        var committing = zombie.CommitOffsetAsync("g", "in", 3);
        await _held.Task.WaitAsync(Patience);

        await successor.InitAsync();
        (await successor.ProduceAsync("out", "successor")).Should().Be(KafkaError.None);
        _release.SetResult();

        (await committing).Should().Be(KafkaError.InvalidProducerEpoch);
        (await successor.EndAsync(commit: true)).ErrorCode.Should().Be(KafkaError.None);
        (await CommittedAsync()).Should().Be(-1);
    }

    [Fact]
    public async Task An_end_that_arrives_behind_its_own_retry_does_not_end_the_next_transaction()
    {
        var (first, second) = (new RawTransaction(Connect(), "x"), new RawTransaction(Connect(), "x"));
        var identity = await first.InitAsync();
        (await first.ProduceAsync("out", "a")).Should().Be(KafkaError.None);
        Proxy.Rule = frame => frame.IsRequest(EndTxn, 1) ? HoldAsync(_held, _release) : Task.FromResult(FrameFate.Pass);
        var ending = first.EndAsync(commit: true);
        await _held.Task.WaitAsync(Patience);

        second.Continue(identity);
        (await second.EndAsync(commit: true)).ErrorCode.Should().Be(KafkaError.None);
        (await second.ProduceAsync("out", "b")).Should().Be(KafkaError.None);
        _release.SetResult();

        (await ending).ErrorCode.Should().NotBe(KafkaError.None, "it speaks of a transaction that has ended, and another is open");
        ReadCommitted("out").Should().Equal("a");
        (await second.EndAsync(commit: false)).ErrorCode.Should().Be(KafkaError.None);
        ReadCommitted("out").Should().Equal("a");
    }

    private async Task<long> CommittedAsync() =>
        (await Broker.Admin.GetGroupOffsetsAsync("g", "in")).TryGetValue(new ExactlyOnce.TopicPartition("in", 0), out var committed) ? committed.Offset : -1;
}
