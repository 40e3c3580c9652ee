namespace ExactlyOnce.Testing.Disks;

/// <summary>What was done, kept as it is and put into words only when somebody asks.</summary>
internal sealed class DiskTrace
{
    private readonly List<(string Operation, string Path, long Position, int Length)> _done = [];

    public void Add(string operation, string path) => _done.Add((operation, path, -1, 0));

    public void Add(string operation, string path, long position, int length) => _done.Add((operation, path, position, length));

    public string Last => _done.Count > 0 ? Line(_done.Count - 1) : "start";

    public List<string> Lines() => [.. Enumerable.Range(0, _done.Count).Select(Line)];

    private string Line(int index)
    {
        var (operation, path, position, length) = _done[index];
        return position < 0 ? $"{index + 1} {operation} {path}" : $"{index + 1} {operation} {path} {position}+{length}";
    }
}
