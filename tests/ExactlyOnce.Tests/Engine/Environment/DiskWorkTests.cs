using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Engine.Environment;
using ExactlyOnce.Testing.Simulation;

namespace ExactlyOnce.Tests.Engine.Environment;

public sealed class DiskWorkTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(15)]
    [InlineData(1000)]
    public void Every_piece_is_carried_out_once_and_all_are_done_when_it_returns(int count)
    {
        foreach (var environment in new BrokerEnvironment[] { new SystemEnvironment(disk: new MemoryDisk()), new StepEnvironment(new MemoryDisk()) })
        {
            var done = new int[count];
            environment.ForEach(count, piece => Interlocked.Increment(ref done[piece]));
            done.Should().AllBeEquivalentTo(1);
        }
    }

    [Fact]
    public void The_first_failure_ends_it_and_is_thrown_as_it_was()
    {
        foreach (var environment in new BrokerEnvironment[] { new SystemEnvironment(disk: new MemoryDisk()), new StepEnvironment(new MemoryDisk()) })
        {
            var done = 0;
            var work = () => environment.ForEach(10_000, piece =>
            {
                if (piece == 20)
                    throw new StorageException("the disk is full");
                Interlocked.Increment(ref done);
            });

            work.Should().Throw<StorageException>().WithMessage("the disk is full");
            done.Should().BeLessThan(9_999);
        }
    }

    [Fact]
    public void Pieces_that_wait_for_each_other_are_side_by_side_where_there_are_threads()
    {
        using var met = new CountdownEvent(2);
        new SystemEnvironment(disk: new MemoryDisk()).ForEach(16, piece =>
        {
            if (piece < 2)
            {
                met.Signal();
                met.Wait(TimeSpan.FromSeconds(20)).Should().BeTrue();
            }
        });
    }
}
