using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using ExactlyOnce.Clients;
using ExactlyOnce.Clients.Consuming;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Kafka.Endpoint.Security;

/// <summary>
/// Where users and rules are kept that came over the wire: in a compacted topic of the broker, so that they are as durable as its records, and survive with
/// them. Read once; written by nobody else, and closed to clients. All endpoints of a broker share one.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "A semaphore whose handle nobody asks for holds nothing; it goes with its broker.")]
internal sealed class SecurityStore
{
    public const string TopicName = InternalTopicNames.EndpointSecurity;

    private const int ReadBytes = 1 << 20;

    private static readonly ConditionalWeakTable<Broker, SecurityStore> s_stores = [];
    private static readonly Topic<byte[], byte[]> s_topic = Topic.Create(TopicName, Serdes.Bytes, Serdes.Bytes);

    private readonly Broker _broker;
    private readonly SemaphoreSlim _changing = new(1, 1);
    private volatile SecurityState _state;

    private SecurityStore(Broker broker)
    {
        _broker = broker;
        _state = Load(broker.Backend);
    }

    public SecurityState State => _state;

    public static SecurityStore Of(Broker broker) => s_stores.GetValue(broker, static broker => new SecurityStore(broker));

    /// <summary>All of it, or when it fails none.</summary>
    /// <param name="user">Who.</param>
    /// <param name="changes">By mechanism; null: he has it no more.</param>
    /// <exception cref="BrokerException">The broker cannot write it.</exception>
    public Task SetAsync(string user, IReadOnlyDictionary<sbyte, ScramCredential?> changes) => ChangeAsync(SecurityRecord.KeyOf(user), state =>
    {
        var credentials = state.CredentialsOf(user);
        foreach (var (mechanism, credential) in changes)
            if (credential is null)
                credentials.Remove(mechanism);
            else
                credentials[mechanism] = credential;
        return SecurityRecord.ValueOf(credentials);
    });

    /// <exception cref="BrokerException">The broker cannot write it.</exception>
    public Task SetAsync(AclBinding rule, bool isKept) => ChangeAsync(SecurityRecord.KeyOf(rule), _ => isKept ? SecurityRecord.RuleValue : null);

    private static SecurityState Load(BrokerBackend backend)
    {
        var state = SecurityState.Empty;
        if (backend.TryGetTopic(TopicName) is null)
            return state;
        var partition = backend.GetPartition(new TopicPartition(TopicName, 0));
        var decompressor = new BatchDecompressor(backend.GetCodec, int.MaxValue);
        using var reader = partition.OpenRawReader();
        for (var offset = partition.Offsets.LogStart; offset < partition.Offsets.HighWatermark;)
        {
            using var read = reader.Read(offset, IsolationLevel.ReadUncommitted, ReadBytes, takesOne: true);
            if (read.Error != ErrorCode.None)
                throw ErrorTable.ToException(read.Error, $"The users and rules of the Kafka endpoint cannot be read from the topic {TopicName}.");
            if (read.Bytes == 0)
                break;
            foreach (var piece in read.Pieces)
                (state, offset) = Apply(state, piece.Span, decompressor);
        }
        return state;
    }

    private static (SecurityState State, long Next) Apply(SecurityState state, ReadOnlySpan<byte> bytes, BatchDecompressor decompressor)
    {
        var next = 0L;
        foreach (var header in new BatchSequence(bytes))
            next = header.NextOffset;
        var batches = new BatchSequence(bytes);
        while (batches.MoveNext())
            foreach (var record in decompressor.Open(batches.Current, batches.Batch))
                state = SecurityRecord.Apply(state, record.Key.ToArray(), record.HasValue ? record.Value.ToArray() : null);
        return (state, next);
    }

    /// <summary>Written, and only then in force.</summary>
    private async Task ChangeAsync(byte[] key, Func<SecurityState, byte[]?> valueOver)
    {
        await _changing.WaitAsync().ConfigureAwait(false);
        try
        {
            if (_broker.Backend.TryGetTopic(TopicName) is null)
            {
                var options = new TopicOptions { Cleanup = CleanupPolicy.Compact, RetainFor = TopicOptions.Forever };
                await _broker.Backend.CreateTopicAsync(TopicName, options, CancellationToken.None).ConfigureAwait(false);
            }
            var value = valueOver(_state);
            await _broker.PublishAsync(s_topic, key, value!).ConfigureAwait(false);
            _state = SecurityRecord.Apply(_state, key, value);
        }
        finally
        {
            _changing.Release();
        }
    }
}
