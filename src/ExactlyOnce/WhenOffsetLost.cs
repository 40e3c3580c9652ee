namespace ExactlyOnce;

/// <summary>What a consumer does when the offset it stands at is not in the partition any more (deleted by retention) or never was.</summary>
public enum WhenOffsetLost
{
    /// <summary>Go on at the oldest record kept, and log a warning that says what was skipped. The default.</summary>
    Earliest = 0,

    /// <summary>Go on at the end, and log a warning that says what was skipped.</summary>
    Latest,

    /// <summary>Throw; the position stays as it is, and seeking goes on from there.</summary>
    Throw,
}
