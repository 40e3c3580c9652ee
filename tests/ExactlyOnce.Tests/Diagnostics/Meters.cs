namespace ExactlyOnce.Tests.Diagnostics;

/// <summary>A listener changes what sends cost: those who listen to the meters and those who count what a record costs take turns.</summary>
[CollectionDefinition(nameof(Meters))]
public sealed class Meters;
