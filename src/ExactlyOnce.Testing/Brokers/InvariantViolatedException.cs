using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Testing;

/// <summary>A promise of an exactly-once log was broken.</summary>
public sealed class InvariantViolatedException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="violations">Which promises, and how.</param>
    public InvariantViolatedException(IReadOnlyList<Violation> violations)
        : base(Describe(violations)) => Violations = violations;

    /// <summary>Which promises, and how.</summary>
    public IReadOnlyList<Violation> Violations { get; }

    private static string Describe(IReadOnlyList<Violation> violations)
    {
        ArgumentNullException.ThrowIfNull(violations);
        return $"{violations.Count} promises are broken:{string.Concat(violations.Select(violation => $"{Environment.NewLine}  {violation}"))}";
    }
}
