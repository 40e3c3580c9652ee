namespace ExactlyOnce.Kernel.Groups.Classic;

/// <summary>An assignor that a member supports, with what the member says about itself to that assignor; opaque to the broker.</summary>
internal readonly record struct ClassicProtocol(string Name, ReadOnlyMemory<byte> Metadata);
