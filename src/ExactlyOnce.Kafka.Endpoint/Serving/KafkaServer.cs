using System.Collections.Concurrent;
using System.Net;
using ExactlyOnce.Clients;
using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Kafka.Endpoint.Security;
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
    /// <summary>No batch may expand to more, whatever its bytes claim, nor to more than so many times what its topic takes in one batch.</summary>
    private const int ExpandedBatchBytesMax = 64 << 20;
    private const int ExpandedTimesMax = 16;

    /// <summary>Beyond a mebibyte no batch may expand to more than so many times its own size.</summary>
    private const int FreelyExpandedBytes = 1 << 20;
    private const int RatioMax = 1_000;

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
        Security = SecurityStore.Of(broker);
        Credentials = new Credentials(Options, Security);
        Authorizer = new Authorizer(Options, Security);
        FailedLogins = new FailedLogins(Options.FailedLoginDelay, Options.LoginTimeout, Backend.Time);
        AcceptPace = new AcceptPace(Options.MaxAcceptsPerSecond, Options.MaxAcceptsPerSecond, Options.MaxConnections, Backend.Time);
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

    /// <summary>The users and rules that came over the wire.</summary>
    public SecurityStore Security { get; }

    public Credentials Credentials { get; }

    public Authorizer Authorizer { get; }

    public AcceptPace AcceptPace { get; }

    public FailedLogins FailedLogins { get; }

    public long NowMs => Backend.Time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>Lends a decompressor, which has a buffer of its own, for the validation of one batch; <see cref="Return"/> takes it back.</summary>
    /// <param name="batchBytes">The size of the batch.</param>
    /// <param name="batchBytesMax">The most that its topic takes.</param>
    public BatchDecompressor RentDecompressor(int batchBytes, int batchBytesMax)
    {
        var decompressor = _decompressors.TryDequeue(out var idle) ? idle : new BatchDecompressor(FindCodec, ExpandedBatchBytesMax);
        var byTopic = Math.Max(FreelyExpandedBytes, ExpandedTimesMax * (long)batchBytesMax);
        var byRatio = Math.Max(FreelyExpandedBytes, RatioMax * (long)batchBytes);
        decompressor.ExpandedBytesMax = (int)Math.Min(ExpandedBatchBytesMax, Math.Min(byTopic, byRatio));
        return decompressor;
    }

    public void Return(BatchDecompressor decompressor)
    {
        decompressor.Release();
        if (_decompressors.Count < Environment.ProcessorCount)
            _decompressors.Enqueue(decompressor);
    }

    /// <summary>In front of everything that costs something, TLS included.</summary>
    public async Task AcceptAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        if (connection.RemoteEndPoint is IPEndPoint { Address: var address } && !IPAddress.IsLoopback(address))
        {
            if (AcceptPace.Take() is not { } wait)
                return;
            if (wait > TimeSpan.Zero)
                await Task.Delay(wait, Backend.Time, connection.ConnectionClosed).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        await next(connection).ConfigureAwait(false);
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
