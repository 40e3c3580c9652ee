using ExactlyOnce.Engine.Disk;

namespace ExactlyOnce.Engine.Log;

/// <summary>Small files that are written and read as a whole, and replaced atomically.</summary>
internal static class WholeFile
{
    /// <summary>What the name of a file has behind it until it is whole.</summary>
    public const string BesideSuffix = ".tmp";

    /// <summary>Writes beside the file, syncs, and renames over it: a crash leaves the old content or the new. The directory is the caller's to sync.</summary>
    public static void Replace(IDisk disk, string path, ReadOnlySpan<byte> content)
    {
        var beside = path + BesideSuffix;
        using (var file = disk.Open(beside, FileOpening.Create))
        {
            file.Write(0, content);
            file.Sync();
        }
        disk.Rename(beside, path);
    }

    public static byte[] Read(IDisk disk, string path)
    {
        using var file = disk.Open(path, FileOpening.Read);
        var content = new byte[file.Length];
        return content[..file.Read(0, content)];
    }
}
