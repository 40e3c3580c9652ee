using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net.Sockets;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Faults;

/// <summary>One connection through a <see cref="FaultProxy"/>.</summary>
internal sealed class ProxyLink(FaultProxy proxy, int number, TcpClient client, TcpClient server)
{
    private const int LengthBytes = sizeof(int);

    // Answers come in the order of requests: that tells an answer's API, and which of them nobody waits for.
    private readonly ConcurrentQueue<(short ApiKey, bool IsSecond)> _asked = new();
    private volatile bool _hasVanished;
    private volatile bool _hasSaidAll;

    public async Task RunAsync()
    {
        var ways = new[] { ForwardAsync(FrameWay.Request, client, server), ForwardAsync(FrameWay.Answer, server, client) };
        await Task.WhenAny(ways);
        if (_hasVanished || _hasSaidAll)
            await Task.WhenAll(ways);
        // Whichever side has ended, ends both.
        Reset();
        await Task.WhenAll(ways);
    }

    public void Reset()
    {
        foreach (var side in new[] { client, server })
        {
            try
            {
                side.Client?.Close(0);
            }
            catch (ObjectDisposedException)
            {
            }
            side.Dispose();
        }
    }

    private async Task ForwardAsync(FrameWay way, TcpClient from, TcpClient to)
    {
        try
        {
            var (source, target) = (from.GetStream(), to.GetStream());
            while (await ReadFrameAsync(source) is { } frame)
                if (!await PassAsync(way, frame, target))
                    return;
            // A client that has closed may have said something before, which is on its way and is answered.
            if (way == FrameWay.Request && !_hasVanished)
                to.Client.Shutdown(SocketShutdown.Send);
            _hasSaidAll |= way == FrameWay.Request;
        }
        catch (Exception exception) when (exception
            is IOException or ObjectDisposedException or InvalidOperationException or OperationCanceledException or SocketException)
        {
            // One of the two is gone.
        }
    }

    /// <summary>False when the connection has ended with this frame.</summary>
    private async Task<bool> PassAsync(FrameWay way, byte[] frame, NetworkStream target)
    {
        var (apiKey, isSecond) = way == FrameWay.Request ? (BinaryPrimitives.ReadInt16BigEndian(frame.AsSpan(LengthBytes)), false) : Asked();
        if (isSecond || _hasVanished)
            return true;
        var fate = await proxy.JudgeAsync(number, way, apiKey, frame);
        if (fate.Kind == FateKind.Reset)
            return false;
        if (fate.Kind == FateKind.Vanish)
            return _hasVanished = true;
        if (way == FrameWay.Request)
            _asked.Enqueue((apiKey, false));
        if (fate.Kind == FateKind.Cut)
        {
            await target.WriteAsync(frame.AsMemory(0, Math.Min(fate.Bytes, frame.Length - 1)));
            return false;
        }
        if (fate.Kind == FateKind.Misnumber)
            frame[LengthBytes] ^= 0x40;
        await target.WriteAsync(frame);
        if (fate.Kind != FateKind.Twice)
            return true;
        _asked.Enqueue((apiKey, true));
        await target.WriteAsync(frame);
        return true;
    }

    private (short ApiKey, bool IsSecond) Asked() => _asked.TryDequeue(out var asked) ? asked
        : throw new InvalidOperationException("An answer without a question.");

    private static async Task<byte[]?> ReadFrameAsync(NetworkStream stream)
    {
        var length = new byte[LengthBytes];
        if (await stream.ReadAtLeastAsync(length, LengthBytes, throwOnEndOfStream: false) < LengthBytes)
            return null;
        var frame = new byte[LengthBytes + BinaryPrimitives.ReadInt32BigEndian(length)];
        length.CopyTo(frame, 0);
        await stream.ReadExactlyAsync(frame.AsMemory(LengthBytes));
        return frame;
    }
}
