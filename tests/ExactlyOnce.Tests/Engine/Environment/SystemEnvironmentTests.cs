using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Engine.Environment;

namespace ExactlyOnce.Tests.Engine.Environment;

public sealed class SystemEnvironmentTests
{
    private readonly SystemEnvironment _environment = new();

    [Fact]
    public void A_thread_has_its_name_and_can_be_joined()
    {
        using var leave = new ManualResetEventSlim();
        string? name = null;
        _environment.StartThread("journal of the test", () =>
        {
            name = Thread.CurrentThread.Name;
            leave.Wait();
        });
        _environment.JoinThread("journal of the test", TimeSpan.FromMilliseconds(20)).Should().BeFalse();
        _environment.Invoking(environment => environment.StartThread("journal of the test", () => { })).Should().Throw<InvalidOperationException>();
        leave.Set();
        _environment.JoinThread("journal of the test", TimeSpan.FromSeconds(10)).Should().BeTrue();
        name.Should().Be("journal of the test");
    }

    [Fact]
    public void Time_is_the_given_one_and_the_disk_that_of_the_system()
    {
        var clock = new Microsoft.Extensions.Time.Testing.FakeTimeProvider(DateTimeOffset.UnixEpoch.AddMilliseconds(77));
        new SystemEnvironment(clock).NowMs.Should().Be(77);
        _environment.Disk.GetType().Should().Be(OperatingSystem.IsWindows() ? typeof(WindowsDisk) : typeof(PosixDisk));
    }

    [Fact]
    public void Random_numbers_differ() => Enumerable.Range(0, 100).Select(_ => _environment.NextRandom()).Distinct().Should().HaveCount(100);
}
