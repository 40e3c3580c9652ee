using ExactlyOnce.Kafka.Endpoint.Security;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Security;

public sealed class AcceptPaceTests
{
    private readonly ManualTime _time = new();

    [Fact]
    public void A_burst_passes_then_each_waits_its_turn_and_those_for_whom_there_is_no_room_are_sent_away()
    {
        var pace = new AcceptPace(perSecond: 10, burst: 5, waitingMax: 3, _time);

        Enumerable.Range(0, 5).Select(_ => pace.Take()).Should().OnlyContain(wait => wait == TimeSpan.Zero);
        Enumerable.Range(0, 3).Select(_ => pace.Take()).Should().Equal(TimeSpan.FromMilliseconds(100), TimeSpan.FromMilliseconds(200), TimeSpan.FromMilliseconds(300));
        pace.Take().Should().BeNull();
    }

    [Fact]
    public void Time_makes_room_again_and_never_for_more_than_the_burst()
    {
        var pace = new AcceptPace(perSecond: 10, burst: 5, waitingMax: 0, _time);
        while (pace.Take() is not null)
        {
        }

        _time.Advance(TimeSpan.FromMilliseconds(200));
        Taken(pace).Should().Be(2);
        _time.Advance(TimeSpan.FromHours(1));
        Taken(pace).Should().Be(5);
    }

    private static int Taken(AcceptPace pace)
    {
        var taken = 0;
        while (pace.Take() is not null)
            taken++;
        return taken;
    }
}
