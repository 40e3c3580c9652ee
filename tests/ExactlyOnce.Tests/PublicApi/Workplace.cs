using System.Globalization;
using System.Reflection;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;

namespace ExactlyOnce.Tests.PublicApi;

/// <summary>
/// A broker in memory with records in it and one of everything that can be made of it, to call wrongly; and a picture of the broker's state, to see that
/// nothing has come of it.
/// </summary>
internal sealed class Workplace : IAsyncDisposable
{
    public static readonly Topic<string, string> Orders = Topic.Create("orders", Serdes.Utf8, Serdes.Utf8);
    public static readonly Topic<NoKey, string> Greetings = Topic.Create("greetings", Serdes.Utf8);

    private IAsyncEnumerator<ConsumerBatch<string, string>> _loop = null!;
    private Subscription? _subscription;

    private Workplace()
    {
    }

    public Broker Broker { get; private set; } = null!;

    public Producer<string, string> Producer { get; private set; } = null!;

    public Producer<string, string> Named { get; private set; } = null!;

    public Producer<NoKey, string> Greeter { get; private set; } = null!;

    public TransactionalProducer Transactional { get; private set; } = null!;

    public TransactionalProducer Busy { get; private set; } = null!;

    public Transaction Transaction { get; private set; } = null!;

    public Consumer<string, string> Consumer { get; private set; } = null!;

    public ConsumerBatch<string, string> Batch => _loop.Current;

    public Consumer<string, string> Idle { get; private set; } = null!;

    public Pipeline Pipeline { get; private set; } = null!;

    public static async Task<Workplace> OpenAsync()
    {
        var here = new Workplace { Broker = Broker.CreateInMemory(options => options.AutoCreateTopics = false) };
        var broker = here.Broker;
        await broker.Admin.CreateTopicAsync(Orders.Name, options => options.MessageIdWindow = TimeSpan.FromHours(1));
        await broker.Admin.CreateTopicAsync(Greetings.Name);
        await broker.PublishAsync(Orders, "k", "first");
        await broker.Admin.ResetGroupOffsetAsync("idle", new TopicPartition("orders", 0), 1);
        here.Producer = await broker.CreateProducer(Orders).BuildAsync();
        here.Named = await broker.CreateProducer(Orders).WithIdentity("import").BuildAsync();
        here.Greeter = await broker.CreateProducer(Greetings).BuildAsync();
        here.Transactional = await broker.CreateTransactionalProducerAsync("free");
        here.Busy = await broker.CreateTransactionalProducerAsync("busy");
        here.Transaction = await here.Busy.BeginTransactionAsync();
        here.Consumer = broker.CreateConsumer(Orders).InGroup("mailer").Build();
        here.Idle = broker.CreateConsumer(Orders).InGroup("reader").Build();
        here.Pipeline = broker.CreatePipeline("billing").Read(Orders).Process((_, _, _) => default);
        here._loop = here.Consumer.ReadBatchesAsync().GetAsyncEnumerator();
        (await here._loop.MoveNextAsync()).Should().BeTrue();
        return here;
    }

    /// <summary>What the call is made on; null for a static one or a constructor.</summary>
    public object? Target(PublicCall call)
    {
        if (call.Method.IsStatic || call.Method is ConstructorInfo)
            return null;
        var type = call.Type;
        return type == typeof(Broker) ? Broker
            : type == typeof(BrokerAdmin) ? Broker.Admin
            : type == typeof(BrokerOptions) ? new BrokerOptions()
            : type == typeof(Producer<string, string>) ? call.Name.Contains("ourceSequence", StringComparison.Ordinal) ? Named : Producer
            : type == typeof(TransactionalProducer) ? Transactional
            : type == typeof(Transaction) || type == typeof(TransactionWriter) ? Transaction
            : type == typeof(Consumer<string, string>) ? call.Method.Name.StartsWith("Read", StringComparison.Ordinal) ? Idle : Consumer
            : type == typeof(ConsumerBatch<string, string>) ? Batch
            : type == typeof(ConsumerBatch<string, string>.Enumerator) ? Batch.GetEnumerator()
            : type == typeof(Pipeline) ? Pipeline
            : type == typeof(Subscription) ? _subscription ??= Broker.Subscribe(Orders, _ => { })
            : type == typeof(BrokerBuilder) ? Broker.CreateBuilder()
            : type == typeof(ProducerBuilder<string, string>) ? Broker.CreateProducer(Orders)
            : type == typeof(ConsumerBuilder<string, string>) ? Broker.CreateConsumer(Orders).InGroup("new")
            : type == typeof(PipelineBuilder) ? Broker.CreatePipeline("new")
            : type == typeof(PipelineBuilder<string, string>) ? Broker.CreatePipeline("new").Read(Orders)
            : type == typeof(RecordHeader) ? new RecordHeader("key", "value")
            : type == typeof(RecordHeaders) ? RecordHeaders.Create(new RecordHeader("key", "value"))
            : type == typeof(RecordHeaders.Enumerator) ? RecordHeaders.Create(new RecordHeader("key", "value")).GetEnumerator()
            : throw new InvalidOperationException($"Tell the workplace how to come by a {type} for {call}.");
    }

    /// <summary>An argument that is as it should be.</summary>
    public object? Argument(PublicCall call, ParameterInfo parameter)
    {
        if (parameter.IsOut)
            return null;
        var type = Nullable.GetUnderlyingType(parameter.ParameterType) ?? parameter.ParameterType;
        if (type == typeof(string))
            return parameter.Name switch
            {
                "topic" when call.Method.Name is "CreateTopicAsync" or "AddTopic" => "new",
                "topic" => "orders",
                "group" when call.Type == typeof(BrokerAdmin) => "idle",
                "connectionString" or "directoryOrConnectionString" => "mode=memory",
                _ => "text",
            };
        if (type == typeof(int))
            return call.Method.Name == "AddPartitionsAsync" ? 2 : call.Method.Name.Contains("Batch", StringComparison.Ordinal) || parameter.Name == "bytes" ? 4096 : call.Type.Name.StartsWith("ConsumerBatch", StringComparison.Ordinal) || call.Type == typeof(RecordHeaders) ? 0 : 3;
        if (type == typeof(long))
            return parameter.Name == "bytes" ? 1L << 20 : 1L;
        return type switch
        {
            _ when type == typeof(short) => (short)0,
            _ when type == typeof(bool) => true,
            _ when type == typeof(TimeSpan) => TimeSpan.FromMilliseconds(5),
            _ when type == typeof(DateTimeOffset) => DateTimeOffset.UnixEpoch,
            _ when type == typeof(CancellationToken) => CancellationToken.None,
            _ when type == typeof(TopicPartition) => new TopicPartition("orders", 0),
            _ when type == typeof(StartFrom) => ExactlyOnce.StartFrom.Earliest,
            _ when type == typeof(Durability) => Durability.Memory,
            _ when type.IsEnum => Enum.GetValues(type).GetValue(0),
            _ when type == typeof(Broker) => Broker,
            _ when type == typeof(Topic<string, string>) => Orders,
            _ when type == typeof(Topic<NoKey, string>) => Greetings,
            _ when type == typeof(Producer<NoKey, string>) => Greeter,
            _ when type == typeof(Consumer<string, string>) => Consumer,
            _ when type == typeof(ConsumerBatch<string, string>) => Batch,
            _ when type == typeof(Transaction) || type == typeof(TransactionWriter) => Transaction,
            _ when type == typeof(ProducerRecord<string, string>) => new ProducerRecord<string, string>("k", "v"),
            _ when type == typeof(ProducerRecord<NoKey, string>) => new ProducerRecord<NoKey, string>(default, "v"),
            _ when type == typeof(TransactionalProducerOptions) => new TransactionalProducerOptions(),
            _ when type == typeof(RecordHeader) => new RecordHeader("key", "value"),
            _ when type == typeof(ReadOnlyMemory<byte>) => new ReadOnlyMemory<byte>([1]),
            _ when type == typeof(byte[]) => new byte[] { 1 },
            _ when type == typeof(int[]) => new[] { 0 },
            _ when type == typeof(ISerde<string>) => Serdes.Utf8,
            _ when type == typeof(ISerde<int>) => Serdes.Int32,
            _ when type == typeof(Partitioner) => Partitioners.Murmur2,
            _ when type == typeof(TimeProvider) => TimeProvider.System,
            _ when type == typeof(Microsoft.Extensions.Logging.ILoggerFactory) => NullLoggerFactory.Instance,
            _ when type == typeof(ICompressionCodec) => new OtherCodec(),
            _ when type == typeof(ITransactionalSink<string, string>) => new NoSink(),
            _ when type == typeof(Action<ConsumerRecord<string, string>>) => (Action<ConsumerRecord<string, string>>)(_ => { }),
            _ when type == typeof(Func<ConsumerRecord<string, string>, ValueTask>) => (Func<ConsumerRecord<string, string>, ValueTask>)(_ => default),
            _ when type == typeof(Func<ConsumerRecord<string, string>, (string, string)>) => (Func<ConsumerRecord<string, string>, (string, string)>)(record => (record.Key, record.Value)),
            _ when type == typeof(Func<ConsumerBatch<string, string>, TransactionWriter, CancellationToken, ValueTask>) =>
                (Func<ConsumerBatch<string, string>, TransactionWriter, CancellationToken, ValueTask>)((_, _, _) => default),
            _ when type == typeof(Func<ConsumerRecord<string, string>, TransactionWriter, CancellationToken, ValueTask>) =>
                (Func<ConsumerRecord<string, string>, TransactionWriter, CancellationToken, ValueTask>)((_, _, _) => default),
            _ when type == typeof(Func<TransactionWriter, CancellationToken, Task>) => (Func<TransactionWriter, CancellationToken, Task>)((_, _) => Task.CompletedTask),
            _ when type == typeof(Func<TransactionWriter, CancellationToken, Task<string>>) => (Func<TransactionWriter, CancellationToken, Task<string>>)((_, _) => Task.FromResult("")),
            _ when type == typeof(Action<TopicOptions>) => (Action<TopicOptions>)(_ => { }),
            _ when type == typeof(Action<BrokerOptions>) => (Action<BrokerOptions>)(_ => { }),
            _ when type == typeof(Action<ConsumerOptions>) => (Action<ConsumerOptions>)(_ => { }),
            _ when type == typeof(Action<PipelineOptions>) => (Action<PipelineOptions>)(_ => { }),
            _ when type == typeof(Action<SubscriptionOptions>) => (Action<SubscriptionOptions>)(_ => { }),
            _ when type == typeof(Action<string, System.Buffers.IBufferWriter<byte>>) => (Action<string, System.Buffers.IBufferWriter<byte>>)((_, _) => { }),
            _ when type == typeof(Func<ReadOnlySpan<byte>, string>) => (Func<ReadOnlySpan<byte>, string>)(_ => ""),
            _ => throw new InvalidOperationException($"Tell the workplace an argument for {parameter.ParameterType} {parameter.Name} of {call}."),
        };
    }

    /// <summary>Everything that a call could have changed, as text.</summary>
    public async Task<string> PictureAsync()
    {
        var picture = new StringBuilder();
        foreach (var topic in Broker.Admin.ListTopics().Where(topic => !topic.IsInternal))
        {
            picture.AppendLine(CultureInfo.InvariantCulture, $"{topic.Name} {topic.Id} {topic.Partitions}");
            foreach (var option in typeof(TopicOptions).GetProperties())
                picture.AppendLine(CultureInfo.InvariantCulture, $"  {option.Name}={option.GetValue(topic.Options)}");
            for (var index = 0; index < topic.Partitions; index++)
                picture.AppendLine(CultureInfo.InvariantCulture, $"  {Broker.Backend.GetPartition(new TopicPartition(topic.Name, index)).Offsets}");
        }
        foreach (var group in Broker.Admin.ListGroups())
            foreach (var (partition, offset) in await Broker.Admin.GetGroupOffsetsAsync(group, Orders.Name))
                picture.AppendLine(CultureInfo.InvariantCulture, $"{group} {partition} {offset}");
        foreach (var prepared in await Broker.Admin.ListPreparedTransactionsAsync())
            picture.AppendLine(CultureInfo.InvariantCulture, $"prepared {prepared.Token}");
        picture.AppendLine(CultureInfo.InvariantCulture, $"imported {await Named.GetLastSourceSequenceAsync()}, at {Consumer.Position(new TopicPartition("orders", 0))}, batch of {Batch.Count}");
        return picture.ToString();
    }

    /// <summary>
    /// That what was called wrongly still works. A record that a transaction refused can never be left out of it: then it is only to be aborted.
    /// </summary>
    public async Task UseAsync(bool isTransactionSpoilt)
    {
        await Producer.SendAsync("k", "v");
        await Named.SendAsync("k", "v", sourceSequence: 7);
        if (isTransactionSpoilt)
        {
            await Transaction.Awaiting(transaction => transaction.CommitAsync().AsTask()).Should().ThrowAsync<TransactionAbortableException>();
            await Transaction.AbortAsync();
        }
        else
        {
            await Transaction.SendAsync(Orders, "k", "v");
            Transaction.AddOffsets(Consumer, Batch);
            await Transaction.CommitAsync();
        }
        await Transactional.InTransactionAsync((writer, token) => writer.SendAsync(Orders, "k", "v", token).AsTask());
    }

    public async ValueTask DisposeAsync()
    {
        await _loop.DisposeAsync();
        await Broker.DisposeAsync();
    }

    private sealed class OtherCodec : ICompressionCodec
    {
        public CompressionType Type => CompressionType.Zstd;

        public void Compress(ReadOnlySpan<byte> source, System.Buffers.IBufferWriter<byte> destination) => throw new NotSupportedException();

        public void Decompress(ReadOnlySpan<byte> source, System.Buffers.IBufferWriter<byte> destination, int maxBytes) => throw new NotSupportedException();
    }

    private sealed class NoSink : ITransactionalSink<string, string>
    {
        public ValueTask<long?> LoadNextOffsetAsync(TopicPartition partition, CancellationToken cancellationToken) => default;

        public ValueTask WriteAsync(ConsumerBatch<string, string> batch, CancellationToken cancellationToken) => default;
    }
}
