namespace ExactlyOnce.Testing.Simulation;

/// <summary>What a run did.</summary>
/// <param name="Crashes">Power cuts and kills, those during recovery among them.</param>
/// <param name="Openings">Openings that came to their end.</param>
/// <param name="Operations">Calls of clients.</param>
internal readonly record struct SimulationCounts(long Crashes, long Openings, long Operations);
