using ExactlyOnce.Tests;

namespace ExactlyOnce.Torture.Planted;

/// <summary>The bugs that can be planted: edits of the source of the repository that this program was built from.</summary>
internal static class PlantedBugs
{
    public static IReadOnlyList<PlantedBug> ReadAll() =>
        [.. Directory.EnumerateFiles(Repository.PathOf("tests/ExactlyOnce.Torture/Planted/Bugs"), "*.bug").Order(StringComparer.Ordinal).Select(PlantedBug.Read)];
}
