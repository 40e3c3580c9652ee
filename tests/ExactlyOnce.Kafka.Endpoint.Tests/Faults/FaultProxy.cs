using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Faults;

/// <summary>
/// A network between clients and an endpoint that does what a test tells it to, frame by frame: <see cref="Rule"/> is asked for each request and
/// each answer what becomes of it, and may take its time. Delaying and holding is waiting in the rule; what is behind it on the same connection and in the same
/// direction waits too, as in a real network.
/// </summary>
internal sealed class FaultProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _closing = new();
    private readonly ConcurrentDictionary<ProxyLink, Task> _links = new();
    private readonly ConcurrentDictionary<(FrameWay, short), int> _counts = new();
    private readonly int _target;
    private Task _accepting = Task.CompletedTask;
    private int _connections;

    /// <param name="target">The port of the endpoint.</param>
    public FaultProxy(int target)
    {
        _target = target;
        _listener.Start();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public string Address => $"127.0.0.1:{Port}";

    /// <summary>Null lets everything pass. Called on the connections' threads.</summary>
    public Func<PassingFrame, Task<FrameFate>>? Rule { get; set; }

    public void Start() => _accepting = AcceptAsync();

    /// <summary>Frames of an API that have come by so far.</summary>
    public int Count(FrameWay way, short apiKey) => _counts.GetValueOrDefault((way, apiKey));

    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync();
        _listener.Dispose();
        foreach (var link in _links.Keys)
            link.Reset();
        await _accepting;
        await Task.WhenAll(_links.Values);
        _closing.Dispose();
    }

    internal async Task<FrameFate> JudgeAsync(int connection, FrameWay way, short apiKey, byte[] bytes)
    {
        var number = _counts.AddOrUpdate((way, apiKey), 1, static (_, count) => count + 1);
        return Rule is { } rule ? await rule(new PassingFrame(connection, way, apiKey, number, bytes.Length)).WaitAsync(_closing.Token) : FrameFate.Pass;
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync(_closing.Token);
                var server = new TcpClient { NoDelay = true };
                await server.ConnectAsync(IPAddress.Loopback, _target, _closing.Token);
                client.NoDelay = true;
                var link = new ProxyLink(this, ++_connections, client, server);
                _links[link] = link.RunAsync();
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // Closed.
        }
    }
}

internal enum FrameWay
{
    Request,
    Answer,
}

/// <summary>A frame on its way. <paramref name="Number"/>: the how manieth of its API in this direction, over all connections, from 1 on.</summary>
internal readonly record struct PassingFrame(int Connection, FrameWay Way, short ApiKey, int Number, int Length)
{
    public bool IsRequest(short apiKey, int number = 0) => Way == FrameWay.Request && ApiKey == apiKey && (number == 0 || Number == number);

    public bool IsAnswer(short apiKey, int number = 0) => Way == FrameWay.Answer && ApiKey == apiKey && (number == 0 || Number == number);
}

/// <summary>What becomes of a frame.</summary>
internal readonly record struct FrameFate(FateKind Kind, int Bytes = 0)
{
    public static readonly FrameFate Pass = new(FateKind.Pass);

    /// <summary>The connection is reset in both directions, and the frame is lost.</summary>
    public static readonly FrameFate Reset = new(FateKind.Reset);

    /// <summary>The connection stays open, and nothing comes through it any more, in either direction: not even that one side has closed it.</summary>
    public static readonly FrameFate Vanish = new(FateKind.Vanish);

    /// <summary>A request arrives twice; the client sees one answer.</summary>
    public static readonly FrameFate Twice = new(FateKind.Twice);

    /// <summary>An answer arrives under the number of another request.</summary>
    public static readonly FrameFate Misnumber = new(FateKind.Misnumber);

    /// <summary>So many bytes arrive, then the connection is reset.</summary>
    public static FrameFate CutAfter(int bytes) => new(FateKind.Cut, bytes);
}

internal enum FateKind
{
    Pass,
    Reset,
    Vanish,
    Twice,
    Misnumber,
    Cut,
}
