namespace ExactlyOnce.Torture.Planted;

/// <summary>The repository and the bugs in it.</summary>
internal static class PlantedBugs
{
    public static string RepositoryRoot { get; } = FindRepository();

    public static IReadOnlyList<PlantedBug> ReadAll() =>
        [.. Directory.EnumerateFiles(Path.Combine(RepositoryRoot, "tests/ExactlyOnce.Torture/Planted/Bugs"), "*.bug").Order(StringComparer.Ordinal).Select(PlantedBug.Read)];

    private static string FindRepository()
    {
        for (var folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
            if (File.Exists(Path.Combine(folder, "ExactlyOnce.sln")))
                return folder;
        throw new DirectoryNotFoundException("Planted bugs are edits of the source: run this from the repository.");
    }
}
