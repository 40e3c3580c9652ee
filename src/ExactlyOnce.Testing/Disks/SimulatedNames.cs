using ExactlyOnce.Engine.Disk;

namespace ExactlyOnce.Testing.Disks;

/// <summary>Finds the nodes that paths name, as a reader sees them.</summary>
internal static class SimulatedNames
{
    public static string[] Parts(string path) => path.Split(['/', '\\'], StringSplitOptions.RemoveEmptyEntries);

    public static SimulatedNode? Find(SimulatedDirectory root, ReadOnlySpan<char> path)
    {
        SimulatedNode? node = root;
        foreach (var range in path.SplitAny('/', '\\'))
        {
            if (path[range].IsEmpty)
                continue;
            if (node is not SimulatedDirectory directory || !directory.Current.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(path[range], out node))
                return null;
        }
        return node;
    }

    public static SimulatedFile File(SimulatedDirectory root, string operation, string path) =>
        Find(root, path) as SimulatedFile ?? throw DiskError.Failed(operation, path, "no such file");

    public static SimulatedDirectory Directory(SimulatedDirectory root, string operation, string path) =>
        Find(root, path) as SimulatedDirectory ?? throw DiskError.Failed(operation, path, "no such directory");

    public static SimulatedDirectory Parent(SimulatedDirectory root, string operation, string path) => Directory(root, operation, Path.GetDirectoryName(path) ?? "/");

    public static List<string> FilesUnder(string path, SimulatedDirectory directory)
    {
        var files = new List<string>();
        foreach (var (name, node) in directory.Current.OrderBy(entry => entry.Key, StringComparer.Ordinal))
        {
            if (node is SimulatedDirectory inner)
                files.AddRange(FilesUnder($"{path}/{name}", inner));
            else
                files.Add($"{path}/{name}");
        }
        return files;
    }

    public static ulong AddTo(ulong fingerprint, SimulatedDirectory directory)
    {
        // Entries are added up, because a dictionary keeps no order that two disks would share.
        var sum = 0UL;
        foreach (var (name, node) in directory.Current)
            sum += Of(Fingerprint.Add(1, name), node);
        foreach (var (name, node) in directory.Durable)
            if (!directory.Current.TryGetValue(name, out var current) || current != node)
                sum += Of(Fingerprint.Add(2, name), node);
        return Fingerprint.Add(fingerprint, sum);
    }

    private static ulong Of(ulong fingerprint, SimulatedNode node) =>
        node is SimulatedFile file ? file.Durable.AddTo(file.Current.AddTo(fingerprint)) : AddTo(fingerprint, (SimulatedDirectory)node);
}
