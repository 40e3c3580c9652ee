using System.Diagnostics;

namespace ExactlyOnce.Benchmarks.Comparing;

/// <summary>
/// Runs the contestants of a row by turns, A B A B, in this process: whatever the machine does meanwhile, it does to all of them. Short rounds before the first
/// are not counted: what runs once in a program's life, compiling and touching memory, is none of the figures' business. A row that fails is told as such, and
/// the others go on.
/// </summary>
internal sealed class Runner(Scale scale)
{
    private const double WarmUpShare = 0.25;

    public async Task<RowResult> RunAsync(Row row)
    {
        var missing = row.DiskBytes(scale) - Machine.FreeDiskBytes;
        if (missing > 0)
            return RowResult.NotMeasured(row, $"{missing >> 20:N0} MiB more of free disk are needed in {Path.GetTempPath()}");
        try
        {
            await using var contest = await row.OpenAsync(scale);
            return new RowResult(row, contest.Contestants, await RunAsync(row, contest.Contestants));
        }
        catch (Exception exception)
        {
            return RowResult.NotMeasured(row, $"{exception.GetType().Name}: {exception.Message}");
        }
    }

    private async Task<IReadOnlyList<Series>> RunAsync(Row row, IReadOnlyList<Contestant> contestants)
    {
        var series = new List<Series>();
        if (row.IsWarmed)
            foreach (var contestant in contestants)
                await WarmUpAsync(contestant);
        for (var round = 0; round < Math.Min(scale.Rounds * row.RoundsTimes, row.RoundsMax); round++)
            foreach (var contestant in contestants)
                foreach (var figure in await MeasureAsync(contestant, share: 1))
                    Find(series, contestant, figure.Quantity).Values.Add(figure.Value);
        return series;
    }

    private async Task WarmUpAsync(Contestant contestant)
    {
        var clock = Stopwatch.StartNew();
        do
            await MeasureAsync(contestant, WarmUpShare);
        while (clock.Elapsed < scale.WarmUp);
    }

    // Nobody pays for the garbage of the one before.
    private static Task<Figure[]> MeasureAsync(Contestant contestant, double share)
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return Task.Run(() => contestant.MeasureAsync(share));
    }

    private static Series Find(List<Series> series, Contestant contestant, Quantity quantity)
    {
        var found = series.Find(known => known.Contestant == contestant.Name && known.Quantity == quantity);
        if (found is null)
            series.Add(found = new Series(contestant.Name, quantity, []));
        return found;
    }
}
