namespace ExactlyOnce.Testing.Workloads;

/// <summary>A broker did not keep what it had promised.</summary>
internal sealed class BrokenPromiseException(string broken) : Exception(broken);
