using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Testing.Tests.Brokers;

public sealed class FaultTests
{
    private const int Count = 30;

    /// <summary>Every fault at every point that has one, at the first pass and later.</summary>
    public static TheoryData<string, int> Faults()
    {
        var data = new TheoryData<string, int>();
        foreach (var fault in s_faults.Keys)
            foreach (var skip in new[] { 0, 1, 3 })
                data.Add(fault, skip);
        return data;
    }

    private static readonly Dictionary<string, (FaultPoint Point, Action<FaultRule> Plan)> s_faults = new()
    {
        ["crash before append"] = (FaultPoint.BeforeAppend, rule => rule.By("billing").CrashOnce()),
        ["crash after append"] = (FaultPoint.AfterAppend, rule => rule.By("billing").CrashOnce()),
        ["crash before commit"] = (FaultPoint.BeforeCommit, rule => rule.CrashOnce()),
        ["crash after commit"] = (FaultPoint.AfterCommit, rule => rule.CrashOnce()),
        ["crash before handler"] = (FaultPoint.BeforeHandler, rule => rule.CrashOnce()),
        ["crash after handler"] = (FaultPoint.AfterHandler, rule => rule.CrashOnce()),
        ["crash twice"] = (FaultPoint.BeforeCommit, rule => rule.Crash(times: 2)),
        ["lost acknowledgement of an append"] = (FaultPoint.AfterAppend, rule => rule.On(Shop.Invoices).LoseAcknowledgementOnce()),
        ["lost acknowledgement of a commit"] = (FaultPoint.AfterCommit, rule => rule.LoseAcknowledgementOnce()),
        ["duplicate append"] = (FaultPoint.AfterAppend, rule => rule.On(Shop.Invoices).DuplicateOnce()),
        ["duplicate commit"] = (FaultPoint.AfterCommit, rule => rule.DuplicateOnce()),
        ["duplicate delivery"] = (FaultPoint.AfterHandler, rule => rule.DuplicateOnce()),
        ["fenced before append"] = (FaultPoint.BeforeAppend, rule => rule.FenceMeOnce()),
        ["fenced after append"] = (FaultPoint.AfterAppend, rule => rule.FenceMeOnce()),
        ["fenced before commit"] = (FaultPoint.BeforeCommit, rule => rule.FenceMeOnce()),
        ["fenced after commit"] = (FaultPoint.AfterCommit, rule => rule.FenceMeOnce()),
        ["fenced before handler"] = (FaultPoint.BeforeHandler, rule => rule.FenceMeOnce()),
        ["fenced after handler"] = (FaultPoint.AfterHandler, rule => rule.FenceMeOnce()),
        ["timed out after append"] = (FaultPoint.AfterAppend, rule => rule.TimeOutMyTransactionOnce()),
        ["timed out before commit"] = (FaultPoint.BeforeCommit, rule => rule.TimeOutMyTransactionOnce()),
        ["refused append"] = (FaultPoint.BeforeAppend, rule => rule.On(Shop.Invoices).ThrowOnce(new TransientException(ErrorCode.CoordinatorNotAvailable, "planned"))),
        ["refused commit"] = (FaultPoint.BeforeCommit, rule => rule.ThrowOnce(new TransactionAbortableException("planned"))),
        ["failing handler"] = (FaultPoint.BeforeHandler, rule => rule.ThrowOnce(new FormatException("planned"))),
        ["failing after handler"] = (FaultPoint.AfterHandler, rule => rule.ThrowOnce(new FormatException("planned"))),
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task Every_order_is_billed_once_whatever_goes_wrong(string fault, int skip)
    {
        await using var test = TestBroker.Create();
        var (point, plan) = s_faults[fault];
        await Shop.OrderAsync(test, Count);
        plan(test.Faults.At(point).Skip(skip));
        test.Run(Shop.CreateBilling);
        await test.RunUntilIdleAsync();

        Shop.ShouldBeBilledOnce(test, Count);
        test.Crashes.Should().Be(fault.StartsWith("crash", StringComparison.Ordinal) ? fault == "crash twice" ? 2 : 1 : 0);
    }

    [Theory]
    [InlineData(FaultPoint.BeforeAppend, false)]
    [InlineData(FaultPoint.AfterAppend, true)]
    public async Task What_the_test_publishes_meets_faults_too(FaultPoint point, bool isStored)
    {
        await using var test = TestBroker.Create();
        test.Faults.At(point).On("orders").CrashOnce();

        await FluentActions.Awaiting(() => test.Broker.PublishAsync(Shop.Orders, "a", 1).AsTask()).Should().ThrowAsync<BrokerCrashedException>().WithMessage($"*{point} on 'orders'*");
        test.Committed(Shop.Orders).Should().HaveCount(isStored ? 1 : 0);
        await test.Broker.PublishAsync(Shop.Orders, "a", 2);
        test.VerifyInvariants();
    }

    [Fact]
    public async Task A_lost_acknowledgement_of_a_record_is_answered_with_the_first_ones_offset()
    {
        await using var test = TestBroker.Create();
        test.Faults.At(FaultPoint.AfterAppend).LoseAcknowledgementOnce();
        var at = await test.Broker.PublishAsync(Shop.Orders, "a", 1);

        at.Offset.Should().Be(0);
        at.IsDuplicate.Should().BeTrue();
        test.Committed(Shop.Orders).Should().ContainSingle();
    }

    [Fact]
    public async Task A_producer_with_an_identity_whose_acknowledgement_is_lost_resumes_where_it_was()
    {
        await using var test = TestBroker.Create();
        test.Faults.At(FaultPoint.AfterAppend).By("import").LoseAcknowledgementOnce();
        await using (var importer = test.Broker.CreateProducer(Shop.Orders).WithIdentity("import").Build())
            await FluentActions.Awaiting(() => importer.SendAsync("a", 1, sourceSequence: 7).AsTask()).Should().ThrowAsync<BrokerException>().Where(lost => lost.Code == ErrorCode.OutcomeUnknown);

        await using var again = test.Broker.CreateProducer(Shop.Orders).WithIdentity("import").Build();
        (await again.GetLastSourceSequenceAsync()).Should().Be(7);
        (await again.SendAsync("a", 1, sourceSequence: 7)).IsDuplicate.Should().BeTrue();
        await again.SendAsync("a", 2, sourceSequence: 8);

        test.Committed(Shop.Orders).Select(order => order.Value).Should().Equal(1, 2);
        test.VerifyInvariants();
    }

    [Fact]
    public async Task A_batch_of_a_producer_with_an_identity_that_comes_twice_is_there_once()
    {
        await using var test = TestBroker.Create();
        test.Faults.At(FaultPoint.AfterAppend).By("import").DuplicateOnce();
        await using var importer = test.Broker.CreateProducer(Shop.Orders).WithIdentity("import").Build();
        (await importer.SendAsync("a", 1, sourceSequence: 7)).IsDuplicate.Should().BeFalse("the first answer counts");
        await importer.SendAsync("a", 2, sourceSequence: 8);

        test.Committed(Shop.Orders).Select(order => order.Value).Should().Equal(1, 2);
        test.History.Should().Contain(happened => happened.ToString()!.Contains(nameof(RetryWrite)), "it did come twice");
        test.VerifyInvariants();
    }

    [Fact]
    public async Task A_fault_of_a_pipeline_strikes_its_workers_and_nobody_with_a_similar_name()
    {
        await using var test = TestBroker.Create();
        test.Faults.At(FaultPoint.BeforeCommit).By("billing").CrashOnce();
        await using var producer = await test.Broker.CreateTransactionalProducerAsync("billing-archive");
        await using (var transaction = await producer.BeginTransactionAsync())
        {
            await transaction.SendAsync(Shop.Orders, "a", 1);
            await transaction.CommitAsync();
        }
        test.Crashes.Should().Be(0);
        test.Run(Shop.CreateBilling);
        await test.RunUntilIdleAsync();

        test.Crashes.Should().Be(1);
        Shop.ShouldBeBilledOnce(test, 1);
    }

    [Fact]
    public async Task A_commit_whose_acknowledgement_is_lost_has_an_unknown_outcome_that_can_be_asked_for()
    {
        await using var test = TestBroker.Create();
        test.Faults.At(FaultPoint.AfterCommit).By("checkout").LoseAcknowledgementOnce();
        await using var producer = await test.Broker.CreateTransactionalProducerAsync("checkout");
        await using var transaction = await producer.BeginTransactionAsync();
        await transaction.SendAsync(Shop.Orders, "a", 1);

        var unknown = (await FluentActions.Awaiting(() => transaction.CommitAsync().AsTask()).Should().ThrowAsync<TransactionOutcomeUnknownException>()).Which;
        (await test.Broker.Admin.GetTransactionOutcomeAsync(unknown.TransactionalId, unknown.ProducerId, unknown.Epoch)).Should().Be(TransactionOutcome.Committed);
    }

    [Fact]
    public async Task A_client_of_a_dead_process_reaches_nothing_any_more()
    {
        await using var test = TestBroker.Create();
        await Shop.OrderAsync(test, 2);
        var old = test.Broker;
        await using var zombie = old.CreateConsumer(Shop.Orders).InGroup("mailer").StartFrom(StartFrom.Earliest).Build();
        await foreach (var order in zombie.ReadAllAsync())
            if (order.Value == 2)
                break;
        test.Crash();

        await FluentActions.Awaiting(() => zombie.CommitAsync().AsTask()).Should().ThrowAsync<BrokerCrashedException>();
        await FluentActions.Awaiting(() => old.PublishAsync(Shop.Orders, "a", 3).AsTask()).Should().ThrowAsync<BrokerCrashedException>();
        test.Broker.Should().NotBeSameAs(old);
        (await test.Broker.Admin.GetGroupOffsetsAsync("mailer", "orders")).Should().BeEmpty();
        test.Crashes.Should().Be(1);
    }

    [Fact]
    public async Task An_open_transaction_dies_with_its_process()
    {
        await using var test = TestBroker.Create();
        await using var producer = await test.Broker.CreateTransactionalProducerAsync("checkout");
        await using var transaction = await producer.BeginTransactionAsync();
        await transaction.SendAsync(Shop.Orders, "a", 1);
        await test.Broker.PublishAsync(Shop.Orders, "a", 2);
        test.Crash();

        test.Committed(Shop.Orders).Select(order => order.Value).Should().Equal(2);
        test.VerifyInvariants();
    }

    [Fact]
    public async Task A_subscription_meets_faults_at_its_handler()
    {
        await using var test = TestBroker.Create();
        var failures = new List<string>();
        var seen = new List<long>();
        test.Faults.At(FaultPoint.BeforeHandler).On(Shop.Orders).Skip(1).ThrowOnce(new FormatException("planned"));
        await using var subscription = test.Broker.Subscribe(Shop.Orders, order => seen.Add(order.Value), options => options.OnError = failure => failures.Add(failure.InnerException!.Message));
        await Shop.OrderAsync(test, 3);
        await test.RunUntilIdleAsync();

        seen.Should().Equal(1, 3);
        failures.Should().Equal("planned");
    }

    [Fact]
    public void A_fault_that_makes_no_sense_is_refused_when_it_is_planned()
    {
        var plan = TestBroker.Create().Faults;

        FluentActions.Invoking(() => plan.At(FaultPoint.BeforeAppend).LoseAcknowledgementOnce()).Should().Throw<InvalidOperationException>().WithMessage("*no meaning at BeforeAppend*AfterAppend, AfterCommit*");
        FluentActions.Invoking(() => plan.At(FaultPoint.BeforeHandler).TimeOutMyTransactionOnce()).Should().Throw<InvalidOperationException>();
        FluentActions.Invoking(() => plan.At(FaultPoint.BeforeCommit).DuplicateOnce()).Should().Throw<InvalidOperationException>();
        FluentActions.Invoking(() => plan.At(FaultPoint.BeforeCommit).On(Shop.Orders)).Should().Throw<InvalidOperationException>();
        FluentActions.Invoking(() => plan.At(FaultPoint.BeforeAppend).ThrowOnce(new FormatException())).Should().Throw<ArgumentException>();
        FluentActions.Invoking(() => plan.At(FaultPoint.AfterCommit).ThrowOnce(new TransientException(ErrorCode.CoordinatorNotAvailable, "late"))).Should().Throw<ArgumentException>();
        FluentActions.Invoking(() => plan.At((FaultPoint)99)).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => plan.At(FaultPoint.BeforeCommit).Crash(0)).Should().Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public async Task A_fault_that_has_not_struck_is_told()
    {
        await using var test = TestBroker.Create();
        test.Faults.At(FaultPoint.BeforeCommit).By("billing").CrashOnce();
        await test.RunUntilIdleAsync();

        test.Faults.Pending.Should().ContainSingle().Which.Should().Be("Crash at BeforeCommit by 'billing', 1 more");
    }

    [Fact]
    public async Task A_fault_without_its_last_word_is_told_too()
    {
        await using var test = TestBroker.Create();
        var rule = test.Faults.At(FaultPoint.BeforeCommit).By("billing");
        test.Faults.Pending.Should().ContainSingle().Which.Should().Be("Nothing at BeforeCommit by 'billing', because the last word is missing: CrashOnce, for example");

        rule.CrashOnce();
        rule.CrashOnce();

        test.Faults.Pending.Should().Equal("Crash at BeforeCommit by 'billing', 1 more");
    }

    [Fact]
    public async Task A_plan_that_lets_nothing_run_ends()
    {
        await using var test = TestBroker.Create();
        await Shop.OrderAsync(test, 1);
        test.Faults.At(FaultPoint.BeforeHandler).Crash(times: int.MaxValue);
        test.Run(Shop.CreateBilling);

        await FluentActions.Awaiting(() => test.RunUntilIdleAsync()).Should().ThrowAsync<InvalidOperationException>().WithMessage("*plan fewer crashes*");
    }
}
