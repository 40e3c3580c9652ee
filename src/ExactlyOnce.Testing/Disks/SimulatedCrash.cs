namespace ExactlyOnce.Testing.Disks;

/// <summary>
/// The machine died at this disk operation. Thrown by it and by every later one; what survived is on the disk that <c>SimulatedDisk.Crash</c> returns.
/// </summary>
internal sealed class SimulatedCrash(long operation, string description) : Exception($"Simulated crash at disk operation {operation}: {description}.");
