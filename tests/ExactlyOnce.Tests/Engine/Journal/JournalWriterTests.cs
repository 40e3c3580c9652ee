using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Engine.Journal;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Testing.Simulation;

namespace ExactlyOnce.Tests.Engine.Journal;

public sealed class JournalWriterTests
{
    private static readonly PartitionKey s_partition = new(1, 2);

    private readonly SimulatedDisk _disk = new();
    private readonly List<string> _acknowledged = [];

    public JournalWriterTests() => _disk.CreateDirectory("/data");

    [Fact]
    public void An_LSN_counts_the_bytes_of_frames_and_nothing_else()
    {
        var journal = Open();
        var first = Enqueue(journal, 10);
        journal.Drive();
        var second = Enqueue(journal, 20);
        first.Should().Be(JournalFormat.FrameHeaderBytes + JournalFormat.PieceHeaderBytes + 10);
        second.Should().Be(first + JournalFormat.FrameHeaderBytes + JournalFormat.PieceHeaderBytes + 20);
    }

    [Fact]
    public void Nothing_is_visible_before_it_is_synced()
    {
        var journal = Open();
        var lsn = Enqueue(journal, 10);
        Await(journal, lsn, "a");
        journal.QueuedBytes.Should().Be(lsn);

        journal.Step().Should().Be(JournalStep.Gathered);
        journal.Step().Should().Be(JournalStep.Written);
        journal.VisibleLsn.Should().Be(0);
        journal.Step().Should().Be(JournalStep.Synced);
        journal.VisibleLsn.Should().Be(0);
        journal.Step().Should().Be(JournalStep.Published);
        journal.VisibleLsn.Should().Be(lsn);
        journal.SyncedLsn.Should().Be(lsn);
        journal.QueuedBytes.Should().Be(0);
        _acknowledged.Should().Equal("a");
        journal.Step().Should().Be(JournalStep.Idle);
    }

    [Fact]
    public void What_queues_up_during_a_sync_shares_the_next_one()
    {
        var journal = Open();
        Enqueue(journal, 10);
        journal.Step();
        journal.Step();
        for (var frame = 0; frame < 50; frame++)
            Enqueue(journal, 10);
        var syncs = _disk.Syncs;
        journal.Drive();
        journal.VisibleLsn.Should().Be(journal.AppendedLsn);
        (_disk.Syncs - syncs).Should().Be(2);
    }

    [Fact]
    public void A_backlog_longer_than_a_file_is_written_as_groups_that_fit()
    {
        var options = new JournalOptions { FileBytes = 64 * 1024, ZeroStepBytes = 16 * 1024 };
        options.GroupBytesMax.Should().BeGreaterThan((int)options.FileBytes);
        using var journal = new JournalWriter(new SteppedEnvironment(_disk), options, new ManifestStore(_disk, "/data", new Manifest()));
        for (var frame = 0; frame < 40; frame++)
            Enqueue(journal, 10_000);
        journal.Drive();

        journal.Failure.Should().BeNull();
        journal.VisibleLsn.Should().Be(journal.AppendedLsn);
        foreach (var name in _disk.List("/data/journal"))
            _disk.ReadAll($"/data/journal/{name}").Length.Should().BeLessThanOrEqualTo((int)options.FileBytes);
    }

    [Fact]
    public void Written_is_visible_before_it_is_synced_and_synced_behind()
    {
        var journal = Open(Durability.Written);
        var lsn = Enqueue(journal, 10);
        journal.Drive();
        journal.VisibleLsn.Should().Be(lsn);
        journal.SyncedLsn.Should().Be(0);
        journal.SyncBehind();
        journal.SyncedLsn.Should().Be(lsn);
        var syncs = _disk.Syncs;
        journal.SyncBehind();
        _disk.Syncs.Should().Be(syncs, "there is nothing to sync");
    }

    [Fact]
    public void In_memory_what_is_linked_is_visible_and_its_listeners_are_told_by_the_drive()
    {
        var journal = JournalWriter.InMemory(new SteppedEnvironment(_disk));
        var listener = new Listener();
        var operations = _disk.Operations;
        var lsn = Enqueue(journal, 10, listener);
        journal.VisibleLsn.Should().Be(lsn);
        journal.SyncedLsn.Should().Be(lsn);
        journal.IsVisibleOrWait(lsn, new Waiter(_acknowledged, "a")).Should().BeTrue();
        listener.Told.Should().BeEmpty();
        journal.Drive();
        listener.Told.Should().Equal(lsn);
        _disk.Operations.Should().Be(operations);
    }

    [Fact]
    public void Acknowledgements_leave_in_LSN_order_whatever_order_they_were_asked_for()
    {
        var journal = Open();
        var (first, second, third) = (Enqueue(journal, 1), Enqueue(journal, 2), Enqueue(journal, 3));
        Await(journal, third, "third");
        Await(journal, first, "first");
        Await(journal, second, "second");
        Await(journal, first, "first again");
        journal.Drive();
        _acknowledged.Should().Equal("first", "first again", "second", "third");
    }

    [Fact]
    public void Touched_listeners_are_told_after_the_number_has_moved()
    {
        var journal = Open();
        var partition = new Listener { Look = () => journal.VisibleLsn };
        var engine = new Listener { Look = () => journal.VisibleLsn };
        journal.Listener = engine;
        var lsn = Enqueue(journal, 10, partition);
        journal.Drive();
        partition.Told.Should().Equal(lsn);
        partition.Seen.Should().Equal(lsn);
        engine.Told.Should().Equal(lsn);
    }

    [Fact]
    public void A_failure_is_told_once_and_to_every_waiter_now_and_later()
    {
        var journal = Open();
        var engine = new Listener();
        journal.Listener = engine;
        var lsn = Enqueue(journal, 10);
        Await(journal, lsn, "before");
        _disk.FailAt(_disk.Operations + 1, FaultKind.IoError);
        journal.Drive();

        journal.Failure.Should().NotBeNull();
        Await(journal, lsn, "after");
        _acknowledged.Should().Equal("before failed", "after failed");
        var later = Enqueue(journal, 10);
        Await(journal, later, "later");
        journal.Drive();
        _acknowledged.Should().EndWith("later failed");
        engine.Failures.Should().ContainSingle().Which.Should().Be(journal.Failure);
        journal.VisibleLsn.Should().Be(0);
    }

    [Fact]
    public void A_failed_sync_behind_freezes_a_written_journal_too()
    {
        var journal = Open(Durability.Written);
        var lsn = Enqueue(journal, 10);
        journal.Drive();
        _disk.FailAt(_disk.Operations + 1, FaultKind.IoError);
        journal.SyncBehind();
        Enqueue(journal, 10);
        journal.Drive();
        journal.VisibleLsn.Should().Be(lsn);
        journal.SyncedLsn.Should().Be(0);
        journal.Failure!.Message.Should().Contain("simulated EIO");
    }

    [Fact]
    public void What_was_written_before_a_sync_behind_failed_does_not_become_visible_after_it()
    {
        var journal = Open(Durability.Written);
        var lsn = Enqueue(journal, 10);
        Await(journal, lsn, "a");
        journal.Step();
        journal.Step().Should().Be(JournalStep.Written);
        _disk.FailAt(_disk.Operations + 1, FaultKind.IoError);
        journal.SyncBehind();
        journal.Step().Should().Be(JournalStep.Published);
        journal.VisibleLsn.Should().Be(0);
        _acknowledged.Should().Equal("a failed");
    }

    [Fact]
    public void A_journal_does_not_go_on_before_what_it_replayed_is_durable_again()
    {
        var manifests = new ManifestStore(_disk, "/data", new Manifest { NextGeneration = 2, JournalFiles = [new JournalFile(1, 0, 0, "x")] });
        var open = () => new JournalWriter(new SteppedEnvironment(_disk), new JournalOptions(), manifests);
        open.Should().Throw<InvalidOperationException>();
    }

    [Fact]
    public void The_first_write_clears_the_clean_flag_durably()
    {
        var manifests = new ManifestStore(_disk, "/data", new Manifest { IsClean = true });
        var journal = new JournalWriter(new SteppedEnvironment(_disk), new JournalOptions(), manifests);
        manifests.Current.IsClean.Should().BeTrue();
        Enqueue(journal, 1);
        journal.Drive();
        Manifest.Read(_disk.Crash(CrashProfile.Prefix, 0), "/data")!.IsClean.Should().BeFalse();
    }

    [Fact]
    public void An_idle_journal_vouches_once()
    {
        var journal = Open();
        Enqueue(journal, 10);
        journal.Drive();
        var operations = _disk.Operations;
        journal.VouchIfIdle();
        _disk.Operations.Should().Be(operations + 2, "one write and one sync");
        journal.VouchIfIdle();
        _disk.Operations.Should().Be(operations + 2);
    }

    [Fact]
    public void A_frame_larger_than_the_limit_is_a_programming_error_that_takes_no_LSN()
    {
        var journal = JournalWriter.InMemory(new SteppedEnvironment(_disk), new JournalOptions { FileBytes = 64 * 1024 });
        journal.Invoking(journal => Enqueue(journal, 16 * 1024)).Should().Throw<InvalidOperationException>();
        journal.AppendedLsn.Should().Be(0);
        Enqueue(journal, 100).Should().Be(journal.AppendedLsn);
    }

    [Fact]
    public void Stopping_writes_what_is_queued_and_syncs_it()
    {
        var journal = Open(Durability.Written);
        var lsn = Enqueue(journal, 10);
        journal.Stop(TimeSpan.FromSeconds(1));
        journal.VisibleLsn.Should().Be(lsn);
        journal.SyncedLsn.Should().Be(lsn);
    }

    [Fact]
    public void Large_payloads_are_written_from_where_they_are()
    {
        var journal = Open();
        var payload = new byte[300_000];
        new Random(1).NextBytes(payload);
        var frame = journal.RentFrame();
        frame.Begin(5);
        frame.Add(1, s_partition, 2, "small"u8);
        frame.BeginPiece(3, s_partition, 4);
        frame.Append("head "u8.ToArray());
        frame.Append(payload);
        frame.Append("tail"u8.ToArray());
        frame.EndPiece();
        Link(journal, frame);
        journal.Drive();

        using var reader = new JournalReader(_disk, "/data", Manifest.Read(_disk, "/data")!);
        reader.TryRead(out var view).Should().BeTrue();
        var pieces = new List<JournalPiece>();
        foreach (var piece in view)
            pieces.Add(piece);
        pieces.Should().HaveCount(2);
        pieces[0].Payload.ToArray().Should().Equal("small"u8.ToArray());
        pieces[1].Partition.Should().Be(s_partition);
        (pieces[1].OwnerKind, pieces[1].Kind).Should().Be(((byte)3, (byte)4));
        pieces[1].Payload.Span.SequenceEqual([.. "head "u8, .. payload, .. "tail"u8]).Should().BeTrue();
        view.BrokerTimeMs.Should().Be(5);
    }

    [Theory]
    [InlineData(Durability.Memory)]
    [InlineData(Durability.Flushed)]
    public void A_frame_allocates_nothing(Durability durability)
    {
        var environment = new SteppedEnvironment(new MemoryDisk());
        environment.Disk.CreateDirectory("/data");
        var journal = durability == Durability.Memory
            ? JournalWriter.InMemory(environment)
            : new JournalWriter(environment, new JournalOptions(), new ManifestStore(environment.Disk, "/data", new Manifest()));
        var batch = new byte[5000];
        var listener = new Listener { Told = new List<long>(2000) };
        Run(300);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Run(100);
        (GC.GetAllocatedBytesForCurrentThread() - before).Should().Be(0);

        void Run(int frames)
        {
            for (var index = 0; index < frames; index++)
            {
                var frame = journal.RentFrame();
                frame.Begin(index);
                frame.Add(1, s_partition, 1, "0123456789"u8);
                frame.AddReference(0, s_partition, 0, batch);
                frame.Touch(listener);
                Link(journal, frame);
                journal.Drive();
            }
        }
    }

    private JournalWriter Open(Durability durability = Durability.Flushed) =>
        new(new SteppedEnvironment(_disk), new JournalOptions { Durability = durability, FileBytes = 4 << 20, ZeroStepBytes = 64 * 1024 }, new ManifestStore(_disk, "/data", new Manifest()));

    private void Await(JournalWriter journal, long lsn, string name) =>
        journal.IsVisibleOrWait(lsn, new Waiter(_acknowledged, name)).Should().BeFalse();

    private static long Enqueue(JournalWriter journal, int payloadBytes, IVisibilityListener? touched = null)
    {
        var frame = journal.RentFrame();
        frame.Begin(0);
        frame.Add(0, s_partition, 0, new byte[payloadBytes]);
        if (touched is not null)
            frame.Touch(touched);
        return Link(journal, frame);
    }

    private static long Link(JournalWriter journal, JournalFrame frame)
    {
        using (journal.QueueLock.Enter())
        {
            var lsn = journal.Reserve(frame);
            journal.Link(frame);
            return lsn;
        }
    }

    private sealed class Waiter(List<string> acknowledged, string name) : IVisibilityWaiter
    {
        public void Complete(StorageException? failure) => acknowledged.Add(failure is null ? name : name + " failed");
    }

    private sealed class Listener : IJournalListener
    {
        public List<long> Told { get; init; } = [];

        public List<long> Seen { get; } = [];

        public List<StorageException> Failures { get; } = [];

        public Func<long>? Look { get; init; }

        public void OnVisible(long visibleLsn)
        {
            Told.Add(visibleLsn);
            if (Look is not null)
                Seen.Add(Look());
        }

        public void OnFailed(StorageException cause) => Failures.Add(cause);
    }
}
