using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Tests.Engine.Semantics;
using static ExactlyOnce.Tests.Engine.Wire.WireBroker;

namespace ExactlyOnce.Tests.Engine.Wire;

/// <summary>EndTxn, row by row of the protocol's table (wire.md 9.5), before and after the broker was opened again.</summary>
public sealed class EndTransactionTests
{
    public enum Stand
    {
        Empty,
        Ongoing,
        Committed,
        Aborted,
    }

    [Theory]
    [InlineData(WireGeneration.V1)]
    [InlineData(WireGeneration.V2)]
    public void An_unknown_id_is_told_so(object generation)
    {
        var producer = new WireProducer(Open(), "nobody", (WireGeneration)generation) { Identity = new ProducerIdentity(1, 0) };

        producer.End(commit: true).Error.Should().Be(ErrorCode.InvalidProducerIdMapping);
        producer.End(commit: false).Error.Should().Be(ErrorCode.InvalidProducerIdMapping);
    }

    [Theory]
    [InlineData(WireGeneration.V1, 1, 0, ErrorCode.InvalidProducerIdMapping)]
    [InlineData(WireGeneration.V2, 1, 0, ErrorCode.InvalidProducerIdMapping)]
    [InlineData(WireGeneration.V1, 0, 1, ErrorCode.ProducerFenced)]
    [InlineData(WireGeneration.V2, 0, 1, ErrorCode.ProducerFenced)]
    [InlineData(WireGeneration.V1, 0, -1, ErrorCode.ProducerFenced)]
    [InlineData(WireGeneration.V2, 0, -1, ErrorCode.ProducerFenced)]
    public void Only_the_holder_ends_an_open_transaction(object generation, int idApart, int epochApart, ErrorCode expected)
    {
        var broker = Open();
        new WireProducer(broker).Ready();
        var holder = new WireProducer(broker, generation: (WireGeneration)generation).Ready();
        holder.SendIn(First, "a").Should().Be(ErrorCode.None);
        var other = new WireProducer(broker, generation: (WireGeneration)generation)
        {
            Identity = new ProducerIdentity(holder.Identity.Id + idApart, (short)(holder.Identity.Epoch + epochApart)),
        };

        other.End(commit: true).Error.Should().Be(expected);
        other.End(commit: false).Error.Should().Be(expected);
        holder.End(commit: true).Error.Should().Be(ErrorCode.None);
    }

    // Epoch 0: the client's own, which it held when it sent the call; -1: the one before, as in a call that is sent again.
    [Theory]
    [InlineData(Stand.Ongoing, 1, 0, true, ErrorCode.None)]
    [InlineData(Stand.Ongoing, 1, 0, false, ErrorCode.None)]
    [InlineData(Stand.Committed, 1, 0, true, ErrorCode.None)]
    [InlineData(Stand.Committed, 1, 0, false, ErrorCode.InvalidTransactionState)]
    [InlineData(Stand.Aborted, 1, 0, true, ErrorCode.InvalidTransactionState)]
    [InlineData(Stand.Aborted, 1, 0, false, ErrorCode.None)]
    [InlineData(Stand.Empty, 1, 0, true, ErrorCode.InvalidTransactionState)]
    [InlineData(Stand.Empty, 1, 0, false, ErrorCode.InvalidTransactionState)]
    [InlineData(Stand.Ongoing, 2, 0, true, ErrorCode.None)]
    [InlineData(Stand.Ongoing, 2, 0, false, ErrorCode.None)]
    [InlineData(Stand.Empty, 2, 0, true, ErrorCode.InvalidTransactionState)]
    [InlineData(Stand.Empty, 2, 0, false, ErrorCode.None)]
    [InlineData(Stand.Empty, 2, -1, true, ErrorCode.ProducerFenced)]
    [InlineData(Stand.Empty, 2, -1, false, ErrorCode.ProducerFenced)]
    [InlineData(Stand.Committed, 2, -1, true, ErrorCode.None)]
    [InlineData(Stand.Committed, 2, -1, false, ErrorCode.InvalidTransactionState)]
    [InlineData(Stand.Committed, 2, 0, true, ErrorCode.InvalidTransactionState)]
    [InlineData(Stand.Committed, 2, 0, false, ErrorCode.None)]
    // A commit that meets an abort can only be one that the broker aborted before: fenced, from which a client recovers (KAFKA-20785), where Kafka said 48.
    [InlineData(Stand.Aborted, 2, -1, true, ErrorCode.ProducerFenced)]
    [InlineData(Stand.Aborted, 2, -1, false, ErrorCode.None)]
    [InlineData(Stand.Aborted, 2, 0, true, ErrorCode.InvalidTransactionState)]
    [InlineData(Stand.Aborted, 2, 0, false, ErrorCode.None)]
    public void The_answer_follows_the_table_in_this_run_and_in_the_next(Stand stand, int generation, int epochApart, bool commit, ErrorCode expected)
    {
        foreach (var run in new Func<WireBroker, WireBroker>[] { same => same, broker => broker.Reopen(), broker => broker.Revive() })
        {
            var broker = Open(Place.Folder);
            var producer = new WireProducer(() => broker, "checkout", (WireGeneration)generation);
            Bring(producer, stand);
            var held = producer.Identity;
            broker = run(broker);
            producer.Identity = held with { Epoch = (short)(held.Epoch + epochApart) };

            var answer = producer.End(commit);

            answer.Error.Should().Be(expected);
            if (expected == ErrorCode.None)
                answer.Identity.Should().Be(Expected(stand, generation, epochApart, held));
            if (stand == Stand.Ongoing)
                broker.Read().Should().Equal(commit ? ["a"] : []);
        }
    }

    // Generation 1 keeps the epoch; 2 bumps it with every end, also with the end of nothing, and answers a call that it has answered before with what it said
    // then.
    private static ProducerIdentity Expected(Stand stand, int generation, int epochApart, ProducerIdentity held) =>
        generation == 1 || epochApart < 0 ? held : held with { Epoch = (short)(held.Epoch + 1) };

    private static void Bring(WireProducer producer, Stand stand)
    {
        producer.Ready();
        producer.Ready();
        if (stand == Stand.Empty)
            return;
        producer.SendIn(First, "a").Should().Be(ErrorCode.None);
        if (stand != Stand.Ongoing)
            producer.End(stand == Stand.Committed).Error.Should().Be(ErrorCode.None);
    }

    [Theory]
    [InlineData(Place.Memory)]
    [InlineData(Place.Folder)]
    public void Generation_1_counts_on_from_transaction_to_transaction(Place place)
    {
        var broker = Open(place);
        var producer = new WireProducer(broker).Ready();
        var identity = producer.Identity;

        foreach (var (value, commit) in new[] { ("a", true), ("b", false), ("c", true) })
        {
            producer.SendIn(First, value).Should().Be(ErrorCode.None);
            producer.End(commit).Identity.Should().Be(identity);
        }

        broker.Read().Should().Equal("a", "c");
        producer.Append(First, "c", sequence: 2).IsDuplicate.Should().BeTrue("its sequences went on: 0, 1, 2");
    }

    [Theory]
    [InlineData(Place.Memory)]
    [InlineData(Place.Folder)]
    public void Generation_2_counts_anew_in_every_transaction_and_a_straggler_of_the_last_one_is_fenced(Place place)
    {
        var broker = Open(place);
        var producer = new WireProducer(broker, generation: WireGeneration.V2).Ready();
        var straggler = new WireProducer(broker, generation: WireGeneration.V2) { Identity = producer.Identity };

        foreach (var (value, commit) in new[] { ("a", true), ("b", false), ("c", true) })
        {
            producer.Send(First, value, sequence: 0).Should().Be(ErrorCode.None);
            producer.End(commit).Error.Should().Be(ErrorCode.None);
        }

        producer.Identity.Epoch.Should().Be(3);
        straggler.Send(First, "late", sequence: 1).Should().Be(ErrorCode.InvalidProducerEpoch);
        broker.Read().Should().Equal("a", "c");
    }

    [Fact]
    public void Generation_2_takes_a_new_producer_id_when_the_epochs_are_used_up_and_knows_the_old_one_in_a_retry()
    {
        var broker = Open();
        var producer = new WireProducer(broker, generation: WireGeneration.V2).Ready();
        while (producer.Identity.Epoch < ProducerIdentity.LastClientEpoch)
            producer.Ready();
        var last = producer.Identity;
        producer.Send(First, "a").Should().Be(ErrorCode.None);

        var next = producer.End(commit: true).Identity;
        producer.Identity = last;
        var retried = producer.End(commit: true);

        next.Should().Match<ProducerIdentity>(identity => identity.Epoch == 0 && identity.Id != last.Id);
        retried.Error.Should().Be(ErrorCode.None);
        retried.Identity.Should().Be(next);
        producer.Send(First, "b").Should().Be(ErrorCode.None);
        broker.Read().Should().Equal("a");
    }

    [Fact]
    public void A_commit_is_seen_in_all_its_partitions_or_in_none_whenever_the_power_fails()
    {
        var broker = Open(Place.Folder);
        var producer = new WireProducer(broker).Ready();
        producer.Add(First, Second, new TopicPartition("invoices", 0)).Should().OnlyContain(error => error == ErrorCode.None);
        producer.Send(First, "a").Should().Be(ErrorCode.None);
        producer.Send(Second, "b").Should().Be(ErrorCode.None);
        producer.End(commit: true).Error.Should().Be(ErrorCode.None);

        var revived = broker.Revive();

        revived.Read().Should().BeEquivalentTo("a", "b");
        revived.Offsets(new TopicPartition("invoices", 0)).HighWatermark.Should().Be(1, "a partition that was added and never written gets its marker too");
    }
}
