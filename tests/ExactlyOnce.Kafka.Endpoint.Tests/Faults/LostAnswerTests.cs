namespace ExactlyOnce.Kafka.Endpoint.Tests.Faults;

// Within the namespace, so that names which both libraries have mean the client's.
using Confluent.Kafka;
using ExactlyOnce.Kafka.Endpoint.Tests.Clients;

/// <summary>What a client has asked for is done, and its answer is lost; or half of what it asked for arrives; or it arrives twice.</summary>
public sealed class LostAnswerTests : FaultTest
{
    private const int Count = 200;
    private const short OffsetCommit = 8;
    private const short LeaveGroup = 13;
    private const short SyncGroup = 14;

    [Fact]
    public void A_lost_acknowledgement_of_Produce_is_retried_and_each_record_appears_once_in_order()
    {
        using var producer = BuildProducer();
        Proxy.Rule = frame => Task.FromResult(frame.IsAnswer(Produce) && frame.Number is 1 or 3 or 4 ? FrameFate.Reset : FrameFate.Pass);

        Send(producer, Count);

        Proxy.Count(FrameWay.Answer, Produce).Should().BeGreaterThanOrEqualTo(2, "an answer was lost and another came");
        ReadCommitted("out").Should().Equal(Values(Count));
    }

    [Theory]
    [InlineData(1), InlineData(3), InlineData(12), InlineData(60), InlineData(400)]
    public void A_request_of_Produce_that_was_cut_appends_nothing_and_its_retry_everything(int bytes)
    {
        using var producer = BuildProducer();
        Proxy.Rule = frame => Task.FromResult(frame.IsRequest(Produce, 1) ? FrameFate.CutAfter(bytes) : FrameFate.Pass);

        Send(producer, Count);

        Proxy.Count(FrameWay.Request, Produce).Should().BeGreaterThan(1);
        ReadCommitted("out").Should().Equal(Values(Count));
    }

    [Fact]
    public void An_answer_under_the_number_of_another_request_is_nobodys_and_each_record_appears_once_in_order()
    {
        using var producer = BuildProducer(requestTimeoutMs: 1000);
        Proxy.Rule = frame => Task.FromResult(frame.IsAnswer(Produce) && frame.Number is 1 or 3 ? FrameFate.Misnumber : FrameFate.Pass);

        Send(producer, Count);

        Proxy.Count(FrameWay.Answer, Produce).Should().BeGreaterThanOrEqualTo(2, "one was nobody's and another came");
        ReadCommitted("out").Should().Equal(Values(Count));
    }

    [Theory]
    [InlineData(true), InlineData(false)]
    public void A_lost_answer_of_EndTxn_is_asked_for_again_and_the_transaction_ended_once(bool commit)
    {
        using var producer = BuildProducer("x");
        producer.InitTransactions(Patience);
        Proxy.Rule = frame => Task.FromResult(frame.IsAnswer(EndTxn, 1) ? FrameFate.Reset : FrameFate.Pass);
        producer.BeginTransaction();
        Send(producer, Count);
        if (commit)
            producer.CommitTransaction(Patience);
        else
            producer.AbortTransaction(Patience);
        producer.BeginTransaction();
        Send(producer, 1);
        producer.CommitTransaction(Patience);

        Proxy.Count(FrameWay.Request, EndTxn).Should().BeGreaterThanOrEqualTo(3, "one of two answers was lost");
        ReadCommitted("out").Should().Equal(commit ? [.. Values(Count), .. Values(1)] : Values(1));
    }

    [Fact]
    public async Task A_lost_answer_of_the_second_generation_is_given_again_with_the_same_next_epoch()
    {
        var (lost, next) = (new RawTransaction(Connect(), "x"), new RawTransaction(Connect(), "x"));
        Proxy.Rule = frame => Task.FromResult(frame.IsAnswer(EndTxn, 1) ? FrameFate.Reset : FrameFate.Pass);
        var identity = await lost.InitAsync();
        await lost.ProduceAsync("out", "a");
        await FluentActions.Awaiting(() => lost.EndAsync(commit: true)).Should().ThrowAsync<IOException>();

        next.Continue(identity);
        var answer = await next.EndAsync(commit: true);

        answer.ErrorCode.Should().Be(KafkaError.None);
        answer.ProducerEpoch.Should().Be((short)(identity.Epoch + 1));
        (await next.ProduceAsync("out", "b")).Should().Be(KafkaError.None);
        (await next.EndAsync(commit: true)).ErrorCode.Should().Be(KafkaError.None);
        ReadCommitted("out").Should().Equal("a", "b");
    }

    [Theory]
    [InlineData(Produce), InlineData(AddPartitionsToTxn), InlineData(EndTxn), InlineData(TxnOffsetCommit)]
    public void A_request_that_arrives_twice_does_what_it_does_once(short apiKey)
    {
        using var producer = BuildProducer("x");
        using var consumer = new ConsumerBuilder<Ignore, string>(new ConsumerConfig
        {
            BootstrapServers = Proxy.Address,
            GroupId = "g",
            IsolationLevel = Confluent.Kafka.IsolationLevel.ReadCommitted,
        }).Build();
        producer.InitTransactions(Patience);
        Proxy.Rule = frame => Task.FromResult(frame.IsRequest(apiKey) ? FrameFate.Twice : FrameFate.Pass);
        for (var round = 0; round < 3; round++)
        {
            producer.BeginTransaction();
            Send(producer, 10);
            producer.SendOffsetsToTransaction([new TopicPartitionOffset("in", 0, round + 1)], consumer.ConsumerGroupMetadata, Patience);
            producer.CommitTransaction(Patience);
        }

        Proxy.Count(FrameWay.Request, apiKey).Should().BeGreaterThanOrEqualTo(3);
        ReadCommitted("out").Should().Equal([.. Values(10), .. Values(10), .. Values(10)]);
        consumer.Committed([new TopicPartition("in", 0)], Patience).Single().Offset.Value.Should().Be(3);
    }

    [Fact]
    public async Task What_a_member_says_to_its_group_twice_it_has_said_once()
    {
        var member = new RawMember(Connect(), "g");
        static bool IsSaidTwice(PassingFrame frame) => frame.Way == FrameWay.Request && frame.ApiKey is SyncGroup or OffsetCommit or LeaveGroup;
        Proxy.Rule = frame => Task.FromResult(IsSaidTwice(frame) ? FrameFate.Twice : FrameFate.Pass);
        await member.JoinAsync();

        (await member.CommitAsync("in", 3)).Should().Be(ExactlyOnce.Kafka.Endpoint.KafkaError.None);
        (await member.LeaveAsync()).Should().Be(ExactlyOnce.Kafka.Endpoint.KafkaError.None);

        await EventuallyAsync(() => Proxy.Count(FrameWay.Answer, LeaveGroup) > 0, "it is answered");
        (await Broker.Admin.GetGroupOffsetsAsync("g", "in"))[new ExactlyOnce.TopicPartition("in", 0)].Offset.Should().Be(3);
        var heir = new RawMember(Connect(direct: true), "g");
        await heir.JoinAsync();
        heir.Generation.Should().Be(member.Generation + 2, "one generation without members, and one with the heir");
    }

    private static IEnumerable<string> Values(int count) => Enumerable.Range(0, count).Select(number => $"{number}");

    private static void Send(IProducer<Null, string> producer, int count)
    {
        var failures = new List<Error>();
        foreach (var value in Values(count))
            producer.Produce("out", new Message<Null, string> { Value = value }, report =>
            {
                if (report.Error.IsError)
                    failures.Add(report.Error);
            });
        producer.Flush(Patience).Should().Be(0);
        failures.Should().BeEmpty();
    }
}
