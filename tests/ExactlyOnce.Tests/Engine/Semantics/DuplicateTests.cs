using ExactlyOnce.Kernel.Records;
using static ExactlyOnce.Tests.Engine.Semantics.TestBroker;

namespace ExactlyOnce.Tests.Engine.Semantics;

public sealed class DuplicateTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    public async Task The_first_batch_of_a_producer_the_partition_does_not_know_may_have_any_sequence(int sequence)
    {
        await using var broker = await OpenAsync();
        await (await SignedProducer.OpenAsync(broker)).WriteAsync(First, 0, "of another");
        var producer = await SignedProducer.OpenAsync(broker);

        (await producer.WriteAsync(First, sequence, "a")).Should().Be(1);
    }

    [Fact]
    public async Task In_a_partition_that_never_held_a_record_every_producer_begins_at_zero()
    {
        await using var broker = await OpenAsync();
        var producer = await SignedProducer.OpenAsync(broker);

        (await producer.AppendAsync(First, 7, "a")).Error.Should().Be(ErrorCode.OutOfOrderSequence);
        (await producer.WriteAsync(First, 0, "a")).Should().Be(0);
    }

    [Fact]
    public async Task A_gap_in_the_sequence_is_refused_and_nothing_of_it_is_stored()
    {
        await using var broker = await OpenAsync();
        var producer = await SignedProducer.OpenAsync(broker);
        await producer.WriteAsync(First, 0, "a", "b");

        var outcome = await producer.AppendAsync(First, 3, "d");

        outcome.Error.Should().Be(ErrorCode.OutOfOrderSequence);
        outcome.Exception!.Recovery.Should().Be(ErrorRecovery.RecreateClient);
        (await broker.ReadAsync()).Should().Equal("a", "b");
    }

    [Theory]
    [InlineData(Place.Memory)]
    [InlineData(Place.Folder)]
    public async Task A_retry_of_each_of_the_last_five_batches_is_answered_with_its_original_offset(Place place)
    {
        await using var broker = await OpenAsync(place);
        var producer = await SignedProducer.OpenAsync(broker);
        for (var i = 0; i < 6; i++)
            (await producer.WriteAsync(First, i * 2, $"{i}", $"{i}+")).Should().Be(i * 2);

        for (var i = 1; i < 6; i++)
        {
            var retry = await producer.AppendAsync(First, i * 2, $"{i}", $"{i}+");
            (retry.Error, retry.IsDuplicate, retry.BaseOffset).Should().Be((ErrorCode.None, true, i * 2));
        }

        (await producer.AppendAsync(First, 0, "0", "0+")).Error.Should().Be(ErrorCode.OutOfOrderSequence, "the sixth is not remembered");
        broker.Offsets(First).HighWatermark.Should().Be(12);
    }

    [Fact]
    public async Task A_restart_recognises_retries_of_all_five_batches()
    {
        await using var broker = await OpenAsync(Place.Folder);
        var producer = await SignedProducer.OpenAsync(broker);
        for (var i = 0; i < 5; i++)
            await producer.WriteAsync(First, i, $"{i}");

        for (var round = 0; round < 2; round++)
        {
            await broker.ReopenAsync();
            for (var i = 0; i < 5; i++)
            {
                var retry = await producer.AppendAsync(First, i, $"{i}");
                (retry.Error, retry.IsDuplicate, retry.BaseOffset).Should().Be((ErrorCode.None, true, i));
            }
        }
        (await producer.WriteAsync(First, 5, "5")).Should().Be(5);
    }

    [Fact]
    public async Task A_batch_that_overlaps_a_stored_one_in_part_is_refused()
    {
        await using var broker = await OpenAsync();
        var producer = await SignedProducer.OpenAsync(broker);
        await producer.WriteAsync(First, 0, "a", "b", "c");

        (await producer.AppendAsync(First, 1, "b", "c", "d")).Error.Should().Be(ErrorCode.OutOfOrderSequence);
        (await producer.AppendAsync(First, 0, "a", "b")).Error.Should().Be(ErrorCode.OutOfOrderSequence);

        broker.Offsets(First).HighWatermark.Should().Be(3);
    }

    [Fact]
    public async Task Sequences_go_on_at_zero_behind_the_largest_int_and_a_retry_across_the_wrap_is_recognised()
    {
        await using var broker = await OpenAsync();
        await (await SignedProducer.OpenAsync(broker)).WriteAsync(First, 0, "of another");
        var producer = await SignedProducer.OpenAsync(broker);
        await producer.WriteAsync(First, int.MaxValue - 2, "a", "b", "c", "d", "e");

        (await producer.WriteAsync(First, 2, "f")).Should().Be(6);
        var retry = await producer.AppendAsync(First, int.MaxValue - 2, "a", "b", "c", "d", "e");

        (retry.IsDuplicate, retry.BaseOffset).Should().Be((true, 1));
    }

    [Fact]
    public async Task A_new_epoch_starts_at_sequence_zero()
    {
        await using var broker = await OpenAsync();
        var producer = await SignedProducer.OpenAsync(broker, "t");
        await producer.WriteAsync(First, 0, "a");
        await producer.EndAsync(commit: true);

        (await producer.AppendAsync(First, 1, "b")).Error.Should().Be(ErrorCode.OutOfOrderSequence);
        (await producer.AppendAsync(First, 0, "b")).Error.Should().Be(ErrorCode.None);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_retry_after_the_end_of_its_transaction_is_refused_and_stores_nothing(bool commit)
    {
        await using var broker = await OpenAsync();
        var producer = await SignedProducer.OpenAsync(broker, "t");
        var delayed = producer.As(producer.Identity);
        await producer.WriteAsync(First, 0, "a");
        await producer.EndAsync(commit);

        var outcome = await delayed.AppendAsync(First, 0, "a");

        outcome.Error.Should().NotBe(ErrorCode.None);
        broker.Offsets(First).HighWatermark.Should().Be(2, "a record and its marker");
    }

    [Fact]
    public async Task A_batch_outside_transactions_is_refused_while_its_producer_has_one_open()
    {
        await using var broker = await OpenAsync();
        var producer = await SignedProducer.OpenAsync(broker, "t");
        await producer.WriteAsync(First, 0, "a");

        (await producer.AppendAsync(First, 1, BatchAttributes.None, "b")).Error.Should().Be(ErrorCode.InvalidTransactionState);

        broker.Offsets(First).HighWatermark.Should().Be(1);
    }

    [Fact]
    public async Task A_control_batch_from_a_client_is_refused()
    {
        await using var broker = await OpenAsync();
        var producer = await SignedProducer.OpenAsync(broker, "t");

        (await producer.AppendAsync(First, 0, BatchAttributes.Transactional | BatchAttributes.Control, "a")).Error.Should().Be(ErrorCode.InvalidRecord);

        broker.Offsets(First).HighWatermark.Should().Be(0);
    }

    [Fact]
    public async Task An_idle_producer_is_forgotten_by_the_brokers_clock_but_never_inside_a_transaction()
    {
        await using var broker = await OpenAsync();
        var idle = await SignedProducer.OpenAsync(broker);
        await idle.WriteAsync(First, 0, "plain");
        var preparing = await broker.TransactionalAsync("two-phase");
        await using var transaction = await preparing.BeginTransactionAsync();
        await transaction.SendAsync(Orders, "k", "prepared");
        var token = await transaction.PrepareAsync();

        broker.Clock.Advance(TimeSpan.FromDays(1) - TimeSpan.FromMilliseconds(1));
        broker.Engine.ExpireIdle(broker.Engine.NowMs);
        (await idle.AppendAsync(First, 7, "gap")).Error.Should().Be(ErrorCode.OutOfOrderSequence, "it is still known");
        broker.Clock.Advance(TimeSpan.FromMilliseconds(2));
        broker.Engine.ExpireIdle(broker.Engine.NowMs);

        (await idle.AppendAsync(First, 7, "unknown again")).Error.Should().Be(ErrorCode.None);
        await broker.Admin.CommitPreparedAsync(token);
        (await broker.ReadAsync()).Should().Equal("plain", "prepared", "unknown again");
    }

    [Fact]
    public async Task Deleting_records_does_not_forget_their_producer()
    {
        await using var broker = await OpenAsync();
        var producer = await SignedProducer.OpenAsync(broker);
        await producer.WriteAsync(First, 0, "a");
        await broker.Admin.DeleteAllRecordsAsync(First);

        var retry = await producer.AppendAsync(First, 0, "a");

        (retry.Error, retry.IsDuplicate, retry.BaseOffset).Should().Be((ErrorCode.None, true, 0));
    }
}
