namespace ExactlyOnce.Testing.Disks;

/// <summary>Puts a simulated disk's files where other tools can look at them.</summary>
internal static class DiskImage
{
    public static void Write(SimulatedDisk disk, string folder)
    {
        foreach (var path in disk.Files())
        {
            var target = Path.Combine(folder, path.TrimStart('/'));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.WriteAllBytes(target, disk.ReadAll(path));
        }
    }
}
