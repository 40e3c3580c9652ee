namespace ExactlyOnce.Tests.Readme;

/// <summary>Reads what is committed in a topic now.</summary>
internal static class Read
{
    public static async Task<List<ConsumerRecord<TKey, TValue>>> AllAsync<TKey, TValue>(Broker broker, Topic<TKey, TValue> topic)
    {
        await using var consumer = broker.CreateConsumer(topic).StartFrom(StartFrom.Earliest).Build();
        var found = new List<ConsumerRecord<TKey, TValue>>();
        await foreach (var record in consumer.ReadToEndAsync())
            found.Add(record);
        return found;
    }
}
