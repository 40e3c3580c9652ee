namespace ExactlyOnce.Testing.Simulation;

/// <summary>
/// The fingerprint of a run: every step, disk operation and event goes into one hash, so that two runs of a seed can be compared. Lines for people are kept
/// only when somebody wants to read them.
/// </summary>
internal sealed class SimulationTrace(bool keepsLines)
{
    private const ulong Prime = 0x9E3779B97F4A7C15;

    public ulong Hash { get; private set; } = 0xCBF29CE484222325;

    public bool KeepsLines => keepsLines;

    public List<string> Lines { get; } = [];

    public void Mix(ulong value) => Hash = (Hash ^ (value + (Hash << 6) + (Hash >> 2))) * Prime;

    public void Mix(long first, long second)
    {
        Mix((ulong)first);
        Mix((ulong)second);
    }

    public void Mix(string text)
    {
        var hash = (ulong)text.Length;
        foreach (var character in text)
            hash = (hash ^ character) * 0x100000001B3;
        Mix(hash);
    }

    public void Write(string line) => Lines.Add(line);
}
