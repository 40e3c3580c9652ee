using ExactlyOnce.Torture;
using ExactlyOnce.Torture.Wire;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Torture;

/// <summary>A short share of what <c>ExactlyOnce.Torture -- wire-kill</c> and <c>-- wire-fuzz</c> do at length.</summary>
public sealed class WireTortureTests
{
    [Fact]
    public void What_an_unmodified_client_copies_while_it_and_the_broker_are_killed_comes_out_once_and_in_order() =>
        Run(new WireKillTorture(), ("records", "5000"), ("kills", "12"));

    [Fact]
    public void Malformed_frames_harm_neither_the_endpoint_nor_the_client_beside_them() =>
        Run(new WireFuzzTorture(), ("frames", "10000"));

    /// <summary>The output, which a failure shows, names the seed.</summary>
    private static void Run(ITorture torture, params (string Option, string Value)[] options)
    {
        var output = new StringWriter();

        var failures = torture.Run(new TortureOptions { Others = options.ToDictionary(option => option.Option, option => option.Value) }, new Progress(output));

        failures.Should().BeEmpty("{0}", output);
    }
}
