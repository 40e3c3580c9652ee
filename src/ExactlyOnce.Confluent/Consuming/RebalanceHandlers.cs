namespace ExactlyOnce.Confluent.Consuming;

using global::Confluent.Kafka;

/// <summary>What the builder was given to be called.</summary>
internal sealed record RebalanceHandlers<TKey, TValue>(
    Func<IConsumer<TKey, TValue>, List<TopicPartition>, IEnumerable<TopicPartitionOffset>>? Assigned,
    Func<IConsumer<TKey, TValue>, List<TopicPartitionOffset>, IEnumerable<TopicPartitionOffset>>? Revoked,
    Func<IConsumer<TKey, TValue>, List<TopicPartitionOffset>, IEnumerable<TopicPartitionOffset>>? Lost,
    Action<IConsumer<TKey, TValue>, CommittedOffsets>? Committed,
    Action<IConsumer<TKey, TValue>, Error>? Failed);
