namespace ExactlyOnce.Tests;

/// <summary>
/// The checkout that these tests were built from: the one above them. (A path that the compiler wrote down is none: a deterministic build begins each with
/// /_/.)
/// </summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot();

    public static string PathOf(string relative) => Path.Combine(Root, relative);

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "ExactlyOnce.sln")))
            folder = folder.Parent ?? throw new DirectoryNotFoundException("The repository's root was not found above the tests.");
        return folder.FullName;
    }
}
