namespace Invoicing;

/// <summary>The command line.</summary>
internal sealed record Arguments(string File, string Folder, bool Crash, int Kills, bool IsChild, int Pause)
{
    public const string Usage = """
        Usage: Invoicing [FILE.csv] [--crash [--kills N]] [--folder FOLDER] [--pause MILLISECONDS]

          FILE.csv   order lines: InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
                     (without it: the small file beside the program)
          --crash    run as child processes that are killed with SIGKILL at random moments, then compare with a run in peace
          --kills N  how many kills, 1 to 1000 (default 5)
          --folder   where the broker keeps its files (default: ./invoicing-data)
          --pause    wait so long after every batch, to have time to watch or to press Ctrl-C
        """;

    public static Arguments? Parse(string[] args, out string error)
    {
        var parsed = new Arguments(Path.Combine(AppContext.BaseDirectory, "data", "order-lines.csv"), "invoicing-data", false, 5, false, 0);
        error = "";
        for (var i = 0; i < args.Length; i++)
        {
            switch (args[i])
            {
                case "--crash":
                    parsed = parsed with { Crash = true };
                    break;
                case "--child":
                    parsed = parsed with { IsChild = true };
                    break;
                case "--kills" when i + 1 < args.Length && int.TryParse(args[i + 1], out var kills) && kills is >= 1 and <= 1000:
                    parsed = parsed with { Kills = kills };
                    i++;
                    break;
                case "--pause" when i + 1 < args.Length && int.TryParse(args[i + 1], out var pause) && pause is >= 0 and <= 60_000:
                    parsed = parsed with { Pause = pause };
                    i++;
                    break;
                case "--folder" when i + 1 < args.Length:
                    parsed = parsed with { Folder = args[++i] };
                    break;
                case var file when !file.StartsWith('-'):
                    parsed = parsed with { File = file };
                    break;
                default:
                    error = $"'{args[i]}' is not understood here.";
                    return null;
            }
        }
        if (System.IO.File.Exists(parsed.File))
            return parsed;
        error = $"There is no file '{parsed.File}'.";
        return null;
    }
}
