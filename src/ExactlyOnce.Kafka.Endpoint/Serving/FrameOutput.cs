using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using ExactlyOnce.Kafka.Endpoint.Codec;

namespace ExactlyOnce.Kafka.Endpoint.Serving;

/// <summary>
/// Writes answers into a connection's pipe: each record byte once, from where it lies in the log. Large answers go out in parts, so that a client that does not
/// read holds up itself and not this process's memory. One writer at a time.
/// </summary>
internal sealed class FrameOutput(PipeWriter pipe, TimeSpan transferTimeout, Deadline deadline)
{
    /// <summary>While a large answer is written, the system is asked to send so many bytes at a time.</summary>
    public const int FlushBytes = 256 << 10;

    private readonly WireWriter _writer = new();
    private int _unflushed;

    public async ValueTask WriteAsync(Api api, RequestHeader header, IMessage answer)
    {
        try
        {
            // The header of ApiVersions answers is never flexible: whoever reads it does not know yet what is spoken here.
            var isFlexible = api.IsFlexible(header.Version) && api is not Apis.ApiVersionsApi;
            _writer.WriteAnswer(answer, header.CorrelationId, header.Version, api.FlexibleFrom, headerIsFlexible: isFlexible);
            while (_writer.TryTakePiece(out var piece))
                await WriteAsync(piece).ConfigureAwait(false);
        }
        finally
        {
            _writer.Clear();
            (answer as IDisposable)?.Dispose();
        }
    }

    /// <summary>Bytes behind their length, and nothing else.</summary>
    public async ValueTask WriteRawAsync(byte[] bytes)
    {
        var length = new byte[sizeof(int)];
        BinaryPrimitives.WriteInt32BigEndian(length, bytes.Length);
        await WriteAsync(length).ConfigureAwait(false);
        await WriteAsync(bytes).ConfigureAwait(false);
    }

    public ValueTask FlushAsync()
    {
        if (_unflushed == 0)
            return default;
        _unflushed = 0;
        return FlushCoreAsync();
    }

    private async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            var part = bytes[..Math.Min(bytes.Length, FlushBytes - _unflushed)];
            pipe.Write(part.Span);
            _unflushed += part.Length;
            bytes = bytes[part.Length..];
            if (_unflushed >= FlushBytes)
                await FlushAsync().ConfigureAwait(false);
        }
    }

    private async ValueTask FlushCoreAsync()
    {
        var flushing = pipe.FlushAsync();
        if (!flushing.IsCompleted)
            deadline.Set(transferTimeout);
        var result = await flushing.ConfigureAwait(false);
        deadline.Clear();
        if (result.IsCompleted)
            throw new IOException("The client no longer reads.");
    }
}
