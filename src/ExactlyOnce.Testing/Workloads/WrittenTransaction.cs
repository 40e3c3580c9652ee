namespace ExactlyOnce.Testing.Workloads;

/// <summary>What the caller knows about a transaction.</summary>
internal enum Fate
{
    /// <summary>Aborted, or its commit was never asked for.</summary>
    Aborted,

    /// <summary>The commit was asked for and not answered.</summary>
    Unknown,

    /// <summary>The commit was acknowledged.</summary>
    Committed,
}

/// <summary>What the caller knows about the first phase of a transaction.</summary>
internal enum Preparation
{
    /// <summary>Not asked for, or decided, or gone.</summary>
    None,

    /// <summary>Asked for and not answered.</summary>
    Unknown,

    /// <summary>Acknowledged: it must be there, undecided, until its decision is asked for.</summary>
    Prepared,

    /// <summary>The decision was asked for and not answered.</summary>
    Deciding,
}

/// <summary>A transaction that was begun, and what is known of its end.</summary>
internal sealed record WrittenTransaction
{
    public List<string> Values { get; private init; } = [];

    public Fate Fate { get; set; }

    public Preparation Preparation { get; set; }

    /// <summary>Its transactional id, when it is one that nobody else uses.</summary>
    public string? Id { get; init; }

    public WrittenTransaction Copy() => this with { Values = [.. Values] };
}
