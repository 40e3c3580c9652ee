namespace ExactlyOnce.Testing.Disks;

/// <summary>A file or directory of <see cref="SimulatedDisk"/>.</summary>
internal abstract class SimulatedNode
{
    /// <summary>The copy made by the copying that is going on; see <see cref="DiskCopy"/>.</summary>
    public SimulatedNode? Twin { get; set; }

    /// <summary>After a power cut a reader sees what the device has.</summary>
    public abstract void ForgetCache();
}

/// <summary>A directory: what it holds, and what of that is durable.</summary>
internal sealed class SimulatedDirectory : SimulatedNode
{
    public Dictionary<string, SimulatedNode> Current { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, SimulatedNode> Durable { get; } = new(StringComparer.Ordinal);

    public override void ForgetCache()
    {
        Current.Clear();
        foreach (var (name, entry) in Durable)
            Current[name] = entry;
    }
}

/// <summary>A file: the page cache's image, and the device's.</summary>
internal sealed class SimulatedFile : SimulatedNode
{
    public FileImage Current { get; private set; } = new();

    public FileImage Durable { get; private init; } = new();

    /// <summary>Grows with each failure to write back; a handle that has not seen the newest is told at its next sync.</summary>
    public int Errors { get; set; }

    public SimulatedFile Copy() => new() { Current = Current.Copy(), Durable = Durable.Copy() };

    public override void ForgetCache() => Current = Durable.Copy();
}

/// <summary>Copies a graph of nodes, each once.</summary>
internal sealed class DiskCopy : IDisposable
{
    private readonly List<SimulatedNode> _originals = [];

    public List<SimulatedNode> Copies { get; } = [];

    public SimulatedNode Of(SimulatedNode node)
    {
        if (node.Twin is { } twin)
            return twin;
        var copy = node is SimulatedFile file ? file.Copy() : (SimulatedNode)new SimulatedDirectory();
        node.Twin = copy;
        _originals.Add(node);
        Copies.Add(copy);
        if (node is SimulatedDirectory source)
            CopyEntries(source, (SimulatedDirectory)copy);
        return copy;
    }

    public void Dispose()
    {
        foreach (var original in _originals)
            original.Twin = null;
    }

    private void CopyEntries(SimulatedDirectory source, SimulatedDirectory target)
    {
        foreach (var (name, entry) in source.Current)
            target.Current[name] = Of(entry);
        foreach (var (name, entry) in source.Durable)
            target.Durable[name] = Of(entry);
    }
}
