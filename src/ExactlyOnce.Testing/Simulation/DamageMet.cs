using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Testing.Simulation;

/// <summary>The disk has broken its promises, and the power is cut: from here on records may be missing, and only what is not true is wrong.</summary>
internal sealed record DamageMet : Fact;
