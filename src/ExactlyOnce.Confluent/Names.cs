namespace ExactlyOnce.Confluent;

using global::Confluent.Kafka;

/// <summary>Partitions as one library and the other call them.</summary>
internal static class Names
{
    public static ExactlyOnce.TopicPartition ToBroker(this TopicPartition partition) => new(partition.Topic, partition.Partition.Value);

    public static TopicPartition ToClient(this ExactlyOnce.TopicPartition partition) => new(partition.Topic, partition.Partition);
}
