using ExactlyOnce.Engine.Journal;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Testing.Simulation;

namespace ExactlyOnce.Tests.Engine.Journal;

/// <summary>
/// A journal on a fault disk together with what must be true of it: every frame ever enqueued, and how far frames were acknowledged. Small files, so that a
/// short workload rolls, recycles and rolls into recycled files.
/// </summary>
internal sealed class JournalHarness
{
    public const string Directory = "/data";

    private readonly SimulatedDisk _disk;
    private readonly List<EnqueuedFrame> _history;
    private JournalWriter? _journal;
    private ManifestStore? _manifests;

    private JournalHarness(SimulatedDisk disk, List<EnqueuedFrame> history, Durability durability)
    {
        _disk = disk;
        _history = history;
        Options = new JournalOptions { Durability = durability, FileBytes = 64 * 1024, ZeroStepBytes = 16 * 1024, GroupBytesMax = 12 * 1024, SpareFilesMax = 1 };
    }

    public SimulatedDisk Disk => _disk;

    public JournalOptions Options { get; }

    public JournalWriter Journal => _journal!;

    public ManifestStore Manifests => _manifests!;

    /// <summary>Every frame that was given an LSN and not lost by an earlier crash, in order.</summary>
    public IReadOnlyList<EnqueuedFrame> History => _history;

    /// <summary>Everything up to here was acknowledged to somebody.</summary>
    public long AcknowledgedLsn { get; private set; }

    /// <summary>The largest synced LSN that the journal ever told.</summary>
    public long ToldSyncedLsn { get; private set; }

    public static JournalHarness Create(SimulatedDisk disk, Durability durability = Durability.Flushed) => new(disk, [], durability);

    /// <summary>What a broker does at start: reads the manifest, replays, checks against the model, checkpoints, goes on with a new generation.</summary>
    public void Open(long mustReachLsn = 0, bool removesOrphans = true)
    {
        if (!_disk.DirectoryExists(Directory))
            _disk.CreateDirectory(Directory);
        _disk.SyncDirectory("/");
        var manifest = Manifest.Read(_disk, Directory) ?? new Manifest();
        var end = Replay(_disk, manifest, _history, mustReachLsn);
        _history.RemoveAll(frame => frame.Lsn > end);
        _manifests = new ManifestStore(_disk, Directory, manifest);
        _manifests.Update(current => current with { CheckpointLsn = end, JournalFiles = [] });
        if (removesOrphans)
            RemoveJournalFiles();
        _journal = new JournalWriter(new SteppedEnvironment(_disk, seed: (int)manifest.NextGeneration), Options, _manifests);
        AcknowledgedLsn = ToldSyncedLsn = end;
    }

    /// <summary>
    /// Replays a disk and compares with what was enqueued: frame by frame equal, in order, without a gap, at least to <paramref name="mustReachLsn"/>.
    /// </summary>
    public static long Replay(SimulatedDisk disk, Manifest manifest, IReadOnlyList<EnqueuedFrame> history, long mustReachLsn)
    {
        using var reader = new JournalReader(disk, Directory, manifest);
        var expected = history.SkipWhile(frame => frame.Lsn <= manifest.CheckpointLsn).GetEnumerator();
        while (reader.TryRead(out var frame))
        {
            expected.MoveNext().Should().BeTrue("only what was enqueued can be replayed");
            frame.Lsn.Should().Be(expected.Current.Lsn);
            frame.BrokerTimeMs.Should().Be(expected.Current.BrokerTimeMs);
            EnqueuedFrame.PiecesOf(frame).Should().Equal(expected.Current.Pieces);
        }
        var end = Math.Max(reader.EndLsn, manifest.CheckpointLsn);
        end.Should().BeGreaterThanOrEqualTo(mustReachLsn, "what was acknowledged is there");
        return end;
    }

    /// <summary>Enqueues a frame that fits into one block with its group.</summary>
    public void EnqueueSmall(Random random, int payloadMax) => Enqueue(random, payloadMax, largeOneIn: int.MaxValue);

    /// <summary>Enqueues a frame of one to three pieces whose contents follow from <paramref name="random"/>; does not drive the journal.</summary>
    public void Enqueue(Random random, int payloadMax = 3000, int largeOneIn = 8)
    {
        var frame = Journal.RentFrame();
        var pieces = new List<string>();
        var timeMs = random.NextInt64(1L << 50);
        frame.Begin(timeMs);
        for (var piece = random.Next(1, 4); piece > 0; piece--)
        {
            var payload = new byte[random.Next(largeOneIn) == 0 ? random.Next(4096, 5200) : random.Next(payloadMax)];
            random.NextBytes(payload);
            var (owner, kind) = ((byte)random.Next(3), (byte)random.Next(20));
            var key = new PartitionKey(random.Next(5), random.Next(100));
            frame.AddReference(owner, key, kind, payload);
            pieces.Add(EnqueuedFrame.Describe(new JournalPiece(owner, key, kind, payload)));
        }
        using (Journal.QueueLock.Enter())
        {
            var lsn = Journal.Reserve(frame);
            _history.Add(new EnqueuedFrame(lsn, timeMs, pieces));
            Journal.Link(frame);
        }
        if (Journal.IsVisibleOrWait(_history[^1].Lsn, new Acknowledgement(this, _history[^1].Lsn)))
            AcknowledgedLsn = _history[^1].Lsn;
    }

    /// <summary>A checkpoint of everything synced. When it fails, the old one stands.</summary>
    public void Checkpoint()
    {
        Journal.SyncBehind();
        NoteSynced();
        var target = Journal.SyncedLsn;
        Manifests.Update(manifest => manifest with { CheckpointLsn = target, JournalFiles = manifest.JournalFilesAfter(target) });
        Journal.Recycle();
    }

    public void NoteSynced() => ToldSyncedLsn = Math.Max(ToldSyncedLsn, Journal.SyncedLsn);

    /// <summary>
    /// Some twenty operations that touch everything: groups of many sizes, rolls, vouching, checkpoints. Stops early when the disk dies or the journal fails.
    /// </summary>
    public void Work(int seed, int rounds = 24)
    {
        var random = new Random(seed);
        for (var round = 0; round < rounds && !_disk.HasCrashed && Journal.Failure is null; round++)
        {
            for (var frames = random.Next(1, 4); frames > 0; frames--)
                Enqueue(random);
            if (random.Next(4) != 0)
                Journal.Drive();
            NoteSynced();
            if (random.Next(5) == 0)
                Journal.VouchIfIdle();
            if (random.Next(4) == 0)
                Journal.SyncBehind();
            if (random.Next(6) == 0)
                TryCheckpoint();
        }
        Journal.Drive();
        NoteSynced();
    }

    /// <summary>The disk after a crash, with the model of what must be found on it.</summary>
    public JournalHarness Crash(CrashProfile profile, int seed) => new(_disk.Crash(profile, seed), [.. _history], Options.Durability);

    /// <summary>What a crash of this kind must leave.</summary>
    public long MustSurvive(CrashProfile profile) =>
        Options.Durability == Durability.Flushed || profile == CrashProfile.AllSurvive ? Math.Max(AcknowledgedLsn, ToldSyncedLsn) : ToldSyncedLsn;

    /// <summary>This life died before it could open: it still owes what survived the crash in front of it.</summary>
    public void Owe(JournalHarness earlier, CrashProfile profile)
    {
        AcknowledgedLsn = earlier.MustSurvive(profile);
        ToldSyncedLsn = earlier.ToldSyncedLsn;
    }

    private void TryCheckpoint()
    {
        try
        {
            Checkpoint();
        }
        catch (Exception exception) when (exception is StorageException or SimulatedCrash)
        {
        }
    }

    private void RemoveJournalFiles()
    {
        var directory = Path.Combine(Directory, JournalFormat.DirectoryName);
        if (!_disk.DirectoryExists(directory))
            return;
        foreach (var name in _disk.List(directory))
            _disk.Delete(Path.Combine(directory, name));
    }

    private sealed class Acknowledgement(JournalHarness harness, long lsn) : IVisibilityWaiter
    {
        public void Complete(StorageException? failure)
        {
            if (failure is not null)
                return;
            lsn.Should().BeGreaterThanOrEqualTo(harness.AcknowledgedLsn, "acknowledgements leave in LSN order");
            harness.AcknowledgedLsn = lsn;
        }
    }
}

/// <summary>What was enqueued: the frame's end and a readable form of its pieces.</summary>
internal sealed record EnqueuedFrame(long Lsn, long BrokerTimeMs, IReadOnlyList<string> Pieces)
{
    public static List<string> PiecesOf(in JournalFrameView frame)
    {
        var pieces = new List<string>();
        foreach (var piece in frame)
            pieces.Add(Describe(piece));
        return pieces;
    }

    public static string Describe(in JournalPiece piece) =>
        $"{piece.OwnerKind} {piece.Partition} {piece.Kind} {piece.Payload.Length} {Crc32C.Compute(piece.Payload.Span):x8}";
}
