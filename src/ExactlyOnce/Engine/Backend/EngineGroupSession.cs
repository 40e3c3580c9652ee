using ExactlyOnce.Clients.Consuming;
using ExactlyOnce.Kernel.Groups;
using ExactlyOnce.Kernel.Groups.Consumers;
using ExactlyOnce.Kernel.Groups.Offsets;

namespace ExactlyOnce.Engine.Backend;

/// <summary>An in-process member of a consumer group. It dies with the process, so it has no session timeout and sends no heartbeats.</summary>
internal sealed class EngineGroupSession(BrokerEngine engine, GroupSessions sessions, GroupJoinRequest request, string memberId) : GroupSession
{
    private GroupAssignment _assignment = new(0, []);
    private ReadSignal? _signal;
    private bool _isLeft;

    public override string Group => request.Group;

    public override string MemberId => memberId;

    public string? InstanceId => request.InstanceId;

    public override GroupAssignment Assignment => Volatile.Read(ref _assignment);

    public override bool IsChangePending => engine.Groups.IsChangePending(Group, MemberId);

    public override async ValueTask<GroupAssignment> ReconcileAsync(CancellationToken cancellationToken)
    {
        engine.ThrowIfClosed();
        var reply = engine.Groups.Reconcile(Group, MemberId, InstanceId, engine.NowMs);
        await VisibilityWait.For(engine, reply.Lsn);
        if (reply.Decision.Verdict != GroupVerdict.None)
            throw Refusals.Of(reply.Decision.Verdict, Group);
        Adopt(reply.Decision.Assignment);
        sessions.Notify(Group);
        return Assignment;
    }

    public override void Attach(ReadSignal signal)
    {
        Volatile.Write(ref _signal, signal);
        WakeIfPending();
    }

    public override async ValueTask CommitAsync(IReadOnlyDictionary<TopicPartition, CommittedOffset> offsets, CancellationToken cancellationToken)
    {
        engine.ThrowIfClosed();
        cancellationToken.ThrowIfCancellationRequested();
        var reply = engine.Groups.Commit(ToRequest(offsets), engine.NowMs);
        await VisibilityWait.For(engine, reply.Lsn);
        if (reply.Decision.Verdict != GroupVerdict.None)
            throw Refusals.Of(reply.Decision.Verdict, Group);
    }

    public override async ValueTask DisposeAsync()
    {
        if (_isLeft)
            return;
        _isLeft = true;
        sessions.Remove(this);
        if (engine.IsClosed)
            return;
        var reply = engine.Groups.Leave(Group, MemberId, InstanceId, engine.NowMs);
        sessions.Notify(Group);
        try
        {
            await VisibilityWait.For(engine, reply.Lsn);
        }
        catch (StorageException)
        {
            // Members of this process are gone with it, whether a disk that has failed says so or not. Who wants something written is told that it has.
        }
    }

    internal OffsetCommitRequest ToRequest(IReadOnlyDictionary<TopicPartition, CommittedOffset> offsets) => new()
    {
        Group = Group,
        MemberId = MemberId,
        InstanceId = InstanceId,
        Generation = Assignment.MemberEpoch,
        AllOrNothing = true,
        Offsets = engine.ToOffsetValues(offsets),
    };

    internal void Adopt(ConsumerAssignment? assignment)
    {
        if (assignment is not null)
            Volatile.Write(ref _assignment, new GroupAssignment(assignment.MemberEpoch, engine.ToNames(assignment.Partitions)));
    }

    internal void Wake() => Volatile.Read(ref _signal)?.Set();

    internal bool WakeIfPending()
    {
        if (!IsChangePending)
            return false;
        Wake();
        return true;
    }
}
