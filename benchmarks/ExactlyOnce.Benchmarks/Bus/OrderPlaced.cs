using System.Text.Json.Serialization;

namespace ExactlyOnce.Benchmarks.Bus;

/// <summary>What is published. Public, as the buses generate code that handles it.</summary>
public sealed record OrderPlaced(int Number, string Customer, decimal Total);

[JsonSerializable(typeof(OrderPlaced))]
internal sealed partial class BusJson : JsonSerializerContext;
