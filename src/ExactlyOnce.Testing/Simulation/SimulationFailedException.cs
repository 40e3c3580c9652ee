namespace ExactlyOnce.Testing.Simulation;

/// <summary>A run has found something wrong. Thrown by what found it, caught by the run.</summary>
/// <param name="rule">Which promise is broken; the same for the same kind of failure, so that a shrunk run can be compared with the whole one.</param>
/// <param name="message">What was seen.</param>
internal sealed class SimulationFailedException(string rule, string message, Exception? inner = null) : Exception($"{rule}: {message}", inner)
{
    public string Rule => rule;
}
