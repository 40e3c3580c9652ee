using ExactlyOnce.Engine.Backend;
using ExactlyOnce.Engine.Journal;
using ExactlyOnce.Engine.Recovery;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Testing.Simulation;

namespace ExactlyOnce.Testing.Fuzzing;

/// <summary>
/// What damaged directories were before the damage: the batches that readers got, and everything that stands under a checksum. A broker may refuse a damaged
/// directory or show less of it, as after a torn write; it never shows a record that was not there.
/// </summary>
internal sealed class DirectoryOriginals
{
    private readonly HashSet<ulong> _checksummed = [];
    private readonly HashSet<uint> _journalSeeds = [];
    private readonly Dictionary<(TopicPartition Partition, IsolationLevel Isolation), List<ulong[]>> _shown = [];

    /// <param name="directories">Encoded images of one history, of which one may go on further than another.</param>
    public DirectoryOriginals(IEnumerable<byte[]> directories)
    {
        List<DirectoryImage> images = [.. directories.Select(directory => DirectoryImage.Decode(SampleDirectory.Root, directory))];
        foreach (var image in images)
            foreach (var file in Manifest.Read(new ImageDisk(image), image.Root)!.JournalFiles)
                _journalSeeds.Add(file.Seed);
        foreach (var image in images)
        {
            Visit(image, fingerprint =>
            {
                _checksummed.Add(fingerprint);
                return false;
            });
            Note(image);
        }
    }

    /// <summary>
    /// Something in the image has a checksum that is right and is not what was written. Chance does not do that to damage, only whoever makes the checksums
    /// right afterwards, as the fuzzer does in most of its inputs: a broker has no means of telling such bytes from its own, so that what it shows then says
    /// nothing about it.
    /// </summary>
    public bool IsForged(DirectoryImage image) => Visit(image, fingerprint => !_checksummed.Contains(fingerprint));

    /// <summary>
    /// All records: where a partition ends early, it is a prefix of what was there. Committed ones: a subset in the same order, because a transaction whose end
    /// is lost is aborted and what others wrote between its records stays. Markers are left out: opening writes some.
    /// </summary>
    /// <exception cref="FuzzFailure">There is more.</exception>
    public void RequireNothingElse(BrokerContents contents)
    {
        foreach (var view in contents.Views)
        {
            var shown = BatchesOf(contents, view);
            var originals = _shown.GetValueOrDefault(view, []);
            var isThere = view.Isolation == IsolationLevel.ReadUncommitted
                ? originals.Exists(original => original.AsSpan().StartsWith(shown))
                : originals.Exists(original => IsSubsequence(shown, original));
            FuzzTargets.Require(isThere || shown.Length == 0, $"{view.Partition} ({view.Isolation}) shows only what was there before the damage, in its order");
        }
    }

    private void Note(DirectoryImage image)
    {
        var engine = BrokerEngine.Open(new SteppedEnvironment(new ImageDisk(image)), SampleDirectory.Options);
        // A meter is known to the whole process until it is disposed.
        using (engine.Meter)
        {
            var contents = BrokerContents.Of(engine);
            foreach (var view in contents.Views)
            {
                if (!_shown.TryGetValue(view, out var originals))
                    _shown.Add(view, originals = []);
                originals.Add(BatchesOf(contents, view));
            }
        }
    }

    /// <summary>
    /// The fingerprints of a partition's batches without the leader epoch, which is under no checksum and shown to no reader of this process.
    /// </summary>
    private static ulong[] BatchesOf(BrokerContents contents, (TopicPartition Partition, IsolationLevel Isolation) view)
    {
        var fingerprints = new List<ulong>();
        var sequence = new BatchSequence(contents.Batches(view.Partition, view.Isolation));
        while (sequence.MoveNext())
        {
            var batch = sequence.Batch;
            if (!sequence.Current.IsControl)
                fingerprints.Add(Fingerprint.Add(Fingerprint.Add(0, batch[..BatchHeader.LeaderEpochAt]), batch[BatchHeader.MagicAt..]));
        }
        return [.. fingerprints];
    }

    private static bool IsSubsequence(ulong[] shown, ulong[] original)
    {
        var found = 0;
        foreach (var batch in original)
            if (found < shown.Length && shown[found] == batch)
                found++;
        return found == shown.Length;
    }

    /// <summary>
    /// Goes through everything whose checksum is right, until one answers true: manifests, checkpoints, groups of journals. The small directories have nothing
    /// else.
    /// </summary>
    private bool Visit(DirectoryImage image, Predicate<ulong> visit)
    {
        foreach (var (path, content) in image.Files)
        {
            var isFound = Path.GetFileName(path) == Manifest.FileName ? IsRight(content, StorageTargets.FixManifest) && visit(Fingerprint.Add(0, content))
                : path.EndsWith(Directories.CheckpointSuffix, StringComparison.Ordinal) ? IsRight(content, StorageTargets.FixCheckpoint) && visit(Fingerprint.Add(0, content))
                : VisitGroups(content, visit);
            if (isFound)
                return true;
        }
        return false;
    }

    private bool VisitGroups(ReadOnlySpan<byte> journal, Predicate<ulong> visit)
    {
        for (var at = 0; at + JournalFormat.GroupHeaderBytes <= journal.Length; at += JournalFormat.BlockBytes)
        {
            var group = journal[at..];
            if (!JournalGroupHeader.TryRead(group, out var header, out _) || header.PayloadBytes > group.Length - JournalFormat.GroupHeaderBytes)
                continue;
            group = group[..(JournalFormat.GroupHeaderBytes + header.PayloadBytes)];
            foreach (var seed in _journalSeeds)
                if (IsRight(group, copy => StorageTargets.FixJournal(copy, seed)) && visit(Fingerprint.Add(0, group)))
                    return true;
        }
        return false;
    }

    private static bool IsRight(ReadOnlySpan<byte> bytes, FuzzFixUp fixUp)
    {
        var copy = bytes.ToArray();
        fixUp(copy);
        return bytes.SequenceEqual(copy);
    }
}
