namespace ExactlyOnce.Torture.Kills;

/// <summary>Where the children of one directory's lives keep their things.</summary>
internal static class ChildFolders
{
    public static string Data(string folder) => Path.Combine(folder, "data");

    /// <summary>Files without durable names; lost with the process.</summary>
    public static string Limbo(string folder) => Path.Combine(folder, "limbo");

    public static void MakeNew(string folder)
    {
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
        Directory.CreateDirectory(Data(folder));
        EmptyLimbo(folder);
    }

    public static void EmptyLimbo(string folder)
    {
        if (Directory.Exists(Limbo(folder)))
            Directory.Delete(Limbo(folder), recursive: true);
        Directory.CreateDirectory(Limbo(folder));
    }
}
