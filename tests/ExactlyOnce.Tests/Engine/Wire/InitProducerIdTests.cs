using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Tests.Engine.Semantics;
using static ExactlyOnce.Tests.Engine.Wire.WireBroker;

namespace ExactlyOnce.Tests.Engine.Wire;

/// <summary>InitProducerId, row by row of the protocol's table (wire.md 9.3).</summary>
public sealed class InitProducerIdTests
{
    private readonly WireBroker _broker = Open();

    [Fact]
    public void Without_a_transactional_id_every_call_gives_a_new_producer_id_whatever_it_brings()
    {
        var first = Init(null);
        var second = Init(null, held: new ProducerIdentity(first.Identity.Id, 0));

        first.Error.Should().Be(ErrorCode.None);
        first.Identity.Epoch.Should().Be(0);
        second.Identity.Should().Be(new ProducerIdentity(first.Identity.Id + 1, 0));
    }

    [Fact]
    public void An_empty_transactional_id_is_no_id() => Init("").Error.Should().Be(ErrorCode.InvalidRequest);

    [Theory]
    [InlineData(-1L, (short)3)]
    [InlineData(3L, (short)-1)]
    public void Half_an_identity_is_refused(long id, short epoch) =>
        Init("t", held: new ProducerIdentity(id, epoch)).Error.Should().Be(ErrorCode.InvalidRequest);

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(900_001)]
    public void A_timeout_that_no_transaction_may_have_is_refused(int timeoutMs) =>
        Init("t", timeoutMs: timeoutMs).Error.Should().Be(ErrorCode.InvalidTransactionTimeout);

    [Fact]
    public void An_unknown_id_is_created_also_for_who_brings_an_identity()
    {
        Init("t", timeoutMs: 900_000).Identity.Epoch.Should().Be(0);
        var brought = Init("u", held: new ProducerIdentity(4711, 5));

        brought.Error.Should().Be(ErrorCode.None);
        brought.Identity.Epoch.Should().Be(0);
        brought.Identity.Id.Should().NotBe(4711);
    }

    [Theory]
    [InlineData(null)]
    [InlineData(true)]
    [InlineData(false)]
    public void A_new_instance_of_an_idle_id_gets_the_next_epoch(bool? ended)
    {
        var producer = new WireProducer(_broker).Ready();
        if (ended is { } commit)
        {
            producer.SendIn(First, "a").Should().Be(ErrorCode.None);
            producer.End(commit).Error.Should().Be(ErrorCode.None);
        }

        Init("checkout").Identity.Should().Be(producer.Identity with { Epoch = (short)(producer.Identity.Epoch + 1) });
    }

    [Fact]
    public void Who_holds_the_current_epoch_gets_the_next_one_and_a_retry_of_that_gets_it_again()
    {
        var held = Init("t").Identity;

        var bumped = Init("t", held).Identity;
        var retried = Init("t", held);

        bumped.Should().Be(held with { Epoch = 1 });
        retried.Error.Should().Be(ErrorCode.None);
        retried.Identity.Should().Be(bumped);
    }

    [Fact]
    public void An_older_epoch_and_another_producer_id_are_fenced()
    {
        var held = Init("t").Identity;
        Init("t");
        Init("t");

        Init("t", held).Error.Should().Be(ErrorCode.ProducerFenced);
        Init("t", held with { Id = held.Id + 1000, Epoch = 2 }).Error.Should().Be(ErrorCode.ProducerFenced);
        Init("t", held).Identity.IsNone.Should().BeTrue();
    }

    [Fact]
    public void The_last_epoch_gives_way_to_a_new_producer_id()
    {
        var identity = Init("t").Identity;
        while (identity.Epoch < ProducerIdentity.LastClientEpoch)
            identity = Init("t").Identity;

        var next = Init("t").Identity;

        next.Epoch.Should().Be(0);
        next.Id.Should().NotBe(identity.Id);
    }

    [Fact]
    public void Taking_over_an_open_transaction_aborts_it_at_once_and_fences_its_producer()
    {
        var zombie = new WireProducer(_broker).Ready();
        zombie.SendIn(First, "lost").Should().Be(ErrorCode.None);

        var taken = Init("checkout");

        taken.Error.Should().Be(ErrorCode.None);
        taken.Identity.Should().Be(zombie.Identity with { Epoch = 2 }, "one epoch fenced the old producer, the next one is the new one's");
        _broker.Offsets(First).LastStable.Should().Be(_broker.Offsets(First).HighWatermark);
        zombie.Send(First, "late").Should().Be(ErrorCode.InvalidProducerEpoch);
        zombie.End(commit: true).Error.Should().Be(ErrorCode.ProducerFenced);
        _broker.Read().Should().BeEmpty();
    }

    [Fact]
    public void A_zombie_cannot_end_the_open_transaction_of_its_successor_by_asking_for_an_epoch()
    {
        var zombie = new WireProducer(_broker).Ready();
        var successor = new WireProducer(_broker).Ready();
        successor.SendIn(First, "kept").Should().Be(ErrorCode.None);

        zombie.Init(zombie.Identity).Error.Should().Be(ErrorCode.ProducerFenced);

        successor.End(commit: true).Error.Should().Be(ErrorCode.None);
        _broker.Read().Should().Equal("kept");
    }

    [Fact]
    public void The_timeout_of_the_new_session_replaces_the_old_one()
    {
        new WireProducer(_broker).Ready(timeoutMs: 10_000);
        var second = new WireProducer(_broker).Ready(timeoutMs: 50_000);
        second.SendIn(First, "a").Should().Be(ErrorCode.None);

        _broker.Pass(TimeSpan.FromSeconds(40));

        second.End(commit: true).Error.Should().Be(ErrorCode.None);
        _broker.Read().Should().Equal("a");
    }

    [Fact]
    public void A_prepared_transaction_is_told_as_one_that_is_still_being_completed()
    {
        var engine = _broker.Backend.Engine;
        var session = _broker.Environment.Run(() => _broker.Backend.InitProducerAsync(new() { TransactionalId = "t" }, CancellationToken.None).AsTask());
        _broker.Environment.Run(() => _broker.Backend.PrepareTransactionAsync(session, []).AsTask());

        Init("t").Error.Should().Be(ErrorCode.ConcurrentTransactions);
        engine.State.Transactions.TryGet("t")!.State.Should().Be(ExactlyOnce.Kernel.Transactions.TransactionState.Prepared);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_was_handed_out_is_known_after_the_broker_was_opened_again(bool isClean)
    {
        var broker = Open(Place.Folder);
        var held = new WireProducer(broker).Ready();
        held.Init(held.Identity).Identity.Epoch.Should().Be(1);

        broker = isClean ? broker.Reopen() : broker.Revive();
        var reconnected = new WireProducer(broker) { Identity = held.Identity with { Epoch = 0 } };

        reconnected.Init(held.Identity with { Epoch = 0 }).Identity.Should().Be(held.Identity, "the answer to the same call was lost");
        new WireProducer(broker).Init().Identity.Epoch.Should().Be(2);
    }

    private ProducerAnswer Init(string? id, ProducerIdentity? held = null, int timeoutMs = 60_000) => new WireProducer(_broker, id).Init(held, timeoutMs);
}
