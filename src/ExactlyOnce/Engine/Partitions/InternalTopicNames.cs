namespace ExactlyOnce.Engine.Partitions;

/// <summary>The broker's own topics, named as Kafka names them. Clients read them; only the broker writes to them.</summary>
internal static class InternalTopicNames
{
    public const string TransactionState = "__transaction_state";
    public const string ConsumerOffsets = "__consumer_offsets";

    /// <summary>Users and access rules of the Kafka endpoint, which writes it as any host writes a topic, and shows it to nobody.</summary>
    public const string EndpointSecurity = "__kafka_endpoint_security";

    public static bool Contains(string topic) => topic is TransactionState or ConsumerOffsets;
}
