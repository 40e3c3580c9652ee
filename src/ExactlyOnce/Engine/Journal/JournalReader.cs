using ExactlyOnce.Engine.Disk;

namespace ExactlyOnce.Engine.Journal;

/// <summary>
/// Replays the journal behind the manifest's checkpoint, frame by frame. Used once, by recovery, before the journal goes on; changes nothing on disk.
/// <para>
/// Where a group is not valid, the reader looks on, block by block. A later group of the same file that was written after more had been synced than we could
/// read, or a manifest that vouches for more, proves that the bad place was once good: damage, refused with file and position. If nothing proves it, the bad
/// place is a write that a crash has torn and nobody was told about: the journal ends there. A bad group followed by a valid one that starts at the same LSN
/// was empty and only vouched; nothing is lost, reading goes on.
/// </para>
/// </summary>
internal sealed class JournalReader : IDisposable
{
    private readonly IDisk _disk;
    private readonly string _directory;
    private readonly Manifest _manifest;
    private JournalFileReader? _file;
    private int _fileIndex = -1;
    private long _position;
    private long _groupAt;
    private ReadOnlyMemory<byte> _frames;
    private long _frameLsn;
    private bool _isAtEnd;

    public JournalReader(IDisk disk, string directory, Manifest manifest)
    {
        _disk = disk;
        _directory = Path.Combine(directory, JournalFormat.DirectoryName);
        _manifest = manifest;
        EndLsn = manifest.JournalFiles.IsEmpty ? manifest.CheckpointLsn : manifest.JournalFiles[0].BaseLsn;
        _frameLsn = EndLsn;
    }

    /// <summary>How far the journal has been read; when <see cref="TryRead"/> answered false, where it ends.</summary>
    public long EndLsn { get; private set; }

    /// <summary>After the end: a crash has torn groups behind it, which nobody was told about.</summary>
    public bool HasTornTail { get; private set; }

    /// <summary>The next frame behind the checkpoint. Its bytes are valid until the next call.</summary>
    /// <exception cref="DamagedStorageException">What stands on disk cannot come from a crash.</exception>
    public bool TryRead(out JournalFrameView frame)
    {
        while (TryReadAny(out frame))
        {
            if (frame.Lsn > _manifest.CheckpointLsn)
                return true;
        }
        return false;
    }

    /// <summary>A frame of right checksum, read last, that cannot follow what stands in front of it.</summary>
    public DamagedStorageException Contradiction(in JournalFrameView frame, Exception cause) =>
        new(_file!.Path, _groupAt, $"the frame at LSN {frame.Lsn} contradicts what stands in front of it ({cause.Message.TrimEnd('.')})", cause);

    public void Dispose() => _file?.Dispose();

    private bool TryReadAny(out JournalFrameView frame)
    {
        while (_frames.IsEmpty)
        {
            if (!TryReadGroup())
            {
                frame = default;
                return false;
            }
        }
        if (!JournalFrameView.TryRead(_frameLsn, _frames, out frame))
            throw Damaged(_groupAt, "a group's checksum is right but its frames do not fit into it");
        AssertOutsideCheckpoint(frame);
        _frames = _frames[frame.Length..];
        _frameLsn = frame.Lsn;
        return true;
    }

    private bool TryReadGroup()
    {
        while (!_isAtEnd)
        {
            if (_file is null || EndLsn == LimitLsn)
            {
                _isAtEnd = !TryOpenNext();
                continue;
            }
            if (!TryReadNext(out var group))
            {
                EndHere();
                continue;
            }
            if (group.EndLsn > LimitLsn)
                throw Damaged(group.Position, $"it reaches LSN {group.EndLsn}, but the next journal file starts at {LimitLsn}");
            _groupAt = group.Position;
            _position = group.NextPosition;
            _frames = _file.Payload;
            _frameLsn = group.BaseLsn;
            EndLsn = group.EndLsn;
            return true;
        }
        return false;
    }

    /// <summary>The LSN at which the current file is cut; no limit for the last one.</summary>
    private long LimitLsn => _fileIndex + 1 < _manifest.JournalFiles.Length ? _manifest.JournalFiles[_fileIndex + 1].BaseLsn : long.MaxValue;

    private bool TryOpenNext()
    {
        if (_fileIndex + 1 >= _manifest.JournalFiles.Length)
            return false;
        _file?.Dispose();
        var entry = _manifest.JournalFiles[++_fileIndex];
        var path = Path.Combine(_directory, entry.Name);
        if (!_disk.FileExists(path))
            throw new DamagedStorageException(path, 0, "the manifest lists it, but it does not exist");
        _file = new JournalFileReader(_disk.Open(path, FileOpening.Read), entry);
        _position = 0;
        return true;
    }

    private bool TryReadNext(out JournalGroupHeader group)
    {
        var position = _position;
        while (_file!.TryFindGroup(position, out group))
        {
            if (group.BaseLsn == EndLsn)
                return true;
            if (group.SyncedLsn > EndLsn)
                throw Damaged(_position, $"a group at LSN {EndLsn} is not valid, but the one at byte {group.Position} proves that LSN {group.SyncedLsn} had been synced");
            HasTornTail = true;
            position = group.NextPosition;
        }
        HasTornTail |= _file.LooksLikeGroup(_position);
        return false;
    }

    /// <summary>Nothing behind this place proves it damaged; the manifest still may.</summary>
    private void EndHere()
    {
        var vouched = Math.Min(LimitLsn, _manifest.VouchedLsn);
        if (EndLsn < vouched)
            throw Damaged(_position, $"the journal ends at LSN {EndLsn}, but the manifest vouches for everything up to {vouched}");
        _isAtEnd = true;
    }

    /// <summary>A checkpoint stands between two frames.</summary>
    private void AssertOutsideCheckpoint(in JournalFrameView frame)
    {
        var checkpoint = _manifest.CheckpointLsn;
        if (_frameLsn < checkpoint && frame.Lsn > checkpoint)
            throw Damaged(_groupAt, $"the frame from LSN {_frameLsn} to {frame.Lsn} spans the checkpoint at {checkpoint}");
    }

    private DamagedStorageException Damaged(long position, string reason) =>
        new(_file?.Path ?? Path.Combine(_directory, _manifest.JournalFiles[0].Name), position, reason);
}
