using System.Buffers.Binary;
using System.Diagnostics;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Engine.Journal;

/// <summary>
/// Writes groups into the current file. Owned by the journal's stepper; only <see cref="Sync"/> is called from elsewhere too, under the journal's sync lock.
/// Small segments are gathered in one buffer, large ones are written from where they are. The block behind a group's end is padded, so that no write
/// has to read the rest of its page first.
/// </summary>
internal sealed class JournalAppender : IDisposable
{
    private const int StagedBytesMax = 1 << 20;
    private const int DirectBytesMin = 64 * 1024;

    private static readonly byte[] s_zeros = new byte[256 * 1024];

    private readonly JournalFiles _files;
    private readonly JournalOptions _options;
    private readonly byte[] _staged;
    private IDiskFile? _file;
    private JournalFile? _entry;
    private long _position;
    private long _zeroedTo;
    private int _stagedCount;
    private long _stagedAt;

    public JournalAppender(JournalFiles files, JournalOptions options)
    {
        _files = files;
        _options = options;
        // A tiny journal, as simulations use it by the million, does not pay for a large one's buffer.
        _staged = new byte[Math.Min(StagedBytesMax, options.FileBytes)];
    }

    /// <summary>Payload bytes that a group in the current file may still have; negative when there is none.</summary>
    public long Room => _file is null ? -1 : _options.FileBytes - _position - JournalFormat.GroupHeaderBytes;

    /// <summary>The same in a file that is just begun.</summary>
    public long RoomOfNewFile => _options.FileBytes - JournalFormat.GroupHeaderBytes;

    /// <summary>Closes the current file, which has been synced to its end, and begins the next.</summary>
    public void Roll(long baseLsn)
    {
        _file?.Dispose();
        _file = null;
        (_entry, _file) = _files.BeginNext(baseLsn);
        _position = 0;
        _zeroedTo = Math.Min(_file.Length, _options.FileBytes);
    }

    public void Append(JournalGroup group, long syncedLsn)
    {
        Debug.Assert(_file is not null && group.PayloadBytes <= Room, "Rolled before.");
        _stagedAt = _position;
        _stagedCount = 0;
        Span<byte> header = stackalloc byte[JournalFormat.GroupHeaderBytes];
        WriteHeader(header, group, syncedLsn);
        Put(header);
        for (var frame = group.First; frame is not null; frame = frame.Next)
        {
            for (var segment = 0; segment < frame.SegmentCount; segment++)
                Put(frame.Segment(segment));
        }
        _position += JournalFormat.GroupBytes(group.PayloadBytes);
        Pad();
        ZeroAhead(group);
    }

    public void Sync() => _file?.Sync();

    public void Dispose() => _file?.Dispose();

    private void WriteHeader(Span<byte> target, JournalGroup group, long syncedLsn)
    {
        var header = new JournalGroupHeader(_entry!.Generation, _position, group.BaseLsn, syncedLsn, group.PayloadBytes, group.FrameCount);
        header.Write(target);
        var crc = Crc32C.Append(_entry.Seed, target[..JournalGroupHeader.CrcAt]);
        for (var frame = group.First; frame is not null; frame = frame.Next)
        {
            for (var segment = 0; segment < frame.SegmentCount; segment++)
                crc = Crc32C.Append(crc, frame.Segment(segment));
        }
        BinaryPrimitives.WriteUInt32LittleEndian(target[JournalGroupHeader.CrcAt..], crc);
    }

    private void Put(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length >= DirectBytesMin)
        {
            WriteStaged();
            _file!.Write(_stagedAt, bytes);
            _stagedAt += bytes.Length;
            return;
        }
        if (bytes.Length > _staged.Length - _stagedCount)
            WriteStaged();
        bytes.CopyTo(_staged.AsSpan(_stagedCount));
        _stagedCount += bytes.Length;
    }

    private void Pad()
    {
        Put(s_zeros.AsSpan(0, (int)(_position - _stagedAt - _stagedCount)));
        WriteStaged();
    }

    private void WriteStaged()
    {
        if (_stagedCount == 0)
            return;
        _file!.Write(_stagedAt, _staged.AsSpan(0, _stagedCount));
        _stagedAt += _stagedCount;
        _stagedCount = 0;
    }

    /// <summary>
    /// A group that grew the file zeroes the next step behind itself; its own sync then covers the new length and blocks, and the groups after it write into
    /// blocks that exist. Behind a large group nothing is zeroed: its bytes pay for its sync, and a stream of such groups would write everything once more.
    /// </summary>
    private void ZeroAhead(JournalGroup group)
    {
        if (_position <= _zeroedTo || group.PayloadBytes >= _options.ZeroStepBytes / 4)
            return;
        var target = Math.Min(_options.FileBytes, _position + _options.ZeroStepBytes);
        for (var at = _position; at < target;)
        {
            var part = (int)Math.Min(s_zeros.Length, target - at);
            _file!.Write(at, s_zeros.AsSpan(0, part));
            at += part;
        }
        _zeroedTo = target;
    }
}
