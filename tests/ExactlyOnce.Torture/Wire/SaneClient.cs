using System.Globalization;
using System.Text;
using ExactlyOnce.Kafka.Endpoint;
using ExactlyOnce.Kafka.Endpoint.Apis;
using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Serving;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Torture.Wire;

/// <summary>
/// A well-behaved client: an idempotent producer that reads back what it wrote, beside others that are neither. Logs in as <paramref name="user"/>, if there is
/// any.
/// </summary>
internal sealed class SaneClient(KafkaConnectionHandler handler, string topic, string? user = null)
{
    public const string Topic = "a-topic-that-no-chance-will-name";
    public const string SecuredTopic = "another-topic-that-no-chance-will-name";

    private const short ProduceVersion = 9;
    private const short FetchVersion = 12;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    private readonly PipedConnection _connection = new(handler);
    private ProducerIdentity _producer = ProducerIdentity.None;
    private int _correlation;

    public int Written { get; private set; }

    /// <summary>Writes a record, which must get the next offset, and reads it back.</summary>
    public async Task WriteAndReadAsync()
    {
        if (_producer == ProducerIdentity.None)
        {
            if (user is not null)
                await LoginAsync(user);
            var init = await CallAsync<InitProducerIdResponse>(4, new InitProducerIdRequest { TransactionTimeoutMs = 60_000 });
            _producer = new ProducerIdentity(init.ProducerId, init.ProducerEpoch);
        }
        var produced = (await CallAsync<ProduceResponse>(ProduceVersion, Produce())).Responses[0].PartitionResponses[0];
        Require(produced.ErrorCode == KafkaError.None && produced.BaseOffset == Written,
            $"wrote record {Written} and was told {produced.ErrorCode}, offset {produced.BaseOffset}");
        var read = await FetchAsync(Written);
        Require(read.Count == 1 && read[0] == Written, $"read [{string.Join(", ", read)}] where it wrote {Written}");
        Written++;
    }

    public async Task ReadAllAsync()
    {
        for (var next = 0; next < Written;)
            foreach (var value in await FetchAsync(next))
                Require(value == next++, $"found {value} at offset {next - 1}");
    }

    private async Task LoginAsync(string name)
    {
        await CallAsync<SaslHandshakeResponse>(1, new SaslHandshakeRequest { Mechanism = "PLAIN" });
        var token = new SaslAuthenticateRequest { AuthBytes = Encoding.UTF8.GetBytes($"\0{name}\0{FuzzedServers.Password}") };
        var answer = await CallAsync<SaslAuthenticateResponse>(2, token);
        Require(answer.ErrorCode == KafkaError.None, $"logged in and was told {answer.ErrorCode}");
    }

    public async Task CloseAsync()
    {
        _connection.EndSending();
        await _connection.WaitForEndAsync(s_patience);
        _connection.Forget();
    }

    private ProduceRequest Produce()
    {
        var writer = new BatchWriter();
        // Now: retention goes by it.
        writer.TryAppend(TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds(), default, false,
            Encoding.ASCII.GetBytes(Written.ToString(CultureInfo.InvariantCulture)), true, null, int.MaxValue);
        writer.Seal(_producer, Written, BatchAttributes.None, null);
        return new ProduceRequest
        {
            Acks = -1,
            TopicData = [new() { Name = topic, PartitionData = [new() { Records = new RecordBytes(writer.Bytes.ToArray()) }] }],
        };
    }

    private async Task<List<int>> FetchAsync(long offset)
    {
        var answer = await CallAsync<FetchResponse>(FetchVersion, new FetchRequest
        {
            MaxBytes = 1 << 20,
            MinBytes = 1,
            MaxWaitMs = 1000,
            Topics = [new() { Name = topic, Partitions = [new() { FetchOffset = offset, PartitionMaxBytes = 1 << 20 }] }],
        });
        var partition = answer.Responses[0].Partitions[0];
        Require(partition.ErrorCode == KafkaError.None, $"fetched and was told {partition.ErrorCode}");
        return ValuesOf(partition.Records.First);
    }

    private static List<int> ValuesOf(ReadOnlyMemory<byte> bytes)
    {
        var values = new List<int>();
        var batches = new BatchSequence(bytes.Span);
        while (batches.MoveNext())
            foreach (var record in BatchReader.Open(batches.Batch))
                values.Add(int.Parse(record.Value, CultureInfo.InvariantCulture));
        return values;
    }

    private async Task<TResponse> CallAsync<TResponse>(short version, IMessage request)
        where TResponse : class, IMessage, new()
    {
        var api = ApiRegistry.All.Single(api => api.NewRequest().GetType() == request.GetType());
        var writer = new WireWriter();
        writer.WriteRequest(request, new RequestHeader(api.Key, version, ++_correlation), "sane", api.FlexibleFrom);
        await _connection.SendAsync(writer.ToArray());
        var frame = await _connection.ReadAsync().WaitAsync(s_patience) ?? throw new InvalidOperationException("was disconnected");
        var reader = new WireReader();
        reader.Open(frame);
        Require(reader.ReadAnswerHeader(api.IsFlexible(version)) == _correlation, "got an answer to another question");
        var response = new TResponse();
        reader.ReadBody(response, version, api.FlexibleFrom);
        return response;
    }

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
            throw new InvalidOperationException(otherwise);
    }
}
