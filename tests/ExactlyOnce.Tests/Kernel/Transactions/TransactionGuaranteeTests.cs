using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Transactions;
using static ExactlyOnce.Tests.Kernel.Transactions.LiveCoordinator;

namespace ExactlyOnce.Tests.Kernel.Transactions;

/// <summary>The guarantees A26 numbers 17 to 22 and 39, one by one; the cells of number 16 are in <see cref="TransactionTableTests"/>.</summary>
public sealed class TransactionGuaranteeTests
{
    private readonly LiveCoordinator _live = new();

    [Fact]
    public void A_retried_EndTxn_waits_while_the_end_is_under_way_and_then_gets_the_same_answer()
    {
        var identity = _live.Init("a", V2).Identity;
        _live.Enrol("a", identity, V2);
        var first = _live.End("a", identity, commit: true, V2, hold: true);
        _live.End("a", identity, commit: true, V2).Verdict.Should().Be(TransactionVerdict.ConcurrentTransactions);
        _live.Complete("a", 1);

        var retried = _live.End("a", identity, commit: true, V2);

        retried.Verdict.Should().Be(TransactionVerdict.None);
        retried.Identity.Should().Be(first.Identity);
        _live.Markers.Should().ContainSingle();
    }

    [Fact]
    public void A_delayed_EndTxn_of_one_transaction_cannot_end_the_next_under_V2()
    {
        var first = _live.Init("a", V2).Identity;
        _live.Enrol("a", first, V2);
        var second = _live.End("a", first, commit: true, V2).Identity;
        _live.Enrol("a", second, V2);

        _live.End("a", first, commit: false, V2).Verdict.Should().Be(TransactionVerdict.ProducerFenced);

        _live.State.TryGet("a")!.State.Should().Be(TransactionState.Ongoing);
    }

    [Fact]
    public void A_delayed_EndTxn_of_V1_ends_the_next_transaction_which_is_why_V2_bumps()
    {
        var identity = _live.Init("a", V1).Identity;
        _live.Enrol("a", identity, V1);
        _live.End("a", identity, commit: true, V1);
        _live.Enrol("a", identity, V1);

        _live.End("a", identity, commit: false, V1).Verdict.Should().Be(TransactionVerdict.None);

        _live.State.Outcome("a", identity).Outcome.Should().Be(TransactionOutcome.Aborted);
    }

    [Fact]
    public void The_last_epoch_is_followed_by_a_new_producer_id_and_the_retry_gets_it_too()
    {
        var identity = _live.Plant("a", 32765, V2);
        _live.Enrol("a", identity, V2);
        identity = _live.End("a", identity, commit: true, V2).Identity;
        identity.Epoch.Should().Be(32766);
        _live.Enrol("a", identity, V2);

        var rotated = _live.End("a", identity, commit: true, V2);
        var retried = _live.End("a", identity, commit: true, V2);

        rotated.Identity.Epoch.Should().Be(0);
        rotated.Identity.Id.Should().NotBe(identity.Id);
        rotated.Markers!.Identity.Should().Be(identity with { Epoch = 32767 });
        retried.Identity.Should().Be(rotated.Identity);
        _live.State.TryGet("a")!.Identity.Should().Be(rotated.Identity);
    }

    [Fact]
    public void InitProducerId_of_a_new_instance_aborts_the_open_transaction_and_fences_its_producer()
    {
        var old = _live.Init("a", Local).Identity;
        _live.Enrol("a", old, Local);

        var taken = _live.Init("a", TransactionClient.InProcess("B"), nowMs: 9);

        taken.Identity.Should().Be(new ProducerIdentity(old.Id, 2));
        taken.Markers.Should().BeEquivalentTo(new { Commit = false, Identity = old with { Epoch = 1 }, Partitions = new[] { P0 } });
        taken.LastOutcome.Should().Be(_live.State.Outcome("a", old));
        var refused = _live.End("a", old, commit: true, Local);
        refused.Verdict.Should().Be(TransactionVerdict.ProducerFenced);
        refused.Refusal!.Outcome.Should().BeEquivalentTo(new { Outcome = TransactionOutcome.Fenced, AtMs = 9L, By = "B" });
    }

    [Fact]
    public void InitProducerId_waits_while_a_transaction_is_being_ended()
    {
        var identity = _live.Init("a", V2).Identity;
        _live.Enrol("a", identity, V2);
        _live.End("a", identity, commit: true, V2, hold: true);
        _live.Init("a", V2).Verdict.Should().Be(TransactionVerdict.ConcurrentTransactions);
        _live.Init("a", V2, expected: identity).Verdict.Should().Be(TransactionVerdict.ConcurrentTransactions);

        _live.Complete("a", 1);

        _live.Init("a", V2).Identity.Should().Be(identity with { Epoch = 2 });
    }

    [Fact]
    public void Of_two_instances_that_race_for_an_id_exactly_one_can_write()
    {
        var first = _live.Init("a", V2).Identity;
        var second = _live.Init("a", V2).Identity;

        _live.Enrol("a", first, V2).Verdict.Should().Be(TransactionVerdict.InvalidProducerEpoch);
        _live.Enrol("a", second, V2).Verdict.Should().Be(TransactionVerdict.None);
        _live.Init("a", V2, expected: first).Verdict.Should().Be(TransactionVerdict.ProducerFenced);
        _live.State.TryGet("a")!.State.Should().Be(TransactionState.Ongoing, "the loser did not abort the winner's transaction");
    }

    [Fact]
    public void A_retried_InitProducerId_with_its_expectation_gets_the_same_epoch_also_after_a_restart()
    {
        var identity = _live.Init("a", V2).Identity;
        var bumped = _live.Init("a", V2, expected: identity).Identity;
        bumped.Epoch.Should().Be(1);
        _live.Init("a", V2, expected: identity).Identity.Should().Be(bumped);

        _live.Reload();

        _live.Init("a", V2, expected: identity).Identity.Should().Be(bumped);
    }

    [Fact]
    public void A_transaction_times_out_one_millisecond_after_its_timeout_and_not_before()
    {
        var identity = _live.Init("a", Local, timeoutMs: 1000).Identity;
        _live.Enrol("a", identity, Local, nowMs: 50);

        _live.State.EarliestDeadlineMs().Should().Be(1050);
        _live.State.DecideTimeouts(1049).Should().BeEmpty();
        _live.State.DecideTimeouts(1050).Should().BeEmpty();
        _live.State.DecideTimeouts(1051).Should().Equal("a");
        _live.Abort("a", AbortReason.TimedOut, 1051).Identity.IsNone.Should().BeTrue("nobody asked for the next identity");
        _live.State.EarliestDeadlineMs().Should().Be(long.MaxValue);
    }

    [Fact]
    public void Transactions_time_out_in_the_order_of_their_deadlines()
    {
        foreach (var (id, timeout) in new[] { ("late", 300), ("b", 200), ("a", 200), ("early", 100), ("fine", 9000) })
            _live.Enrol(id, _live.Init(id, Local, timeoutMs: timeout).Identity, Local);

        _live.State.DecideTimeouts(1000).Should().Equal("early", "a", "b", "late");
    }

    [Fact]
    public void After_a_timeout_the_commit_fails_clearly_the_abort_succeeds_and_the_next_transaction_works()
    {
        var identity = _live.Init("a", Local, timeoutMs: 1000).Identity;
        _live.Enrol("a", identity, Local);
        _live.Abort("a", AbortReason.TimedOut, 1001);

        var commit = _live.End("a", identity, commit: true, Local, nowMs: 1002);
        commit.Verdict.Should().Be(TransactionVerdict.TimedOut);
        commit.Refusal!.Outcome.Should().BeEquivalentTo(new { Identity = identity, Outcome = TransactionOutcome.TimedOut, AtMs = 1001L });
        var abort = _live.End("a", identity, commit: false, Local, nowMs: 1003);
        abort.Verdict.Should().Be(TransactionVerdict.None);
        _live.Enrol("a", abort.Identity, Local, nowMs: 1004);
        _live.End("a", abort.Identity, commit: true, Local, nowMs: 1005).Verdict.Should().Be(TransactionVerdict.None);
        _live.Markers.Select(markers => markers.Commit).Should().Equal(false, true);
    }

    [Fact]
    public void After_expiry_the_old_producer_is_unknown_and_a_new_one_does_not_let_it_write()
    {
        var old = _live.Init("a", V2).Identity;
        _live.Do(_live.State.DecideExpiry(_live.Rules.ExpiryMs, new HashSet<string>()), 0);
        _live.Enrol("a", old, V2).Verdict.Should().Be(TransactionVerdict.InvalidProducerIdMapping);
        _live.End("a", old, commit: true, V2).Verdict.Should().Be(TransactionVerdict.InvalidProducerIdMapping);

        var reborn = _live.Init("a", V2).Identity;

        reborn.Id.Should().Be(old.Id);
        reborn.Epoch.Should().BeGreaterThan(old.Epoch, "partitions fence by epoch");
        _live.Enrol("a", old, V2).Verdict.Should().Be(TransactionVerdict.InvalidProducerEpoch);
    }

    [Fact]
    public void An_expiry_takes_no_more_ids_than_it_may()
    {
        for (var i = 0; i < 5; i++)
            _live.Init($"id-{i}", Local);

        _live.Do(_live.State.DecideExpiry(_live.Rules.ExpiryMs, new HashSet<string>(), idsMax: 3), 0);

        _live.State.Entries.Should().HaveCount(2);
        _live.State.Tombstones.Should().HaveCount(3);
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(0, -1)]
    [InlineData(1, 0)]
    public void A_token_decides_the_transaction_that_it_names_and_no_other(int idApart, int epochApart)
    {
        _live.Init("a", Local);
        var identity = _live.Init("a", Local).Identity;
        _live.Enrol("a", identity, Local);
        var token = _live.Do(_live.State.DecidePrepare("a", identity, Local, 1), 1).PreparedToken!;
        var other = PreparedToken.Format("a", new ProducerIdentity(identity.Id + idApart, (short)(identity.Epoch + epochApart)));

        var decision = _live.State.DecideResolve(other, commit: true, Local, 2);

        (decision.Verdict, decision.Records.Length, decision.Markers).Should().Be((TransactionVerdict.NotFound, 0, null));
        _live.State.ListPrepared().Should().ContainSingle().Which.Token.Should().Be(token);
    }

    [Fact]
    public void A_prepared_transaction_survives_a_restart_and_every_timeout_until_its_token_is_resolved()
    {
        var identity = _live.Init("a", Local, timeoutMs: 1).Identity;
        _live.Enrol("a", identity, Local);
        var token = _live.Do(_live.State.DecidePrepare("a", identity, Local, 1), 1).PreparedToken!;
        _live.Reload();
        _live.State.DecideAfterRestart(2).Should().BeEmpty();
        _live.State.DecideTimeouts(long.MaxValue).Should().BeEmpty();
        _live.State.ListPrepared().Should().ContainSingle().Which.Should().BeEquivalentTo(new { Token = token, Partitions = new[] { P0 } });

        _live.Do(_live.State.DecideResolve(token, commit: true, Local, 3), 3).Markers!.Commit.Should().BeTrue();

        _live.Reload();
        _live.State.DecideResolve(token, commit: true, Local, 4).Verdict.Should().Be(TransactionVerdict.None);
        _live.State.DecideResolve(token, commit: false, Local, 4).Verdict.Should().Be(TransactionVerdict.InvalidTransactionState);
        _live.Markers.Should().ContainSingle();
    }

    [Fact]
    public void The_last_sixteen_outcomes_of_an_id_are_remembered_across_a_restart()
    {
        var identity = _live.Init("a", Local).Identity;
        for (var i = 0; i < 20; i++)
        {
            _live.Enrol("a", identity, Local, nowMs: i);
            identity = _live.End("a", identity, commit: i % 2 == 0, Local, nowMs: i).Identity;
        }

        _live.Reload();

        _live.State.Outcome("a", identity with { Epoch = 3 }).Should().Be(RememberedOutcome.Unknown);
        _live.State.Outcome("a", identity with { Epoch = 4 }).Outcome.Should().Be(TransactionOutcome.Committed);
        _live.State.Outcome("a", identity with { Epoch = 19 }).Outcome.Should().Be(TransactionOutcome.Aborted);
        _live.State.Outcome("nobody", identity).Should().Be(RememberedOutcome.Unknown);
    }

    [Fact]
    public void An_id_that_could_not_be_written_back_unchanged_is_refused()
    {
        _live.Init("lone \ud800 surrogate", Local).Verdict.Should().Be(TransactionVerdict.InvalidRequest);
        _live.Init(new string('x', 32768), Local).Verdict.Should().Be(TransactionVerdict.InvalidRequest);
        _live.Init(new string('x', 32767), Local).Verdict.Should().Be(TransactionVerdict.None);
        _live.Init("pair \ud83d\ude00", Local).Verdict.Should().Be(TransactionVerdict.None);
        _live.Reload();
        _live.State.TryGet("pair \ud83d\ude00").Should().NotBeNull();
    }

    [Fact]
    public void An_owner_of_any_length_is_cut_to_what_is_kept()
    {
        _live.Init("a", TransactionClient.InProcess(new string('o', 100_000))).Verdict.Should().Be(TransactionVerdict.None);
        _live.State.TryGet("a")!.Current.Owner.Should().HaveLength(TransactionText.OwnerCharsMax);
    }

    [Fact]
    public void Every_verdict_has_an_error_code_of_the_same_name_or_a_Kafka_stand_in()
    {
        foreach (var verdict in Enum.GetValues<TransactionVerdict>())
            Enum.IsDefined(verdict.ToErrorCode()).Should().BeTrue($"{verdict} is told to a client");
        TransactionVerdict.ProducerFenced.ToErrorCode().Should().Be(ErrorCode.ProducerFenced);
        TransactionVerdict.TransactionPrepared.ToErrorCode().Should().Be(ErrorCode.ConcurrentTransactions);
    }
}
