using System.Net;
using ExactlyOnce.Kafka.Endpoint.Security;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Security;

public sealed class FailedLoginsTests
{
    private static readonly IPAddress s_here = IPAddress.Parse("192.0.2.1");
    private static readonly TimeSpan s_delay = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    private readonly ManualTime _time = new();
    private readonly FailedLogins _logins;

    public FailedLoginsTests() => _logins = new FailedLogins(s_delay, s_patience, _time);

    [Fact]
    public void A_few_typing_errors_make_nobody_wait()
    {
        for (var i = 0; i < 2; i++)
        {
            _logins.Add(s_here);
            _logins.Enter(s_here).Should().Be(TimeSpan.Zero);
        }
    }

    [Fact]
    public void Behind_the_third_failure_each_login_takes_its_turn_over_however_many_connections()
    {
        Fail(3);

        Enumerable.Range(0, 4).Select(_ => _logins.Enter(s_here)).Should().Equal(s_delay, s_delay * 2, s_delay * 3, s_delay * 4);
    }

    [Fact]
    public void Turns_are_twice_as_far_apart_with_each_failure_up_to_sixteen_times()
    {
        var waits = new List<TimeSpan?>();
        for (var failures = 3; failures < 10; failures++)
        {
            Fail(failures == 3 ? 3 : 1);
            waits.Add(_logins.Enter(s_here));
            // It is looked at when its turn has come, and fails.
            _time.Advance(waits[^1] ?? TimeSpan.Zero);
        }

        waits.Should().Equal(s_delay, s_delay * 2, s_delay * 4, s_delay * 8, s_delay * 16, s_delay * 16, s_delay * 16);
    }

    [Fact]
    public void A_turn_that_would_come_after_the_time_for_a_login_is_none()
    {
        Fail(7);
        _logins.Enter(s_here).Should().Be(s_delay * 16);

        _logins.Enter(s_here).Should().BeNull();
    }

    [Fact]
    public void A_minute_without_a_failure_and_all_is_forgotten()
    {
        Fail(7);
        _time.Advance(TimeSpan.FromSeconds(61));

        _logins.Enter(s_here).Should().Be(TimeSpan.Zero);
        Fail(1);
        _logins.Enter(s_here).Should().Be(TimeSpan.Zero, "it is the first again");
    }

    [Theory]
    [InlineData("192.0.2.2", false), InlineData("::ffff:192.0.2.1", true)]
    public void Others_do_not_wait_for_it(string address, bool isTheSame)
    {
        Fail(3);

        (_logins.Enter(IPAddress.Parse(address)) > TimeSpan.Zero).Should().Be(isTheSame);
    }

    [Fact]
    public void Whoever_has_a_network_of_addresses_is_one()
    {
        for (var i = 1; i <= 3; i++)
            _logins.Add(IPAddress.Parse($"2001:db8:0:1::{i}"));

        _logins.Enter(IPAddress.Parse("2001:db8:0:1:ffff::")).Should().Be(s_delay);
        _logins.Enter(IPAddress.Parse("2001:db8:0:2::1")).Should().Be(TimeSpan.Zero);
    }

    [Fact]
    public void Of_more_addresses_than_are_kept_the_one_that_failed_longest_ago_is_forgotten()
    {
        Fail(3);
        for (var i = 0; i < 10_000; i++)
        {
            _time.Advance(TimeSpan.FromMilliseconds(1));
            _logins.Add(new IPAddress([10, 0, (byte)(i >> 8), (byte)i]));
        }

        _logins.Enter(s_here).Should().Be(TimeSpan.Zero);
    }

    [Fact]
    public void Without_a_delay_nobody_waits()
    {
        var logins = new FailedLogins(TimeSpan.Zero, s_patience, _time);
        for (var i = 0; i < 10; i++)
            logins.Add(s_here);

        logins.Enter(s_here).Should().Be(TimeSpan.Zero);
    }

    private void Fail(int times)
    {
        for (var i = 0; i < times; i++)
            _logins.Add(s_here);
    }
}
