namespace ExactlyOnce.Benchmarks.Comparing;

/// <summary>A row on the console, as soon as it is measured.</summary>
internal static class ConsoleTable
{
    public static void Print(RowResult result, int number)
    {
        Console.WriteLine($"{number,2} {result.Row.Name}: {result.Row.Title}");
        foreach (var series in result.Series)
            Console.WriteLine($"     {series.Contestant,-34} {series}");
        foreach (var bar in result.Bars)
            Console.WriteLine($"     {(bar.IsMet ? "met" : "BELOW BAR"),-10} {bar.Reached,-24} asked {bar.Bar.Asked}");
        if (result.Failure is { } failure)
            Console.WriteLine($"     NOT MEASURED: {failure}");
        Console.WriteLine();
    }
}
