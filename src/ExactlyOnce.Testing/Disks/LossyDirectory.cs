namespace ExactlyOnce.Testing.Disks;

/// <summary>A file or directory of <see cref="LossyDisk"/>.</summary>
internal abstract class LossyNode;

/// <summary>A directory of <see cref="LossyDisk"/>: the names in it, and what was done to them since its last sync.</summary>
internal sealed class LossyDirectory(string path, bool isDurable) : LossyNode
{
    public string Path => path;

    /// <summary>True when the device has the directory itself; before that, nothing in it can be durable.</summary>
    public bool IsDurable { get; set; } = isDurable;

    public SortedDictionary<string, LossyNode> Names { get; } = new(StringComparer.Ordinal);

    /// <summary>Changes that were not synced, in order.</summary>
    public List<NameChange> Pending { get; } = [];

    /// <summary>Changes that were synced while the directory itself was not durable; they count once it is.</summary>
    public List<NameChange> Waiting { get; } = [];
}

/// <summary>One change of a directory.</summary>
/// <param name="Kind">What was done.</param>
/// <param name="Name">To which name.</param>
/// <param name="Node">The file or directory that had or got the name.</param>
/// <param name="Target">The new name, for a rename.</param>
internal sealed record NameChange(NameChangeKind Kind, string Name, LossyNode Node, string? Target = null);

internal enum NameChangeKind
{
    Link,
    Unlink,
    Rename,
}
