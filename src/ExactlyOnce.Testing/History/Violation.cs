namespace ExactlyOnce.Testing.History;

/// <summary>An invariant that a history breaks.</summary>
/// <param name="Invariant">Which.</param>
/// <param name="Message">A sentence with the facts: value, partition, offset, transaction, process, time.</param>
/// <param name="Events">The events it is about, counted from 0 in the order in which they were added; the last one is where it was noticed.</param>
public sealed record Violation(Invariant Invariant, string Message, IReadOnlyList<long> Events)
{
    /// <summary>One line.</summary>
    public override string ToString() => $"I{(int)Invariant} {Invariant}: {Message} (events {string.Join(", ", Events)})";
}
