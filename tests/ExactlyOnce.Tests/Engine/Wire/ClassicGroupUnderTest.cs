using ExactlyOnce.Clients.Wire;

namespace ExactlyOnce.Tests.Engine.Wire;

/// <summary>A broker with one classic group that tests bring to where they want it.</summary>
public abstract class ClassicGroupUnderTest
{
    private protected const string Group = "billing";

    private protected static readonly TimeSpan Millisecond = TimeSpan.FromMilliseconds(1);

    private protected readonly WireBroker Broker = WireBroker.Open();

    // A timer that is due in the middle of a step sees the clock at its end.
    private protected static void PassSlowly(WireBroker broker, TimeSpan time)
    {
        for (var passed = TimeSpan.Zero; passed < time; passed += TimeSpan.FromMilliseconds(100))
            broker.Pass(TimeSpan.FromMilliseconds(100));
    }

    private protected WireMember Member(string? instanceId = null, bool knowsTwoSteps = true, TimeSpan? sessionTimeout = null) => new(Broker, Group, instanceId)
    {
        KnowsTwoSteps = knowsTwoSteps,
        SessionTimeout = sessionTimeout ?? TimeSpan.FromSeconds(10),
    };

    /// <summary>Brings all of them into one stable generation.</summary>
    private protected static void Rebalance(params WireMember[] members)
    {
        members[0].Joined();
        foreach (var member in members)
            if (member != members[0])
                member.BeginJoin();
        members[0].BeginJoin();
        foreach (var member in members)
            member.EndJoin().Error.Should().Be(ErrorCode.None);
        foreach (var member in members)
            member.BeginSync();
        foreach (var member in members)
            member.EndSync().Error.Should().Be(ErrorCode.None);
    }

    private protected ClassicGroupDescription Describe() => Broker.Run(() => Broker.Wire.DescribeGroupsAsync([Group])).Single();

    private protected JoinGroupAnswer Join(JoinGroupCall call) => Broker.Run(() => Broker.Wire.JoinGroupAsync(call, CancellationToken.None));

    private protected static JoinGroupCall Call() => new()
    {
        Group = Group,
        ClientId = "app",
        SessionTimeoutMs = 10_000,
        ProtocolType = "consumer",
        Protocols = [new("range", default)],
    };
}
