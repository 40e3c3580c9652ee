using System.Globalization;

namespace ExactlyOnce.Torture;

/// <summary>The command line: which torture, how long, from which seed; and its verdict as the last line and the exit code.</summary>
internal static class TortureCommand
{
    private const int Passed = 0;
    private const int Failed = 1;
    private const int BadArguments = 2;

    public static int Run(string[] args, IReadOnlyList<(string Name, Func<ITorture> Create)> tortures)
    {
        if (args.Length == 0 || args[0] is "-h" or "--help")
        {
            PrintHelp(tortures);
            return args.Length == 0 ? BadArguments : Passed;
        }
        var create = tortures.FirstOrDefault(torture => torture.Name == args[0]).Create;
        if (create is null)
        {
            Console.Error.WriteLine($"There is no torture '{args[0]}'. There are: {string.Join(", ", tortures.Select(torture => torture.Name))}.");
            return BadArguments;
        }
        if (!TryParse(args.AsSpan(1), out var options, out var complaint))
        {
            Console.Error.WriteLine(complaint);
            return BadArguments;
        }
        var torture = create();
        // What the summary does not name, the torture does not know.
        var unknown = options.Others.Keys.FirstOrDefault(name => !torture.Summary.Contains($"--{name}", StringComparison.Ordinal));
        if (unknown is not null)
        {
            Console.Error.WriteLine($"{args[0]} has no option --{unknown}: {torture.Summary}");
            return BadArguments;
        }
        try
        {
            return Run(args[0], torture, options);
        }
        catch (TortureOptionException exception)
        {
            Console.Error.WriteLine(exception.Message);
            return BadArguments;
        }
    }

    private static int Run(string name, ITorture torture, TortureOptions options)
    {
        var progress = new Progress(Console.Out);
        var failures = torture.Run(options, progress);
        progress.PrintSummary();
        foreach (var failure in failures)
            Console.WriteLine(failure);
        Console.WriteLine(failures.Count == 0 ? $"{name}: PASS" : $"{name}: FAIL ({failures.Count})");
        return failures.Count == 0 ? Passed : Failed;
    }

    private static bool TryParse(ReadOnlySpan<string> args, out TortureOptions options, out string complaint)
    {
        options = new TortureOptions();
        complaint = "";
        var others = new Dictionary<string, string>();
        for (var i = 0; i < args.Length; i++)
        {
            if (!args[i].StartsWith("--", StringComparison.Ordinal))
            {
                complaint = $"'{args[i]}' is not an option; options begin with --.";
                return false;
            }
            var name = args[i][2..];
            var value = i + 1 < args.Length && !args[i + 1].StartsWith("--", StringComparison.Ordinal) ? args[++i] : "";
            var isUnderstood = name switch
            {
                "seed" => TryTake(ulong.TryParse(value, CultureInfo.InvariantCulture, out var seed), ref options, options with { Seed = seed }),
                "minutes" => TryTake(double.TryParse(value, CultureInfo.InvariantCulture, out var minutes) && minutes > 0, ref options, options with { Limit = TimeSpan.FromMinutes(minutes) }),
                "cases" => TryTake(long.TryParse(value.Replace("_", "", StringComparison.Ordinal), CultureInfo.InvariantCulture, out var cases) && cases > 0, ref options, options with { Cases = cases }),
                _ => others.TryAdd(name, value),
            };
            if (isUnderstood)
                continue;
            complaint = $"--{name} does not take '{value}'.";
            return false;
        }
        options = options with { Others = others };
        return true;
    }

    private static bool TryTake(bool isValid, ref TortureOptions options, TortureOptions taken)
    {
        if (isValid)
            options = taken;
        return isValid;
    }

    private static void PrintHelp(IReadOnlyList<(string Name, Func<ITorture> Create)> tortures)
    {
        Console.WriteLine("usage: dotnet run -c Release --project tests/ExactlyOnce.Torture -- <what> [--seed N] [--minutes M] [--cases K]");
        Console.WriteLine();
        foreach (var (name, create) in tortures)
            Console.WriteLine($"  {name,-12} {create().Summary}");
    }
}
