namespace ExactlyOnce.Engine.Disk;

/// <summary>Makes directories that survive a power cut.</summary>
internal static class DurableDirectory
{
    /// <summary>
    /// Creates the directory if need be, and makes its name durable. An empty one that is there already is made anew: whoever made it got no further, perhaps
    /// because the sync of its name failed, and a name that a failed sync has given up is written by no later sync. Nothing is ever put into a directory in
    /// front of a good one.
    /// </summary>
    public static void Create(IDisk disk, string path)
    {
        if (disk.DirectoryExists(path) && disk.List(path).Count == 0)
            disk.DeleteDirectory(path);
        disk.CreateDirectory(path);
        // Also when it exists: a process that was killed may have created it without getting this far, and then only the page cache knows its name.
        if (Path.GetDirectoryName(path) is { Length: > 0 } parent)
            disk.SyncDirectory(parent);
    }
}
