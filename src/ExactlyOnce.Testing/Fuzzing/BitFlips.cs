using ExactlyOnce.Engine.Backend;
using ExactlyOnce.Engine.Journal;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Testing.Simulation;

namespace ExactlyOnce.Testing.Fuzzing;

/// <summary>What a broker made of a directory with one bit flipped.</summary>
internal enum FlipOutcome
{
    /// <summary>It shows exactly what it showed without the flip.</summary>
    Whole,

    /// <summary>It refused to open and named the file; nothing on disk was changed.</summary>
    Refused,

    /// <summary>It opened, and whoever reads the damaged batch is told the file; everything else is as it was.</summary>
    ReaderRefused,

    /// <summary>The journal's last group, which nothing vouches for, counts as torn: everything in front of it is as it was.</summary>
    TornTail,
}

/// <summary>
/// Flips single bits of a directory and compares what a broker then shows with what it showed before (S27, S28). Every answer that is not one of
/// <see cref="FlipOutcome"/> is a failure: a value lost or changed in silence, a file deleted, another exception.
/// </summary>
internal sealed class BitFlips
{
    private readonly DirectoryImage _image;
    private readonly BrokerContents _expected;
    private readonly HashSet<string> _changedWhenWhole;
    private readonly Dictionary<string, TopicPartition> _folders = new(StringComparer.Ordinal);
    private readonly Dictionary<TopicPartition, (long Offset, long TimestampMs, long? FoundByTime)[]> _seeks = [];
    private readonly (string Path, Range Bytes)? _unvouched;
    private readonly BrokerContents? _expectedWithoutTail;

    /// <param name="image">The directory.</param>
    /// <param name="unvouched">The journal's last group, if nothing vouches for it: a flip in it may look like a torn write.</param>
    public BitFlips(DirectoryImage image, (string Path, Range Bytes)? unvouched = null)
    {
        _image = image;
        _unvouched = unvouched;
        var disk = new ImageDisk(image);
        var engine = Open(disk);
        _expected = BrokerContents.Of(engine);
        _changedWhenWhole = [.. disk.Changed];
        foreach (var partition in engine.Partitions.InOrder())
            PrepareSeeks(engine, partition);
        if (unvouched is { } tail)
            _expectedWithoutTail = BrokerContents.Of(Open(new ImageDisk(image.With(tail.Path, Erase(image[tail.Path], tail.Bytes)))));
    }

    public long Bits => _image.SizeInBytes * 8;

    public BrokerContents Expected => _expected;

    /// <summary>The file and the byte that a bit of the directory lies in.</summary>
    public (string Path, int Position) Locate(long bit)
    {
        var position = bit / 8;
        foreach (var (path, content) in _image.Files)
        {
            if (position < content.Length)
                return (path, (int)position);
            position -= content.Length;
        }
        throw new ArgumentOutOfRangeException(nameof(bit), bit, "The directory has fewer bits.");
    }

    /// <summary>Flips one bit, opens, reads everything.</summary>
    /// <exception cref="FuzzFailure">The broker did something that it must never do.</exception>
    public FlipOutcome Try(long bit)
    {
        var (path, position) = Locate(bit);
        var content = (byte[])_image[path].Clone();
        content[position] ^= (byte)(1 << (int)(bit % 8));
        var disk = new ImageDisk(_image.With(path, content));
        try
        {
            var engine = Open(disk);
            // A meter is known to the whole process until it is disposed.
            using (engine.Meter)
                return Judge(engine, disk, path, position);
        }
        catch (DamagedStorageException refusal)
        {
            return JudgeRefusal(disk, refusal.FilePath == path, path, refusal);
        }
        catch (StorageException refusal) when (refusal.Code == ErrorCode.UnsupportedVersion)
        {
            return JudgeRefusal(disk, refusal.Message.Contains(path, StringComparison.Ordinal), path, refusal);
        }
    }

    private static BrokerEngine Open(ImageDisk disk) => BrokerEngine.Open(new SteppedEnvironment(disk), SampleDirectory.Options);

    private static FlipOutcome JudgeRefusal(ImageDisk disk, bool isNamed, string path, BrokerException refusal)
    {
        if (!isNamed)
            throw new FuzzFailure($"the refusal does not name '{path}': {refusal.Message}", refusal);
        if (disk.Changed.Count > 0)
            throw new FuzzFailure($"the directory was refused and yet changed: {string.Join(", ", disk.Changed)}; {refusal.Message}");
        return FlipOutcome.Refused;
    }

    private FlipOutcome Judge(BrokerEngine engine, ImageDisk disk, string path, int position)
    {
        var unexpected = disk.Changed.FirstOrDefault(changed => !_changedWhenWhole.Contains(changed) && !IsIndex(changed));
        if (unexpected is not null)
            throw new FuzzFailure($"'{unexpected}' was changed or deleted");
        if (_expected.FindStateDifference(engine) is { } difference)
        {
            if (IsUnvouched(path, position) && IsWithoutTail(engine))
                return FlipOutcome.TornTail;
            throw new FuzzFailure(difference);
        }
        var outcome = FlipOutcome.Whole;
        foreach (var partition in engine.Partitions.InOrder())
            foreach (var isolation in s_isolations)
                Note(ref outcome, path, () => _expected.FindDifference(engine, partition, isolation));
        if (_folders.TryGetValue(Path.GetDirectoryName(path)!, out var damaged))
            TrySeeks(engine, engine.Partitions.Find(damaged)!, path, position, ref outcome);
        return outcome;
    }

    private static readonly IsolationLevel[] s_isolations = Enum.GetValues<IsolationLevel>();

    /// <summary>Reading on from elsewhere must not find a way around the damage: a few places of the log, other ones for every flip.</summary>
    private void TrySeeks(BrokerEngine engine, Partition partition, string path, int position, ref FlipOutcome outcome)
    {
        var seeks = _seeks[partition.Name];
        for (var i = 0; i < Math.Min(seeks.Length, 6); i++)
        {
            var seek = seeks[(int)((uint)((position * 31) + (i * 7919)) % (uint)seeks.Length)];
            Note(ref outcome, path, () => _expected.FindSeekDifference(engine, partition, seek.Offset, s_isolations[i % s_isolations.Length]));
            if (i % 3 == 0)
                Note(ref outcome, path, () => BrokerContents.FindByTime(engine, partition, seek.TimestampMs) is var found && found == seek.FoundByTime
                    ? null
                    : $"{partition.Name}: offset {found} for time {seek.TimestampMs}, not {seek.FoundByTime}");
        }
    }

    private static void Note(ref FlipOutcome outcome, string path, Func<string?> findDifference)
    {
        try
        {
            if (findDifference() is { } difference)
                throw new FuzzFailure(difference);
        }
        catch (DamagedStorageException refusal)
        {
            if (refusal.FilePath != path)
                throw new FuzzFailure($"the reader's refusal names another file: {refusal.Message}", refusal);
            outcome = FlipOutcome.ReaderRefused;
        }
    }

    private bool IsUnvouched(string path, int position) =>
        _unvouched is { } tail && tail.Path == path && position >= tail.Bytes.Start.Value && position < tail.Bytes.End.Value;

    private bool IsWithoutTail(BrokerEngine engine)
    {
        if (_expectedWithoutTail!.FindStateDifference(engine) is not null)
            return false;
        foreach (var partition in engine.Partitions.InOrder())
            foreach (var isolation in s_isolations)
                if (_expectedWithoutTail.FindDifference(engine, partition, isolation) is not null)
                    return false;
        return true;
    }

    private void PrepareSeeks(BrokerEngine engine, Partition partition)
    {
        _folders[Engine.Recovery.Directories.Of(_image.Root, partition)] = partition.Name;
        var seeks = new List<(long, long, long?)>();
        foreach (var header in BrokerContents.HeadersOf(_expected.Batches(partition.Name, IsolationLevel.ReadUncommitted)))
            seeks.Add((header.BaseOffset, header.MaxTimestamp, BrokerContents.FindByTime(engine, partition, header.MaxTimestamp)));
        _seeks[partition.Name] = [.. seeks];
    }

    /// <summary>An index may be written anew from its log.</summary>
    private static bool IsIndex(string path) => path.EndsWith("index", StringComparison.Ordinal);

    private static byte[] Erase(byte[] content, Range bytes)
    {
        var erased = (byte[])content.Clone();
        erased.AsSpan(bytes).Clear();
        return erased;
    }

    /// <summary>Where the last group of the last journal file stands.</summary>
    public static (string Path, Range Bytes) FindLastGroup(DirectoryImage image)
    {
        var disk = new ImageDisk(image);
        var entry = Manifest.Read(disk, image.Root)!.JournalFiles[^1];
        var path = Path.Combine(image.Root, JournalFormat.DirectoryName, entry.Name);
        using var reader = new JournalFileReader(disk.Open(path, Engine.Disk.FileOpening.Read), entry);
        var last = default(Range);
        for (var at = 0L; reader.TryReadGroup(at, out var group); at = group.NextPosition)
            last = (int)at..(int)(at + JournalFormat.GroupHeaderBytes + group.PayloadBytes);
        return (path, last);
    }
}
