using ExactlyOnce.Tests.Engine.Semantics;
using ExactlyOnce.Tests.Museum;
using static ExactlyOnce.Tests.Engine.Semantics.TestBroker;

namespace ExactlyOnce.Tests.Engine.Backend;

/// <summary>Closing beside a checkpoint that does not end.</summary>
public sealed class ClosingTests
{
    [Fact]
    public async Task The_directory_stays_locked_as_long_as_housekeeping_writes_there_and_then_opens_with_everything()
    {
        await using var held = await HeldBroker.OpenAsync(holdsJournal: false, closeTimeout: TimeSpan.FromMilliseconds(50));
        await held.Broker.Broker.PublishAsync(Orders, "k", "acknowledged");
        held.Disk.Hold();
        held.Clock.Advance(TimeSpan.FromMinutes(2));
        held.Disk.AwaitArrival();

        await held.Broker.Broker.DisposeAsync().AsTask().WaitAsync(Soon);

        await FluentActions.Awaiting(() => held.Broker.ReopenAsync()).Should().ThrowAsync<StorageException>("a checkpoint is still under way");
        held.Disk.Release();
        await OpenWhenFreeAsync(held.Broker);
        (await held.Broker.ReadAsync()).Should().Equal("acknowledged");
    }

    [Fact]
    public async Task Closing_waits_for_a_checkpoint_that_ends_in_time()
    {
        await using var held = await HeldBroker.OpenAsync(holdsJournal: false);
        await held.Broker.Broker.PublishAsync(Orders, "k", "acknowledged");
        held.Disk.Hold();
        held.Clock.Advance(TimeSpan.FromMinutes(2));
        held.Disk.AwaitArrival();

        var closing = held.Broker.Broker.DisposeAsync().AsTask();
        closing.IsCompleted.Should().BeFalse();
        held.Disk.Release();
        await closing.WaitAsync(Soon);

        await held.Broker.ReopenAsync();
        (await held.Broker.ReadAsync()).Should().Equal("acknowledged");
    }

    private static async Task OpenWhenFreeAsync(TestBroker broker)
    {
        for (var deadline = DateTime.UtcNow + Soon; ; await Task.Delay(5))
            try
            {
                await broker.ReopenAsync();
                return;
            }
            catch (StorageException refusal) when (refusal.Code == ErrorCode.DirectoryInUse && DateTime.UtcNow < deadline)
            {
                // The thread that was at the disk has not ended yet.
            }
    }
}
