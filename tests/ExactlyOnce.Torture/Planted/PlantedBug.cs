namespace ExactlyOnce.Torture.Planted;

/// <summary>
/// A defect, as an edit of the source: a text that stands in one file exactly once, and what stands there instead. The product carries no switch for it; a copy
/// of the source is edited and built. Read from a file of <c>Bugs</c>:
/// <code>
/// The journal's sync is skipped.            what is wrong, in a sentence
/// file: src/ExactlyOnce/Engine/…            where
/// tests: FullyQualifiedName~Journal         which tests are to find it
/// --- 
/// the text as it is
/// +++
/// the text with the defect
/// </code>
/// </summary>
internal sealed record PlantedBug(string Name, string Defect, string File, string Tests, string Original, string Planted)
{
    /// <summary>The project of <c>src</c> that it stands in; its tests are the project of the same name in <c>tests</c>.</summary>
    public string Project => File.Split('/')[1];

    private const string OriginalMark = "---";
    private const string PlantedMark = "+++";

    public static PlantedBug Read(string path)
    {
        var lines = System.IO.File.ReadAllLines(path);
        var (original, planted) = (Array.IndexOf(lines, OriginalMark), Array.IndexOf(lines, PlantedMark));
        if (original < 0 || planted < original)
            throw new FormatException($"{path} has no {OriginalMark} followed by {PlantedMark}.");
        string Field(string name) =>
            lines.Take(original).FirstOrDefault(line => line.StartsWith(name + ": ", StringComparison.Ordinal))?[(name.Length + 2)..]
            ?? throw new FormatException($"{path} does not say its {name}.");
        return new PlantedBug(
            Path.GetFileNameWithoutExtension(path), lines[0], Field("file"), Field("tests"),
            string.Join('\n', lines[(original + 1)..planted]), string.Join('\n', lines[(planted + 1)..]));
    }

    /// <summary>The file's text with the defect. The source may have moved on: then the edit must follow it.</summary>
    public string ApplyTo(string source)
    {
        var at = source.IndexOf(Original, StringComparison.Ordinal);
        if (at < 0 || source.IndexOf(Original, at + 1, StringComparison.Ordinal) >= 0)
            throw new FormatException($"{Name}: its original text stands {(at < 0 ? "nowhere" : "more than once")} in {File}.");
        return string.Concat(source.AsSpan(0, at), Planted, source.AsSpan(at + Original.Length));
    }
}
