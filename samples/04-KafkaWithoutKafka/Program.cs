// Code for Kafka, as it is, without a Kafka: no server, no container, no JVM. Orders are turned into invoices by Confluent.Kafka, input positions and outputs in one transaction;
// every third transaction fails half-way and is repeated. At the end each order has exactly one invoice.
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using ExactlyOnce.Kafka.Endpoint;

const int Orders = 300;
const int OrdersInTransaction = 25;
var patience = TimeSpan.FromSeconds(30);

// All that this program knows of ExactlyOnce: a broker in memory, and a port on which it speaks Kafka's protocol.
await using var broker = ExactlyOnce.Broker.CreateInMemory();
await using var endpoint = await KafkaEndpoint.StartAsync(broker, new KafkaEndpointOptions { Port = 0 });
var servers = endpoint.BootstrapServers;
Console.WriteLine($"Serving Kafka clients on {servers}.");

// From here on: Confluent.Kafka, as against any cluster.
using (var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = servers }).Build())
    await admin.CreateTopicsAsync([new() { Name = "orders", NumPartitions = 3 }, new() { Name = "invoices", NumPartitions = 2 }]);

WriteOrders();
var failures = Invoice();
var invoices = ReadInvoices();

Console.WriteLine($"{Orders} orders, {invoices.Count} invoices for {invoices.Distinct().Count()} of them, after {failures} transactions that failed half-way.");
var isExactlyOnce = invoices.Order(StringComparer.Ordinal).SequenceEqual(Enumerable.Range(0, Orders).Select(number => $"{number}").Order(StringComparer.Ordinal));
Console.WriteLine(isExactlyOnce ? "Each order once: PASS" : "Not each order once: FAIL");
return isExactlyOnce ? 0 : 1;

void WriteOrders()
{
    using var producer = new ProducerBuilder<string, string>(new ProducerConfig { BootstrapServers = servers, EnableIdempotence = true }).Build();
    for (var number = 0; number < Orders; number++)
        producer.Produce("orders", new Message<string, string> { Key = $"{number}", Value = $"order {number}" });
    producer.Flush(patience);
}

int Invoice()
{
    using var producer = new ProducerBuilder<string, string>(new ProducerConfig { BootstrapServers = servers, TransactionalId = "invoicing" }).Build();
    using var consumer = Subscribe("invoicing", "orders");
    producer.InitTransactions(patience);
    var done = 0;
    var failed = 0;
    for (var attempt = 1; done < Orders; attempt++)
    {
        var orders = Take(consumer, Math.Min(OrdersInTransaction, Orders - done));
        producer.BeginTransaction();
        foreach (var order in orders)
            producer.Produce("invoices", new Message<string, string> { Key = order.Message.Key, Value = $"invoice for {order.Message.Value}" });
        producer.SendOffsetsToTransaction(
            orders.GroupBy(order => order.TopicPartition).Select(orders => new TopicPartitionOffset(orders.Key, orders.Max(order => order.Offset.Value) + 1)),
            consumer.ConsumerGroupMetadata, patience);
        if (attempt % 3 == 0)
        {
            // Invoices and positions are gone, as if this transaction had never been: read the same orders again.
            producer.AbortTransaction(patience);
            foreach (var first in orders.GroupBy(order => order.TopicPartition).Select(orders => orders.MinBy(order => order.Offset.Value)!))
                consumer.Seek(first.TopicPartitionOffset);
            failed++;
            continue;
        }
        producer.CommitTransaction(patience);
        done += orders.Count;
    }
    consumer.Close();
    return failed;
}

List<string> ReadInvoices()
{
    using var consumer = Subscribe("report", "invoices");
    var ended = new HashSet<TopicPartition>();
    var keys = new List<string>();
    while (ended.Count < 2 && consumer.Consume(patience) is { } result)
    {
        if (result.IsPartitionEOF)
            ended.Add(result.TopicPartition);
        else
            keys.Add(result.Message.Key);
    }
    consumer.Close();
    return keys;
}

IConsumer<string, string> Subscribe(string group, string topic)
{
    var consumer = new ConsumerBuilder<string, string>(new ConsumerConfig
    {
        BootstrapServers = servers,
        GroupId = group,
        AutoOffsetReset = AutoOffsetReset.Earliest,
        IsolationLevel = IsolationLevel.ReadCommitted,
        EnableAutoCommit = false,
        EnablePartitionEof = topic == "invoices",
    }).Build();
    consumer.Subscribe(topic);
    return consumer;
}

List<ConsumeResult<string, string>> Take(IConsumer<string, string> consumer, int count)
{
    var records = new List<ConsumeResult<string, string>>();
    while (records.Count < count)
        records.Add(consumer.Consume(patience) ?? throw new TimeoutException($"No order came within {patience}."));
    return records;
}
