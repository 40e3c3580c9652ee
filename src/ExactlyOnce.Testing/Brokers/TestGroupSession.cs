using ExactlyOnce.Clients.Consuming;

namespace ExactlyOnce.Testing.Brokers;

/// <summary>A membership in a process that can die: afterwards it does nothing any more.</summary>
internal sealed class TestGroupSession(TestBackend life, GroupSession inner) : GroupSession
{
    public GroupSession Inner => inner;

    public override string Group => inner.Group;

    public override string MemberId => inner.MemberId;

    public override GroupAssignment Assignment => inner.Assignment;

    public override bool IsChangePending => !life.IsDead && inner.IsChangePending;

    public override ValueTask<GroupAssignment> ReconcileAsync(CancellationToken cancellationToken)
    {
        life.ThrowIfDead();
        return inner.ReconcileAsync(cancellationToken);
    }

    public override void Attach(ReadSignal signal)
    {
        life.WakeAtDeath(this, signal);
        inner.Attach(signal);
    }

    public override async ValueTask CommitAsync(IReadOnlyDictionary<TopicPartition, CommittedOffset> offsets, CancellationToken cancellationToken)
    {
        life.ThrowIfDead();
        await inner.CommitAsync(offsets, cancellationToken).ConfigureAwait(false);
        life.History?.Committed(inner.Group, offsets);
    }

    public override async ValueTask DisposeAsync()
    {
        life.Forget(this);
        // Whoever died has not left: the broker forgets him when it is opened again.
        if (!life.IsDead)
            await inner.DisposeAsync().ConfigureAwait(false);
    }
}
