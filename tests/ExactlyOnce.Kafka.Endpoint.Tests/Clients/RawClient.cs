using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using ExactlyOnce.Kafka.Endpoint.Apis;
using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Serving;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Clients;

/// <summary>A client that says exactly what a test wants to have said, in any version, and reads what comes back.</summary>
internal sealed class RawClient : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);

    private readonly TcpClient _tcp;
    private readonly Stream _stream;
    private int _correlationId;

    public RawClient(KafkaEndpoint endpoint)
        : this(endpoint.BootstrapServers)
    {
    }

    public RawClient(string address)
    {
        _tcp = new TcpClient { NoDelay = true };
        _tcp.Connect(IPEndPoint.Parse(address));
        _stream = _tcp.GetStream();
    }

    /// <param name="tcp">A connection.</param>
    /// <param name="stream">What is spoken over it.</param>
    public RawClient(TcpClient tcp, Stream stream) => (_tcp, _stream) = (tcp, stream);

    /// <summary>What it calls itself.</summary>
    public string ClientId { get; set; } = "raw";

    /// <summary>Sends a request and reads its answer.</summary>
    public async Task<TResponse> CallAsync<TResponse>(short version, IMessage request)
        where TResponse : class, IMessage
    {
        var api = ApiOf(request);
        await SendAsync(FrameOf(version, request));
        return (TResponse)await ReadAsync(api, version);
    }

    /// <summary>Logs in by PLAIN.</summary>
    public async Task<KafkaError> LoginAsync(string user, string password)
    {
        (await CallAsync<SaslHandshakeResponse>(1, new SaslHandshakeRequest { Mechanism = "PLAIN" })).ErrorCode.Should().Be(KafkaError.None);
        var token = new SaslAuthenticateRequest { AuthBytes = Encoding.UTF8.GetBytes($"\0{user}\0{password}") };
        return (await CallAsync<SaslAuthenticateResponse>(2, token)).ErrorCode;
    }

    /// <summary>Sends a request without waiting for its answer.</summary>
    public Task SendAsync(short version, IMessage request) => SendAsync(FrameOf(version, request));

    public async Task SendAsync(byte[] bytes) => await _stream.WriteAsync(bytes);

    /// <summary>The next answer, which must be this API's and the next in order.</summary>
    public async Task<TResponse> ReadAsync<TResponse>(short version, IMessage request)
        where TResponse : class, IMessage => (TResponse)await ReadAsync(ApiOf(request), version);

    /// <summary>The bytes of the next answer, behind its length.</summary>
    public async Task<byte[]> ReadFrameAsync()
    {
        using var patience = new CancellationTokenSource(s_patience);
        var length = new byte[sizeof(int)];
        await _stream.ReadExactlyAsync(length, patience.Token);
        var frame = new byte[BinaryPrimitives.ReadInt32BigEndian(length)];
        await _stream.ReadExactlyAsync(frame, patience.Token);
        return frame;
    }

    /// <summary>Takes a byte of what was answered every now and then, until the connection ends or nobody wants more.</summary>
    public async Task TakeByteByByteAsync(TimeSpan every, CancellationToken until)
    {
        try
        {
            while (await _stream.ReadAsync(new byte[1], until) > 0)
                await Task.Delay(every, until);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            // The end.
        }
    }

    /// <summary>The endpoint has closed the connection, without another answer.</summary>
    public async Task ShouldBeClosedAsync()
    {
        using var patience = new CancellationTokenSource(s_patience);
        try
        {
            (await _stream.ReadAsync(new byte[1], patience.Token)).Should().Be(0, "the connection should be closed without an answer");
        }
        catch (IOException)
        {
            // Reset: closed as well.
        }
    }

    /// <param name="version">Of the API.</param>
    /// <param name="request">The body.</param>
    /// <param name="correlationId">The number of the request; null for the next one.</param>
    public byte[] FrameOf(short version, IMessage request, int? correlationId = null)
    {
        var api = ApiOf(request);
        var writer = new WireWriter();
        writer.WriteRequest(request, new RequestHeader(api.Key, version, correlationId ?? ++_correlationId), ClientId, api.FlexibleFrom);
        var frame = writer.ToArray();
        writer.Clear();
        return frame;
    }

    public void Dispose() => _tcp.Dispose();

    private async Task<IMessage> ReadAsync(Api api, short version)
    {
        var reader = new WireReader();
        reader.Open(await ReadFrameAsync());
        reader.ReadAnswerHeader(api.IsFlexible(version) && api.Key != 18);
        var response = api.NewResponse();
        reader.ReadBody(response, version, api.FlexibleFrom);
        return response;
    }

    private static Api ApiOf(IMessage request) => ApiRegistry.All.Single(api => api.NewRequest().GetType() == request.GetType());
}
