namespace ExactlyOnce.Engine.Disk;

/// <summary>
/// Reads a directory through the base library: an entry missed or invented here is caught by the manifest, which names every file that counts.
/// </summary>
internal static class DirectoryListing
{
    public static IReadOnlyList<string> Read(string path)
    {
        try
        {
            var names = new List<string>();
            foreach (var entry in new DirectoryInfo(path).EnumerateFileSystemInfos())
                names.Add(entry.Attributes.HasFlag(FileAttributes.Directory) ? entry.Name + "/" : entry.Name);
            names.Sort(StringComparer.Ordinal);
            return names;
        }
        catch (Exception exception)
        {
            throw DiskError.From(exception, "list", path);
        }
    }
}
