using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Tests.Engine.Semantics;

namespace ExactlyOnce.Tests.Engine.Wire;

/// <summary>The id by which clients tell clusters apart (wire.md 8.11).</summary>
public sealed class ClusterIdTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void It_stays_when_the_broker_is_opened_again(bool isClean)
    {
        var broker = WireBroker.Open(Place.Folder);
        var id = broker.Wire.ClusterId;

        broker = isClean ? broker.Reopen() : broker.Revive();

        id.Should().MatchRegex("^[A-Za-z0-9_-]{22}$");
        broker.Wire.ClusterId.Should().Be(id);
    }

    [Theory]
    [InlineData(Place.Memory)]
    [InlineData(Place.Folder)]
    public void All_endpoints_of_a_broker_tell_the_same(Place place)
    {
        var broker = WireBroker.Open(place);

        broker.Backend.OpenWire(new WireSettings()).ClusterId.Should().Be(broker.Wire.ClusterId);
    }

    [Fact]
    public async Task Another_broker_has_another()
    {
        await using var one = Broker.CreateInMemory();
        await using var other = Broker.CreateInMemory();

        one.Backend.OpenWire(new WireSettings()).ClusterId.Should().NotBe(other.Backend.OpenWire(new WireSettings()).ClusterId);
    }
}
