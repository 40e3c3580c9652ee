namespace ExactlyOnce.Tests.Architecture;

/// <summary>Bugs are planted as edits of the source, which moves on: an edit whose place is gone would be a bug that nobody looks for any more.</summary>
public sealed class PlantedBugTests
{
    [Fact]
    public void Every_planted_bug_still_has_its_place_in_the_source()
    {
        var bugs = Directory.GetFiles(Repository.PathOf("tests/ExactlyOnce.Torture/Planted/Bugs"), "*.bug");

        bugs.Length.Should().BeGreaterThanOrEqualTo(60);
        bugs.Where(bug => PlacesOf(File.ReadAllLines(bug)) != 1).Select(Path.GetFileName).Should().BeEmpty();
    }

    private static int PlacesOf(string[] bug)
    {
        var (original, planted) = (Array.IndexOf(bug, "---"), Array.IndexOf(bug, "+++"));
        var file = bug.Take(original).Single(line => line.StartsWith("file: ", StringComparison.Ordinal))["file: ".Length..];
        var text = string.Join('\n', bug[(original + 1)..planted]);
        return File.ReadAllText(Repository.PathOf(file)).Split(text).Length - 1;
    }
}
