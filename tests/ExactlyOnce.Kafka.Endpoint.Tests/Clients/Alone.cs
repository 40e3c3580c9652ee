namespace ExactlyOnce.Kafka.Endpoint.Tests.Clients;

/// <summary>Tests that measure the memory of the whole process, and therefore run when no others do: <c>[Collection(Alone.Name)]</c>.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Alone
{
    public const string Name = "alone";
}
