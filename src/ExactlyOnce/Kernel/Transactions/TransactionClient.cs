namespace ExactlyOnce.Kernel.Transactions;

/// <summary>Who calls.</summary>
/// <param name="Kind">In-process callers get our clearer verdicts, network clients those of Kafka's tables.</param>
/// <param name="Generation">Which of Kafka's tables holds for the call.</param>
/// <param name="Name">Tells a fenced producer by whom: a producer's or a connection's name, for people.</param>
internal readonly record struct TransactionClient(OwnerKind Kind, TransactionGeneration Generation, string Name)
{
    public static TransactionClient InProcess(string name) => new(OwnerKind.InProcess, TransactionGeneration.V2, name);

    public static TransactionClient Network(TransactionGeneration generation, string name) => new(OwnerKind.Network, generation, name);
}
