namespace ExactlyOnce.Engine.Journal;

/// <summary>What a call of <see cref="JournalWriter.Step"/> did.</summary>
internal enum JournalStep
{
    /// <summary>Nothing: the queue is empty, or the journal has failed.</summary>
    Idle,

    /// <summary>Took what was queued as the next group.</summary>
    Gathered,

    /// <summary>Wrote the group.</summary>
    Written,

    /// <summary>Synced the file.</summary>
    Synced,

    /// <summary>Moved the visible LSN and told who waited.</summary>
    Published,

    /// <summary>Failed; nothing becomes visible any more.</summary>
    Failed,
}
