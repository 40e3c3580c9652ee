using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Tests.Engine.Semantics;
using static ExactlyOnce.Tests.Engine.Wire.WireBroker;

namespace ExactlyOnce.Tests.Engine.Wire;

/// <summary>What network producers do inside transactions of both generations (wire.md 9.2, 9.4, 9.6).</summary>
public sealed class WireTransactionTests
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan s_millisecond = TimeSpan.FromMilliseconds(1);

    // Adding partitions

    [Fact]
    public void Partitions_are_added_all_or_not_at_all()
    {
        var broker = Open();
        var producer = new WireProducer(broker).Ready();

        producer.Add(First, Missing, Second).Should().Equal(ErrorCode.OperationNotAttempted, ErrorCode.UnknownTopicOrPartition, ErrorCode.OperationNotAttempted);

        producer.Send(First, "a").Should().Be(ErrorCode.TransactionAbortable, "nothing was added");
        producer.Add(First, Second).Should().Equal(ErrorCode.None, ErrorCode.None);
        producer.Add(Second, First).Should().Equal(ErrorCode.None, ErrorCode.None);
        producer.Send(First, "a").Should().Be(ErrorCode.None);
    }

    [Theory]
    [InlineData(0, 1, ErrorCode.ProducerFenced)]
    [InlineData(0, -1, ErrorCode.ProducerFenced)]
    [InlineData(1, 0, ErrorCode.InvalidProducerIdMapping)]
    public void Only_the_holder_adds_partitions_and_offsets(int idApart, int epochApart, ErrorCode expected)
    {
        var broker = Open();
        new WireProducer(broker).Ready();
        var holder = new WireProducer(broker).Ready();
        var other = new WireProducer(broker) { Identity = new ProducerIdentity(holder.Identity.Id + idApart, (short)(holder.Identity.Epoch + epochApart)) };

        other.Add(First, Second).Should().Equal(expected, expected);
        other.AddOffsets("g").Should().Be(expected);
        new WireProducer(broker, "nobody") { Identity = holder.Identity }.Add(First).Should().Equal(ErrorCode.InvalidProducerIdMapping);
    }

    [Fact]
    public void Old_versions_hear_the_words_they_know()
    {
        WireErrors.BeforeProducerFenced(ErrorCode.ProducerFenced).Should().Be(ErrorCode.InvalidProducerEpoch);
        WireErrors.BeforeProducerFenced(ErrorCode.InvalidProducerIdMapping).Should().Be(ErrorCode.InvalidProducerIdMapping);
        WireErrors.BeforeTransactionAbortable(ErrorCode.TransactionAbortable).Should().Be(ErrorCode.InvalidTransactionState);
        WireErrors.BeforeTransactionAbortable(ErrorCode.None).Should().Be(ErrorCode.None);
    }

    [Theory]
    [InlineData(Place.Memory, true)]
    [InlineData(Place.Folder, true)]
    [InlineData(Place.Folder, false)]
    public void A_partition_that_was_added_stays_part_of_the_transaction_when_the_broker_is_opened_again(Place place, bool isClean)
    {
        var broker = Open(place);
        var producer = new WireProducer(() => broker, "checkout", WireGeneration.V1).Ready();
        producer.Add(First, Second).Should().OnlyContain(error => error == ErrorCode.None);
        producer.Send(First, "a").Should().Be(ErrorCode.None);

        if (place == Place.Folder)
            broker = isClean ? broker.Reopen() : broker.Revive();

        broker.Offsets(First).LastStable.Should().Be(0, "the transaction is still open");
        producer.Append(First, "a", sequence: 0).IsDuplicate.Should().BeTrue("the client sends again what it has no answer for");
        producer.Send(Second, "b").Should().Be(ErrorCode.None);
        producer.End(commit: true).Error.Should().Be(ErrorCode.None);
        broker.Read().Should().BeEquivalentTo("a", "b");
    }

    // Writing

    [Fact]
    public void Generation_1_may_write_only_where_it_added_the_partition()
    {
        var broker = Open();
        var producer = new WireProducer(broker).Ready();
        producer.Add(First).Should().Equal(ErrorCode.None);

        producer.Send(First, "a").Should().Be(ErrorCode.None);
        producer.Send(Second, "b").Should().Be(ErrorCode.TransactionAbortable);
        producer.End(commit: true).Error.Should().Be(ErrorCode.None);
        producer.Send(First, "c").Should().Be(ErrorCode.TransactionAbortable, "an addition ends with its transaction");
        new WireProducer(broker, "nobody") { Identity = new ProducerIdentity(99, 0) }.Send(First, "x").Should().Be(ErrorCode.InvalidProducerIdMapping);
        broker.Read().Should().Equal("a");
    }

    [Fact]
    public void Generation_2_adds_what_it_writes_to()
    {
        var broker = Open();
        var producer = new WireProducer(broker, generation: WireGeneration.V2).Ready();

        producer.Send(First, "a").Should().Be(ErrorCode.None);
        producer.Send(Second, "b").Should().Be(ErrorCode.None);
        broker.Read().Should().BeEmpty();
        producer.End(commit: true).Error.Should().Be(ErrorCode.None);
        broker.Read().Should().BeEquivalentTo("a", "b");
        new WireProducer(broker, "nobody", WireGeneration.V2) { Identity = new ProducerIdentity(99, 0) }.Send(First, "x").Should().Be(ErrorCode.InvalidProducerIdMapping);
    }

    [Theory]
    [InlineData(WireGeneration.V1, ErrorCode.None)]
    [InlineData(WireGeneration.V2, ErrorCode.OutOfOrderSequence)]
    public void A_producer_that_the_partition_has_forgotten_goes_on_counting_only_where_its_generation_does(object generation, ErrorCode expected)
    {
        var broker = Open();
        new WireProducer(broker, null).Ready().Send(First, "something else", isTransactional: false).Should().Be(ErrorCode.None);
        var producer = new WireProducer(broker, generation: (WireGeneration)generation).Ready();
        if ((WireGeneration)generation == WireGeneration.V1)
            producer.Add(First).Should().Equal(ErrorCode.None);

        producer.Send(First, "a", sequence: 17).Should().Be(expected);
    }

    [Theory]
    [InlineData(WireGeneration.V1)]
    [InlineData(WireGeneration.V2)]
    public void A_batch_is_taken_once_in_its_order_and_inside_the_transaction(object generation)
    {
        var broker = Open();
        var producer = new WireProducer(broker, generation: (WireGeneration)generation).Ready();
        producer.SendIn(First, "a").Should().Be(ErrorCode.None);
        producer.Send(First, "b").Should().Be(ErrorCode.None);

        producer.Append(First, "b", sequence: 1).Should().Match<ExactlyOnce.Clients.Producing.AppendOutcome>(outcome => outcome.IsDuplicate && outcome.BaseOffset == 1);
        producer.Send(First, "d", sequence: 3).Should().Be(ErrorCode.OutOfOrderSequence);
        producer.Send(First, "c", isTransactional: false).Should().Be(ErrorCode.InvalidTransactionState, "it would slip out of the transaction");
        producer.End(commit: true).Error.Should().Be(ErrorCode.None);
        broker.Read().Should().Equal("a", "b");
    }

    [Fact]
    public void A_batch_without_a_transaction_is_refused_where_its_producer_has_added_the_partition_and_not_written_yet()
    {
        var producer = new WireProducer(Open()).Ready();
        producer.Add(First).Should().Equal(ErrorCode.None);

        producer.Send(First, "c", isTransactional: false).Should().Be(ErrorCode.InvalidTransactionState);
    }

    [Theory]
    [InlineData(WireGeneration.V1)]
    [InlineData(WireGeneration.V2)]
    public void A_producer_with_an_older_epoch_is_told_so_also_where_nobody_has_written_with_the_new_one(object generation)
    {
        var broker = Open();
        var zombie = new WireProducer(broker, generation: (WireGeneration)generation).Ready();
        var successor = new WireProducer(broker, generation: (WireGeneration)generation).Ready();

        zombie.Send(First, "late").Should().Be(ErrorCode.InvalidProducerEpoch);

        successor.SendIn(First, "a").Should().Be(ErrorCode.None);
        zombie.Send(First, "late").Should().Be(ErrorCode.InvalidProducerEpoch);
        successor.End(commit: true).Error.Should().Be(ErrorCode.None);
        broker.Read().Should().Equal("a");
    }

    // Time

    [Theory]
    [InlineData(WireGeneration.V1, Place.Memory)]
    [InlineData(WireGeneration.V2, Place.Memory)]
    [InlineData(WireGeneration.V1, Place.Folder)]
    [InlineData(WireGeneration.V2, Place.Folder)]
    public void A_transaction_that_is_too_old_is_aborted_and_its_producer_fenced(object generation, Place place)
    {
        var broker = Open(place);
        var isFirst = (WireGeneration)generation == WireGeneration.V1;
        var slow = new WireProducer(broker, generation: (WireGeneration)generation).Ready((int)s_timeout.TotalMilliseconds);
        slow.SendIn(First, "lost").Should().Be(ErrorCode.None);

        broker.Pass(s_timeout);
        broker.Offsets(First).LastStable.Should().Be(0, "it may be as old as its timeout");
        broker.Pass(s_millisecond);

        broker.Offsets(First).LastStable.Should().Be(2);
        slow.Send(First, "late").Should().Be(ErrorCode.InvalidProducerEpoch);
        slow.End(commit: true).Error.Should().Be(ErrorCode.ProducerFenced);
        if (isFirst)
            slow.Add(Second).Should().Equal(ErrorCode.ProducerFenced);
        var aborted = slow.End(commit: false);
        aborted.Error.Should().Be(isFirst ? ErrorCode.ProducerFenced : ErrorCode.None, "generation 2 learns its next epoch by aborting");
        if (isFirst)
            slow.Init(slow.Identity).Error.Should().Be(ErrorCode.None);
        slow.SendIn(First, "next").Should().Be(ErrorCode.None);
        slow.End(commit: true).Error.Should().Be(ErrorCode.None);
        broker.Read().Should().Equal("next");
    }

    [Fact]
    public void A_transaction_that_only_added_partitions_times_out_too()
    {
        var broker = Open();
        var producer = new WireProducer(broker).Ready((int)s_timeout.TotalMilliseconds);
        producer.Add(First).Should().Equal(ErrorCode.None);

        broker.Pass(s_timeout + s_millisecond);

        producer.Send(First, "late").Should().Be(ErrorCode.InvalidProducerEpoch);
        broker.Run(() => broker.Wire.DescribeTransactionsAsync(["checkout"])).Single()!.State.Should().Be("CompleteAbort");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_age_of_a_transaction_counts_on_while_the_broker_is_down(bool isClean)
    {
        var broker = Open(Place.Folder);
        var producer = new WireProducer(() => broker, "checkout", WireGeneration.V1).Ready((int)s_timeout.TotalMilliseconds);
        producer.SendIn(First, "lost").Should().Be(ErrorCode.None);
        broker.Pass(s_timeout / 2);

        broker = isClean ? broker.Reopen() : broker.Revive();
        broker.Pass(s_timeout / 2 + s_millisecond);

        broker.Offsets(First).LastStable.Should().Be(broker.Offsets(First).HighWatermark);
        producer.End(commit: true).Error.Should().Be(ErrorCode.ProducerFenced);
        broker.Read().Should().BeEmpty();
    }

    // One id, several clients

    [Theory]
    [InlineData(Place.Memory)]
    [InlineData(Place.Folder)]
    public void One_transactional_id_changes_between_the_generations_and_our_own_client(Place place)
    {
        var broker = Open(place);
        var first = new WireProducer(broker).Ready();
        first.SendIn(First, "v1").Should().Be(ErrorCode.None);
        first.End(commit: true).Error.Should().Be(ErrorCode.None);

        var second = first.As(WireGeneration.V2);
        second.Init(first.Identity).Error.Should().Be(ErrorCode.None);
        second.SendIn(First, "v2").Should().Be(ErrorCode.None);
        second.End(commit: true).Error.Should().Be(ErrorCode.None);

        broker.Environment.Run(async () =>
        {
            await using var own = await broker.Broker.CreateTransactionalProducerAsync("checkout");
            await own.InTransactionAsync((transaction, ct) => transaction.SendAsync(TestBroker.Orders, "k", "own", ct).AsTask());
        });
        second.Send(First, "late").Should().Be(ErrorCode.InvalidProducerEpoch);
        second.End(commit: true).Error.Should().Be(ErrorCode.ProducerFenced);

        var third = new WireProducer(broker).Ready();
        third.SendIn(First, "v1 again").Should().Be(ErrorCode.None);
        third.End(commit: true).Error.Should().Be(ErrorCode.None);
        broker.Read().Should().BeEquivalentTo("v1", "v2", "own", "v1 again");
    }

    [Fact]
    public void A_client_that_changes_its_generation_without_asking_is_served_by_the_one_it_speaks()
    {
        var broker = Open();
        var producer = new WireProducer(broker).Ready();
        producer.SendIn(First, "a").Should().Be(ErrorCode.None);
        producer.End(commit: true).Error.Should().Be(ErrorCode.None);
        var newer = producer.As(WireGeneration.V2);

        newer.Send(Second, "b").Should().Be(ErrorCode.None);
        newer.End(commit: true).Identity.Should().Be(producer.Identity with { Epoch = 1 });
        producer.Send(First, "late").Should().Be(ErrorCode.InvalidProducerEpoch);
        var older = newer.As(WireGeneration.V1);
        older.SendIn(First, "c").Should().Be(ErrorCode.None);
        older.End(commit: true).Identity.Should().Be(newer.Identity);

        broker.Read().Should().BeEquivalentTo("a", "b", "c");
    }

    [Fact]
    public void Our_own_client_takes_over_the_open_transaction_of_a_network_client_and_the_other_way_round()
    {
        var broker = Open();
        var remote = new WireProducer(broker).Ready();
        remote.SendIn(First, "remote").Should().Be(ErrorCode.None);

        broker.Environment.Run(async () =>
        {
            await using var own = await broker.Broker.CreateTransactionalProducerAsync("checkout");
            remote.End(commit: true).Error.Should().Be(ErrorCode.ProducerFenced);
            var open = await own.BeginTransactionAsync();
            await open.SendAsync(TestBroker.Orders, "k", "own");
            new WireProducer(broker).Init().Error.Should().Be(ErrorCode.None);
            await FluentActions.Awaiting(async () => await open.CommitAsync()).Should().ThrowAsync<ProducerFencedException>();
        });

        broker.Read().Should().BeEmpty();
    }

    [Fact]
    public void A_topic_that_is_deleted_drops_out_of_the_transaction_and_the_rest_commits()
    {
        var broker = Open();
        var producer = new WireProducer(broker).Ready();
        producer.Add(First, new TopicPartition("invoices", 0)).Should().OnlyContain(error => error == ErrorCode.None);
        producer.Send(First, "kept").Should().Be(ErrorCode.None);
        producer.Send(new TopicPartition("invoices", 0), "gone").Should().Be(ErrorCode.None);

        broker.DeleteTopic("invoices");

        producer.End(commit: true).Error.Should().Be(ErrorCode.None);
        broker.Read().Should().Equal("kept");
    }
}
