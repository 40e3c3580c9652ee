using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Net;
using ExactlyOnce.Kafka.Endpoint.Serving;
using Microsoft.AspNetCore.Connections;

namespace ExactlyOnce.Torture.Wire;

/// <summary>A connection to an endpoint's own connection code, over pipes in memory where Kestrel has a socket.</summary>
internal sealed class PipedConnection
{
    private readonly Pipe _toServer = new();
    private readonly Pipe _toClient = new();
    private readonly DefaultConnectionContext _context;
    private readonly Task _serving;

    public PipedConnection(KafkaConnectionHandler handler)
    {
        _context = new DefaultConnectionContext("piped", new Ends(_toServer.Reader, _toClient.Writer), new Ends(_toClient.Reader, _toServer.Writer))
        {
            RemoteEndPoint = new IPEndPoint(IPAddress.Loopback, 1),
            LocalEndPoint = new IPEndPoint(IPAddress.Loopback, 9092),
        };
        _serving = Task.Run(() => ServeAsync(handler));
    }

    /// <summary>What the connection's code threw; nothing, whatever was sent.</summary>
    public Exception? Thrown { get; private set; }

    public async Task SendAsync(ReadOnlyMemory<byte> bytes) => await _toServer.Writer.WriteAsync(bytes);

    /// <summary>Half-closes: the server will read to here and no further.</summary>
    public void EndSending() => _toServer.Writer.Complete();

    /// <summary>As when a socket is closed.</summary>
    public void Abort() => _context.Abort(new ConnectionAbortedException());

    /// <summary>True when the server has ended the connection within that time.</summary>
    public async Task<bool> WaitForEndAsync(TimeSpan patience)
    {
        try
        {
            await _serving.WaitAsync(patience);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    /// <summary>The next answer behind its length; null at the end of the connection.</summary>
    public async Task<byte[]?> ReadAsync()
    {
        var read = await _toClient.Reader.ReadAtLeastAsync(sizeof(int));
        if (read.Buffer.Length < sizeof(int))
            return null;
        var length = Length(read.Buffer);
        _toClient.Reader.AdvanceTo(read.Buffer.GetPosition(sizeof(int)));
        read = await _toClient.Reader.ReadAtLeastAsync(length);
        if (read.Buffer.Length < length)
            return null;
        var frame = read.Buffer.Slice(0, length).ToArray();
        _toClient.Reader.AdvanceTo(read.Buffer.GetPosition(length));
        return frame;
    }

    /// <summary>Reads and forgets all answers to the end; how many there were.</summary>
    public async Task<int> DrainAsync()
    {
        var (answers, missing) = (0, 0L);
        while (true)
        {
            var read = await _toClient.Reader.ReadAsync();
            var rest = read.Buffer;
            while (true)
            {
                var part = Math.Min(missing, rest.Length);
                (rest, missing) = (rest.Slice(part), missing - part);
                if (missing > 0 || rest.Length < sizeof(int))
                    break;
                missing = Length(rest);
                rest = rest.Slice(sizeof(int));
                answers++;
            }
            _toClient.Reader.AdvanceTo(rest.Start, rest.End);
            if (read.IsCompleted)
                return answers;
        }
    }

    public void Forget() => _toClient.Reader.Complete();

    private static int Length(in ReadOnlySequence<byte> buffer)
    {
        Span<byte> bytes = stackalloc byte[sizeof(int)];
        buffer.Slice(0, sizeof(int)).CopyTo(bytes);
        return BinaryPrimitives.ReadInt32BigEndian(bytes);
    }

    private async Task ServeAsync(KafkaConnectionHandler handler)
    {
        try
        {
            await handler.OnConnectedAsync(_context);
        }
        catch (Exception exception)
        {
            Thrown = exception;
        }
        await _toServer.Reader.CompleteAsync();
        await _toClient.Writer.CompleteAsync();
    }

    private sealed record Ends(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
