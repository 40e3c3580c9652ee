using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Transactions;
using static ExactlyOnce.Tests.Kernel.Transactions.LiveCoordinator;

namespace ExactlyOnce.Tests.Kernel.Transactions;

/// <summary>What Apply asserts (A6.7): a record that breaks a rule is broken code or a broken journal, and is never carried out.</summary>
public sealed class TransactionApplyTests
{
    private readonly LiveCoordinator _live = new();

    private EntryRecord Current => _live.State.TryGet("a")!.Current;

    [Fact]
    public void An_epoch_never_goes_back()
    {
        _live.Init("a", Local);
        _live.Init("a", Local);
        Refused(Current with { Identity = Current.Identity with { Epoch = 0 } });
        Refused(Current with { Identity = Current.Identity with { Epoch = 3 } });
    }

    [Fact]
    public void A_new_producer_id_starts_at_epoch_0_and_remembers_the_old_one()
    {
        _live.Init("a", Local);
        Refused(Current with { Identity = new ProducerIdentity(5, 1), PreviousId = 0 });
        Refused(Current with { Identity = new ProducerIdentity(5, 0) });
        _live.Apply(Current with { Identity = new ProducerIdentity(5, 0), PreviousId = 0 });
    }

    [Fact]
    public void Deciding_keeps_the_start_and_V1_keeps_the_epoch()
    {
        var identity = _live.Init("a", V1).Identity;
        _live.Enrol("a", identity, V1, nowMs: 5);
        var decided = EntryTransitions.Prepare(Current, commit: true, TransactionGeneration.V1, ProducerIdentity.NoId, 6);
        Refused(decided with { StartMs = 4 });
        Refused(decided with { Identity = identity with { Epoch = 1 } });
        Refused(decided with { Generation = TransactionGeneration.V2 });
        _live.Apply(decided);
        Refused(EntryTransitions.Complete(Current, 7) with { Identity = identity with { Epoch = 1 } });
        Refused(EntryTransitions.Complete(Current, 7) with { StartMs = EntryRecord.NoTime });
    }

    [Fact]
    public void Completing_at_the_last_epoch_goes_to_the_reserved_producer_id_only()
    {
        var identity = _live.Plant("a", 32766, Local);
        _live.Enrol("a", identity, Local);
        _live.End("a", identity, commit: true, Local, hold: true);
        var complete = EntryTransitions.Complete(Current, 1);
        Refused(complete with { Identity = new ProducerIdentity(99, 0) });
        Refused(complete with { PreviousId = 98 });
        _live.Apply(complete);
    }

    [Fact]
    public void Only_the_holder_is_enrolled_and_only_while_nothing_is_being_decided()
    {
        var identity = _live.Init("a", Local).Identity;
        Refused(new EnrolmentRecord("a", identity with { Epoch = 1 }, TransactionGeneration.V2, [P0], [], 1));
        Refused(new EnrolmentRecord("b", identity, TransactionGeneration.V2, [P0], [], 1));
        _live.Enrol("a", identity, Local);
        _live.End("a", identity, commit: true, Local, hold: true);
        Refused(new EnrolmentRecord("a", identity with { Epoch = 1 }, TransactionGeneration.V2, [P0], [], 1));
    }

    [Fact]
    public void Only_an_idle_id_is_removed_and_it_does_not_come_back_with_an_old_epoch()
    {
        var identity = _live.Init("a", Local).Identity;
        var first = Current;
        _live.Enrol("a", identity, Local);
        Refused(new EntryRemovedRecord("a", identity, 1));
        var next = _live.End("a", identity, commit: true, Local).Identity;
        Refused(new EntryRemovedRecord("a", identity, 1));
        _live.Apply(new EntryRemovedRecord("a", next, 1));
        Refused(first);
    }

    [Fact]
    public void A_named_producer_never_forgets_source_sequences_or_goes_back_in_epochs()
    {
        var identity = _live.Do(_live.State.DecideOpenNamed("n", "A", 0), 0).Identity;
        _live.Do(_live.State.DecideNamedAppend("n", identity, 7), 0);
        Refused(new NamedProducerRecord("n", identity, 6, "A", 0));
        _live.Do(_live.State.DecideOpenNamed("n", "B", 0), 0);
        Refused(new NamedProducerRecord("n", identity, 7, "A", 0));
    }

    [Fact]
    public void A_named_producer_at_the_last_epoch_gets_a_new_producer_id_and_keeps_its_sequence()
    {
        _live.Do(_live.State.AllocateProducerId(), 0);
        _live.Apply(new NamedProducerRecord("n", new ProducerIdentity(500, 32766), 41, "A", 0));

        var opened = _live.Do(_live.State.DecideOpenNamed("n", "B", 0), 0);

        opened.Identity.Epoch.Should().Be(0);
        opened.Identity.Id.Should().NotBe(500);
        opened.LastSourceSequence.Should().Be(41);
    }

    [Fact]
    public void Thousands_of_producer_ids_are_all_different_and_all_from_recorded_blocks()
    {
        var seen = new HashSet<long>();
        for (var i = 0; i < 2500; i++)
        {
            if (i == 1700)
                _live.Reload();
            var decision = _live.State.AllocateProducerId();
            foreach (var record in decision.Records)
                _live.Apply(record);
            seen.Add(decision.Identity.Id).Should().BeTrue();
            decision.Identity.Id.Should().BeLessThan(_live.State.NextBlockFirst);
        }
    }

    [Fact]
    public void A_block_that_was_decided_and_never_recorded_is_asked_for_again()
    {
        var dropped = _live.State.AllocateProducerId();
        var kept = _live.State.AllocateProducerId();

        dropped.Records.Should().ContainSingle();
        kept.Records.Should().ContainSingle("its block is not recorded yet");
        kept.Identity.Id.Should().NotBe(dropped.Identity.Id);
    }

    private void Refused(TransactionRecord record)
    {
        var before = Snapshot(_live.State);
        _live.State.Invoking(state => state.Apply(record)).Should().Throw<InvalidOperationException>();
        Snapshot(_live.State).Should().Equal(before);
    }
}
