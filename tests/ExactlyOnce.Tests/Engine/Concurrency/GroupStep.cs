namespace ExactlyOnce.Tests.Engine.Concurrency;

/// <summary>What may be asked of the coordinator about a group that reads a topic of one partition.</summary>
internal abstract record GroupStep
{
    /// <summary>Also of one who is in already: it starts over.</summary>
    internal sealed record Join(int Member) : GroupStep;

    /// <summary>The heartbeat of a member in process: it gives up what is not meant for it and takes what is free.</summary>
    internal sealed record Reconcile(int Member) : GroupStep;

    internal sealed record Leave(int Member) : GroupStep;

    /// <summary>By a member that believes to be in an epoch.</summary>
    internal sealed record Commit(int Member, int Epoch, int Offset) : GroupStep;

    /// <summary>By somebody outside, which is for groups without members.</summary>
    internal sealed record CommitOutside(int Offset) : GroupStep;

    internal sealed record Fetch : GroupStep;
}
