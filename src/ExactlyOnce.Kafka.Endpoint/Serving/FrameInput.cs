using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using ExactlyOnce.Kafka.Endpoint.Codec;

namespace ExactlyOnce.Kafka.Endpoint.Serving;

/// <summary>
/// Cuts what a connection receives into frames, which are handed out where they lie, in as many pieces as they were received in. Nothing is allocated for bytes
/// that were only announced. One frame at a time: <see cref="Release"/> it before taking the next.
/// </summary>
internal sealed class FrameInput(PipeReader pipe, KafkaServer server, KafkaConnection connection)
{
    private const int LengthBytes = sizeof(int);

    /// <summary>Requests up to this size are received without asking how much the others hold.</summary>
    private const int FreeBytes = 64 << 10;

    /// <summary>
    /// While a large request arrives, somebody wakes up for so many bytes at a time. Less than any transport keeps before it waits for its reader.
    /// </summary>
    private const int WakeBytes = 64 << 10;

    private SequencePosition _end;
    private bool _isTaken;
    private int _budgeted;

    /// <summary>Length of the frame that is on its way, 0 when that is not known or none is.</summary>
    private int _announced;

    /// <summary>What has not arrived of it.</summary>
    private int _missing;
    private bool _isInsideFrame;
    private bool _isTimed;

    /// <summary>The next frame, without its length, when it has been received already.</summary>
    public bool TryTake(out ReadOnlySequence<byte> frame)
    {
        frame = default;
        return pipe.TryRead(out var read) && Take(read, out frame);
    }

    /// <summary>Waits for the next frame; null when there will be none.</summary>
    public async ValueTask<ReadOnlySequence<byte>?> TakeAsync()
    {
        while (true)
        {
            SetDeadline();
            var read = await pipe.ReadAtLeastAsync(Math.Min(_missing, WakeBytes), connection.Stopping).ConfigureAwait(false);
            if (Take(read, out var frame))
                return frame;
            if (read.IsCompleted || read.IsCanceled)
                return null;
            await ReserveAsync().ConfigureAwait(false);
        }
    }

    /// <summary>The frame taken last is no longer used.</summary>
    public void Release()
    {
        if (_budgeted > 0)
            server.RequestBytes.Return(_budgeted);
        _budgeted = 0;
        if (_isTaken)
            pipe.AdvanceTo(_end);
        _isTaken = false;
    }

    private bool Take(in ReadResult read, out ReadOnlySequence<byte> frame)
    {
        var buffer = read.Buffer;
        frame = default;
        _isInsideFrame = !buffer.IsEmpty;
        _announced = _missing = 0;
        if (buffer.Length >= LengthBytes)
        {
            _announced = CheckedLength(buffer);
            _missing = (int)Math.Max(0, LengthBytes + _announced - buffer.Length);
            if (_missing == 0)
            {
                frame = buffer.Slice(LengthBytes, _announced);
                _end = frame.End;
                _isTaken = true;
                _isInsideFrame = _isTimed = false;
                return true;
            }
        }
        pipe.AdvanceTo(buffer.Start, buffer.End);
        return false;
    }

    private int CheckedLength(in ReadOnlySequence<byte> buffer)
    {
        Span<byte> bytes = stackalloc byte[LengthBytes];
        buffer.Slice(0, LengthBytes).CopyTo(bytes);
        var length = BinaryPrimitives.ReadInt32BigEndian(bytes);
        var max = connection.IsLoggedIn ? server.Options.MaxRequestBytes : server.Options.MaxRequestBytesBeforeLogin;
        return length >= 0 && length <= max ? length : throw new ProtocolException($"A request of {length} bytes; at most {max} are allowed.");
    }

    /// <summary>Does not read on in a large request before there is room for it.</summary>
    private ValueTask ReserveAsync()
    {
        if (_announced <= FreeBytes || _budgeted > 0)
            return default;
        _budgeted = _announced;
        return TakeBudgetAsync();
    }

    private async ValueTask TakeBudgetAsync()
    {
        try
        {
            await server.RequestBytes.TakeAsync(_budgeted, connection.Stopping).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            _budgeted = 0;
            throw;
        }
    }

    /// <summary>A frame's time runs from its first byte, silence's from the last frame.</summary>
    private void SetDeadline()
    {
        if (_isInsideFrame)
        {
            if (!_isTimed && connection.IsLoggedIn)
                connection.Receiving.Set(server.Options.TransferTimeout);
            _isTimed = true;
            return;
        }
        _isTimed = false;
        // The time for a login does not begin anew with each of its requests.
        if (!connection.IsLoggedIn)
            connection.Receiving.SetAt(connection.LoginUntilMs);
        else if (connection.HasServed)
            connection.Receiving.Set(server.Options.IdleTimeout);
    }
}
