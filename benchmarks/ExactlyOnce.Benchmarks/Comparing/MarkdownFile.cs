namespace ExactlyOnce.Benchmarks.Comparing;

/// <summary>
/// Puts a table between the markers <c>&lt;!-- name --&gt;</c> and <c>&lt;!-- /name --&gt;</c> of a file; a file without them becomes the table.
/// </summary>
internal static class MarkdownFile
{
    public static void Write(string path, string name, string table)
    {
        var (opening, closing) = ($"<!-- {name} -->", $"<!-- /{name} -->");
        var text = File.Exists(path) ? File.ReadAllText(path) : "";
        var from = text.IndexOf(opening, StringComparison.Ordinal);
        var to = text.IndexOf(closing, StringComparison.Ordinal);
        File.WriteAllText(path, from >= 0 && to > from ? $"{text[..from]}{opening}\n{table.ReplaceLineEndings("\n")}{text[to..]}" : table);
    }
}
