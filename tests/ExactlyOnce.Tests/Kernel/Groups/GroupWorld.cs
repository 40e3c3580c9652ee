using System.Buffers;
using ExactlyOnce.Kernel.Groups;

namespace ExactlyOnce.Tests.Kernel.Groups;

/// <summary>Partition counts by topic number, for tests.</summary>
internal sealed class PartitionCounts : Dictionary<int, int>, IPartitionCounts
{
    public int CountOf(int topic) => this.GetValueOrDefault(topic);
}

/// <summary>
/// Group state as the engine holds it: applies decisions, keeps the encoded durable records as a journal would, and after every decision proves that a replay
/// of them, and a snapshot, say the same as the live state.
/// </summary>
internal sealed class GroupWorld
{
    private readonly GroupSettings _settings;
    private readonly List<byte[]> _journal = [];

    public GroupWorld(GroupSettings? settings = null)
    {
        _settings = settings ?? GroupSettings.Default with { InitialRebalanceDelayMs = 0 };
        State = new GroupCoordinatorState(_settings);
    }

    public GroupCoordinatorState State { get; private set; }

    public PartitionCounts Counts { get; } = [];

    public long NowMs { get; set; } = 1_000_000;

    public long Lsn => _journal.Count;

    public IReadOnlyList<byte[]> Journal => _journal;

    public T Run<T>(T decision)
        where T : GroupDecision
    {
        RunUnproven(decision);
        Prove();
        return decision;
    }

    /// <summary>For long random runs, which prove themselves at their restarts.</summary>
    public T RunUnproven<T>(T decision)
        where T : GroupDecision
    {
        foreach (var record in decision.Records)
        {
            if (record.IsDurable)
                _journal.Add(Encode(record));
            State.Apply(record, Lsn);
        }
        State.AssertInvariants();
        return decision;
    }

    public void Prove()
    {
        Snapshot(Replay()).Should().Equal(Snapshot(State), "the durable records are the whole durable state");
        Snapshot(Restore()).Should().Equal(Snapshot(State), "a snapshot brings back what was written");
    }

    /// <summary>The process dies; recovery replays the journal.</summary>
    public GroupDecision RestartFromJournal()
    {
        State = Replay();
        return Run(State.DecideRestart(Counts, NowMs));
    }

    /// <summary>The process dies; recovery reads the last checkpoint.</summary>
    public GroupDecision RestartFromSnapshot()
    {
        State = Restore();
        return Run(State.DecideRestart(Counts, NowMs));
    }

    public static byte[] Encode(GroupRecord record)
    {
        var buffer = new ArrayBufferWriter<byte>();
        GroupRecordCodec.Write(record, buffer);
        return buffer.WrittenSpan.ToArray();
    }

    public static byte[] Snapshot(GroupCoordinatorState state)
    {
        var buffer = new ArrayBufferWriter<byte>();
        state.WriteSnapshot(buffer);
        return buffer.WrittenSpan.ToArray();
    }

    private GroupCoordinatorState Replay()
    {
        var state = new GroupCoordinatorState(_settings);
        for (var i = 0; i < _journal.Count; i++)
            state.Apply(GroupRecordCodec.Read(_journal[i]), i + 1);
        return state;
    }

    private GroupCoordinatorState Restore() => GroupCoordinatorState.ReadSnapshot(Snapshot(State), _settings);
}
