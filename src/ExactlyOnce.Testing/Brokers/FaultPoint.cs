namespace ExactlyOnce.Testing;

/// <summary>The moments at which a <see cref="FaultPlan"/> can strike.</summary>
public enum FaultPoint
{
    /// <summary>A batch of records has reached the broker and is not in the log yet.</summary>
    BeforeAppend,

    /// <summary>A batch of records is in the log, and its producer does not know that yet.</summary>
    AfterAppend,

    /// <summary>A transaction is about to be committed; nothing of it is visible.</summary>
    BeforeCommit,

    /// <summary>A transaction is committed, and its producer does not know that yet.</summary>
    AfterCommit,

    /// <summary>A pipeline or a subscription has records and is about to call its handler.</summary>
    BeforeHandler,

    /// <summary>The handler has returned; nothing of what it did is committed.</summary>
    AfterHandler,
}
