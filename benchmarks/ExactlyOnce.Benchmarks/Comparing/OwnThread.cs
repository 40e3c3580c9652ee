using System.Diagnostics;

namespace ExactlyOnce.Benchmarks.Comparing;

/// <summary>One thread that writes and one that reads.</summary>
internal static class OwnThread
{
    public static Task RunAsync(Func<Task> work) =>
        Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap();

    public static Task<T> RunAsync<T>(Func<Task<T>> work) =>
        Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap();

    /// <summary>Runs both to their ends and answers how many records a second went through.</summary>
    public static async Task<Figure[]> MeasurePairAsync(int records, Func<Task> write, Func<Task> read)
    {
        var clock = Stopwatch.StartNew();
        var reading = RunAsync(read);
        await RunAsync(write);
        await reading;
        return [new Figure(Quantity.Records, records / clock.Elapsed.TotalSeconds)];
    }
}
