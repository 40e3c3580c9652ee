using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Engine.Environment;
using ExactlyOnce.Engine.Journal;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Tests.Engine.Disk;
using ExactlyOnce.Testing.Disks;

namespace ExactlyOnce.Tests.Engine.Journal;

/// <summary>The journal with its own thread, against real threads.</summary>
public sealed class JournalThreadTests : IDisposable
{
    private const int Enqueuers = 4;
    private const int FramesEach = 150;

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData(Durability.Flushed, 0)]
    [InlineData(Durability.Flushed, 1)]
    [InlineData(Durability.Written, 0)]
    [InlineData(Durability.Memory, 0)]
    public void Every_frame_of_four_enqueuers_is_acknowledged_and_is_there(Durability durability, int commitDelayMs)
    {
        var environment = new SystemEnvironment();
        var manifests = new ManifestStore(environment.Disk, _directory.Path, new Manifest());
        var options = new JournalOptions { Durability = durability, FileBytes = 128 * 1024, ZeroStepBytes = 64 * 1024, CommitDelay = TimeSpan.FromMilliseconds(commitDelayMs) };
        var frames = commitDelayMs == 0 ? FramesEach : 20;
        using var journal = durability == Durability.Memory ? JournalWriter.InMemory(environment, options) : new JournalWriter(environment, options, manifests);
        journal.Start();
        var done = RunEnqueuers(journal, frames, () =>
        {
            journal.SyncBehind();
            journal.VouchIfIdle();
        });
        journal.Stop(TimeSpan.FromSeconds(20));

        done.Should().Be(Enqueuers * frames);
        journal.VisibleLsn.Should().Be(journal.AppendedLsn);
        journal.SyncedLsn.Should().Be(journal.AppendedLsn);
        if (durability != Durability.Memory)
            ReadBack(environment.Disk).Should().Be(Enqueuers * frames);
    }

    [Fact]
    public void Group_commit_shares_syncs()
    {
        var disk = new SimulatedDisk();
        disk.CreateDirectory("/data");
        var environment = new SystemEnvironment(disk: new SlowSyncDisk(disk));
        using var journal = new JournalWriter(environment, new JournalOptions { FileBytes = 1 << 20, ZeroStepBytes = 64 * 1024 }, new ManifestStore(environment.Disk, "/data", new Manifest()));
        journal.Start();
        RunEnqueuers(journal, 100, () => { }).Should().Be(Enqueuers * 100);
        journal.Stop(TimeSpan.FromSeconds(20));
        disk.Syncs.Should().BeLessThan(Enqueuers * 100 * 3 / 4, "enqueuers that wait for the same sync share the next");
    }

    [Fact]
    public void A_failure_reaches_every_waiting_thread()
    {
        var disk = new SimulatedDisk();
        disk.CreateDirectory("/data");
        var environment = new SystemEnvironment(disk: disk);
        using var journal = new JournalWriter(environment, new JournalOptions { FileBytes = 1 << 20, ZeroStepBytes = 64 * 1024 }, new ManifestStore(disk, "/data", new Manifest()));
        journal.Start();
        disk.FailAt(60, FaultKind.IoError);
        RunEnqueuers(journal, 100, () => { }).Should().BeLessThan(Enqueuers * 100);
        journal.Failure.Should().NotBeNull();
        journal.Stop(TimeSpan.FromSeconds(20));
    }

    /// <summary>Each enqueuer waits for its frame before it enqueues the next; answers how many were acknowledged.</summary>
    private static int RunEnqueuers(JournalWriter journal, int frames, Action meanwhile)
    {
        var acknowledged = 0;
        var running = Enqueuers;
        var threads = Enumerable.Range(0, Enqueuers).Select(enqueuer => new Thread(() =>
        {
            for (var index = 0; index < frames; index++)
            {
                if (EnqueueAndWait(journal, enqueuer, index))
                    Interlocked.Increment(ref acknowledged);
            }
            Interlocked.Decrement(ref running);
        })).ToList();
        threads.ForEach(thread => thread.Start());
        while (Volatile.Read(ref running) > 0)
        {
            meanwhile();
            Thread.Sleep(1);
        }
        threads.ForEach(thread => thread.Join());
        return acknowledged;
    }

    private static bool EnqueueAndWait(JournalWriter journal, int enqueuer, int index)
    {
        var frame = journal.RentFrame();
        frame.Begin(index);
        frame.Add((byte)enqueuer, new PartitionKey(enqueuer, index), 0, new byte[index % 300]);
        long lsn;
        using (journal.QueueLock.Enter())
        {
            lsn = journal.Reserve(frame);
            journal.Link(frame);
        }
        journal.Drive();
        using var waiter = new BlockingWaiter();
        if (journal.IsVisibleOrWait(lsn, waiter))
            return true;
        waiter.Wait().Should().BeTrue("every waiter is told");
        return waiter.Failure is null;
    }

    private int ReadBack(IDisk disk)
    {
        var next = new int[Enqueuers];
        using var reader = new JournalReader(disk, _directory.Path, Manifest.Read(disk, _directory.Path)!);
        while (reader.TryRead(out var frame))
        {
            foreach (var piece in frame)
            {
                piece.Partition.Index.Should().Be(next[piece.OwnerKind], "the frames of one enqueuer are in order and none is missing");
                piece.Payload.Length.Should().Be(piece.Partition.Index % 300);
                next[piece.OwnerKind]++;
            }
        }
        return next.Sum();
    }

    private sealed class BlockingWaiter : IVisibilityWaiter, IDisposable
    {
        private readonly ManualResetEventSlim _told = new();

        public StorageException? Failure { get; private set; }

        public bool Wait() => _told.Wait(TimeSpan.FromSeconds(20));

        public void Complete(StorageException? failure)
        {
            Failure = failure;
            _told.Set();
        }

        public void Dispose() => _told.Dispose();
    }

    /// <summary>A device that takes a millisecond to sync.</summary>
    private sealed class SlowSyncDisk(IDisk inner) : IDisk
    {
        public void CreateDirectory(string path) => inner.CreateDirectory(path);

        public bool DirectoryExists(string path) => inner.DirectoryExists(path);

        public bool FileExists(string path) => inner.FileExists(path);

        public IReadOnlyList<string> List(string path) => inner.List(path);

        public IDiskFile Open(string path, FileOpening opening) => new SlowFile(inner.Open(path, opening));

        public void Rename(string source, string target) => inner.Rename(source, target);

        public void Delete(string path) => inner.Delete(path);

        public void DeleteDirectory(string path) => inner.DeleteDirectory(path);

        public void SyncDirectory(string path) => inner.SyncDirectory(path);

        public IDisposable? TryLock(string path, string ownerText, out string owner) => inner.TryLock(path, ownerText, out owner);

        public void VerifySyncErrorsAreSeen(string directory) => inner.VerifySyncErrorsAreSeen(directory);

        public long FreeBytes(string directory) => inner.FreeBytes(directory);

        private sealed class SlowFile(IDiskFile inner) : IDiskFile
        {
            public string Path => inner.Path;

            public long Length => inner.Length;

            public int Read(long position, Span<byte> buffer) => inner.Read(position, buffer);

            public void Write(long position, ReadOnlySpan<byte> bytes) => inner.Write(position, bytes);

            public void Sync()
            {
                Thread.Sleep(1);
                inner.Sync();
            }

            public void SetLength(long length) => inner.SetLength(length);

            public void Dispose() => inner.Dispose();
        }
    }
}
