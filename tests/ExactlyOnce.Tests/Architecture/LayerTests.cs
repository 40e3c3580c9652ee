
namespace ExactlyOnce.Tests.Architecture;

/// <summary>The one-way rule between the layers, read from the compiled code.</summary>
public sealed class LayerTests
{
    private static readonly string[] s_forbiddenInKernel =
        ["System.IO.", "System.Threading.", "Microsoft.Extensions.Logging", "System.TimeProvider"];

    /// <summary>What the kernel may use although its name begins with a forbidden one: pure exceptions and bit twiddling, no IO and no threads.</summary>
    private static readonly string[] s_harmless =
        ["System.IO.InvalidDataException", "System.Threading.Volatile", "System.Threading.Timeout"];

    /// <summary>Layer → layers of this assembly it may use besides itself and the public root. The most specific prefix names the layer.</summary>
    private static readonly Dictionary<string, string[]> s_allowed = new()
    {
        ["ExactlyOnce.Kernel.Primitives"] = [],
        ["ExactlyOnce.Kernel.Records"] = ["ExactlyOnce.Kernel.Primitives"],
        ["ExactlyOnce.Kernel.Partitions"] = ["ExactlyOnce.Kernel.Primitives", "ExactlyOnce.Kernel.Records"],
        ["ExactlyOnce.Kernel.Transactions"] = ["ExactlyOnce.Kernel.Primitives", "ExactlyOnce.Kernel.Records"],
        ["ExactlyOnce.Kernel.Groups"] = ["ExactlyOnce.Kernel.Primitives", "ExactlyOnce.Kernel.Records"],
        ["ExactlyOnce.References"] = ["ExactlyOnce.Kernel.Primitives", "ExactlyOnce.Kernel.Records"],
        ["ExactlyOnce.Engine.Disk"] = ["ExactlyOnce.Kernel.Primitives"],
        ["ExactlyOnce.Engine.Environment"] = ["ExactlyOnce.Kernel.Primitives", "ExactlyOnce.Engine.Disk"],
        ["ExactlyOnce.Engine.Diagnostics"] = ["ExactlyOnce.Kernel.Primitives", "ExactlyOnce.Diagnostics"],
        ["ExactlyOnce.Engine.Journal"] = ["ExactlyOnce.Kernel.Primitives", "ExactlyOnce.Kernel.Records", "ExactlyOnce.Engine.Disk", "ExactlyOnce.Engine.Environment", "ExactlyOnce.Engine.Diagnostics"],
        ["ExactlyOnce.Engine.Log"] = ["ExactlyOnce.Kernel.Primitives", "ExactlyOnce.Kernel.Records", "ExactlyOnce.Engine.Disk", "ExactlyOnce.Engine.Environment", "ExactlyOnce.Engine.Diagnostics", "ExactlyOnce.References"],
        ["ExactlyOnce.Engine.Partitions"] = ["ExactlyOnce.Kernel.Primitives", "ExactlyOnce.Kernel.Records", "ExactlyOnce.Kernel.Partitions", "ExactlyOnce.Engine.Disk", "ExactlyOnce.Engine.Environment", "ExactlyOnce.Engine.Diagnostics", "ExactlyOnce.Engine.Journal", "ExactlyOnce.Engine.Log", "ExactlyOnce.References"],
        ["ExactlyOnce.Engine.Coordination"] = ["ExactlyOnce.Kernel.Primitives", "ExactlyOnce.Kernel.Records", "ExactlyOnce.Kernel.Partitions", "ExactlyOnce.Kernel.Transactions", "ExactlyOnce.Kernel.Groups", "ExactlyOnce.Engine.Disk", "ExactlyOnce.Engine.Environment", "ExactlyOnce.Engine.Diagnostics", "ExactlyOnce.Engine.Journal", "ExactlyOnce.Engine.Log", "ExactlyOnce.Engine.Partitions"],
        ["ExactlyOnce.Engine.Recovery"] = ["ExactlyOnce.Kernel.Primitives", "ExactlyOnce.Kernel.Records", "ExactlyOnce.Kernel.Partitions", "ExactlyOnce.Kernel.Transactions", "ExactlyOnce.Kernel.Groups", "ExactlyOnce.Engine.Disk", "ExactlyOnce.Engine.Environment", "ExactlyOnce.Engine.Diagnostics", "ExactlyOnce.Engine.Journal", "ExactlyOnce.Engine.Log", "ExactlyOnce.Engine.Partitions", "ExactlyOnce.Engine.Coordination", "ExactlyOnce.References"],
        ["ExactlyOnce.Engine.Backend"] = ["ExactlyOnce.Kernel", "ExactlyOnce.Engine", "ExactlyOnce.Clients", "ExactlyOnce.Diagnostics", "ExactlyOnce.References"],
        ["ExactlyOnce.Clients"] = ["ExactlyOnce.Kernel.Primitives", "ExactlyOnce.Kernel.Records", "ExactlyOnce.Diagnostics", "ExactlyOnce.References"],
    };

    [Fact]
    public void Every_layer_refers_only_to_the_layers_below_it()
    {
        var violations =
            from type in typeof(Broker).Assembly.GetTypes()
            where type.Namespace is not null
            let layer = LayerOf(type)
            where layer is not null
            from used in TypeReferences.Of(type)
            where used.Assembly == typeof(Broker).Assembly && LayerOf(used) is { } other && other != layer
                && !s_allowed[layer].Any(allowed => LayerOf(used)!.StartsWith(allowed, StringComparison.Ordinal))
            select $"{type.FullName} uses {used.FullName}";

        violations.Distinct().Should().BeEmpty();
    }

    [Fact]
    public void The_kernel_knows_no_file_no_thread_no_clock_and_no_logger()
    {
        var violations =
            from type in typeof(Broker).Assembly.GetTypes()
            where type.Namespace?.StartsWith("ExactlyOnce.Kernel", StringComparison.Ordinal) == true
            from used in TypeReferences.Of(type)
            where used.FullName is { } name
                && s_forbiddenInKernel.Any(forbidden => name.StartsWith(forbidden, StringComparison.Ordinal)) && !s_harmless.Contains(name)
            select $"{type.FullName} uses {used.FullName}";

        violations.Distinct().Where(violation => !violation.Contains(" uses System.IO.") || !IsCodec(violation)).Should().BeEmpty();
    }

    [Fact]
    public void Every_layer_of_the_rule_exists() =>
        typeof(Broker).Assembly.GetTypes().Select(LayerOf).Where(layer => layer is not null).Distinct()
            .Should().Contain(s_allowed.Keys.Where(layer => layer is not "ExactlyOnce.Engine.Diagnostics"));

    // A gzip stream over memory is arithmetic, not IO.
    private static bool IsCodec(string violation) => violation.StartsWith("ExactlyOnce.Kernel.Records.Gzip", StringComparison.Ordinal);

    private static string? LayerOf(Type type) => s_allowed.Keys
        .Where(layer => type.Namespace == layer || type.Namespace?.StartsWith(layer + ".", StringComparison.Ordinal) == true)
        .MaxBy(layer => layer.Length);
}
