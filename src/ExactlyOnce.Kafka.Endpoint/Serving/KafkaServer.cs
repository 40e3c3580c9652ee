using System.Collections.Concurrent;
using ExactlyOnce.Clients;
using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Kernel.Records;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace ExactlyOnce.Kafka.Endpoint.Serving;

/// <summary>
/// What the connections of one endpoint share: the broker, the options, the limits. Kestrel accepts and hands connections to
/// <see cref="KafkaConnectionHandler"/>, which asks here.
/// </summary>
internal sealed class KafkaServer
{
    /// <summary>No batch may expand to more, whatever its bytes claim.</summary>
    private const int ExpandedBatchBytesMax = 64 << 20;

    // No bag: it keeps what was put into it with the threads of the pool, and through the codecs the whole broker for as long as those live.
    private readonly ConcurrentQueue<BatchDecompressor> _decompressors = new();

    public KafkaServer(Broker broker, KafkaEndpointOptions options)
    {
        Backend = broker.Backend;
        Wire = Backend.OpenWire(new WireSettings());
        Options = options.Clone();
        Logger = Backend.LoggerFactory.CreateLogger("ExactlyOnce.Kafka.Endpoint");
        LogDirectory = broker.Options.Directory is { } directory ? Path.GetFullPath(directory) : "memory";
        Connections = new ConnectionTable(Options, Backend.Time);
        RequestBytes = new ByteBudget(Options.MaxRequestBytesInFlight);
    }

    public BrokerBackend Backend { get; }

    public KafkaEndpointOptions Options { get; }

    public ILogger Logger { get; }

    /// <summary>What clients across a wire need beside the backend: transactions of both generations, groups.</summary>
    public WireBackend Wire { get; }

    /// <summary>The same after a restart: clients compare it.</summary>
    public string ClusterId => Wire.ClusterId;

    /// <summary>Where the logs are, for those who ask.</summary>
    public string LogDirectory { get; }

    public ConnectionTable Connections { get; }

    /// <summary>Bytes of large requests that are being received.</summary>
    public ByteBudget RequestBytes { get; }

    /// <summary>A connection has to say who it is before it may do anything.</summary>
    public bool RequiresLogin { get; }

    public long NowMs => Backend.Time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>Lends a decompressor, which has a buffer of its own, for one validation; <see cref="Return"/> takes it back.</summary>
    public BatchDecompressor RentDecompressor() => _decompressors.TryDequeue(out var idle) ? idle : new BatchDecompressor(FindCodec, ExpandedBatchBytesMax);

    public void Return(BatchDecompressor decompressor)
    {
        decompressor.Release();
        if (_decompressors.Count < Environment.ProcessorCount)
            _decompressors.Enqueue(decompressor);
    }

    private ICompressionCodec? FindCodec(CompressionType type)
    {
        try
        {
            return Backend.GetCodec(type);
        }
        catch (InvalidRequestException)
        {
            return null;
        }
    }
}
