using System.Net;
using System.Net.Sockets;

namespace WorkerService;

/// <summary>Stands in for an OpenTelemetry collector: takes what is posted to it over OTLP and keeps the bytes.</summary>
internal sealed class OtlpReceiver : IDisposable
{
    private readonly HttpListener _listener = new();
    private readonly Lock _lock = new();
    private readonly List<byte> _bytes = [];

    public OtlpReceiver()
    {
        Endpoint = $"http://127.0.0.1:{FreePort()}";
        _listener.Prefixes.Add(Endpoint + "/");
        _listener.Start();
        _ = ReceiveAsync();
    }

    public string Endpoint { get; }

    public int Bytes
    {
        get
        {
            lock (_lock)
                return _bytes.Count;
        }
    }

    public bool Contains(ReadOnlySpan<byte> text)
    {
        lock (_lock)
            return System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_bytes).IndexOf(text) >= 0;
    }

    public void Dispose() => _listener.Close();

    private async Task ReceiveAsync()
    {
        while (_listener.IsListening)
        {
            try
            {
                var call = await _listener.GetContextAsync();
                var body = new MemoryStream();
                await call.Request.InputStream.CopyToAsync(body);
                lock (_lock)
                    _bytes.AddRange(body.ToArray());
                call.Response.ContentType = "application/x-protobuf";
                call.Response.Close();
            }
            catch (Exception exception) when (exception is HttpListenerException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }
}
