using System.Globalization;
using ExactlyOnce.Kafka.Endpoint.Serving;

namespace ExactlyOnce.Torture.Wire;

/// <summary>
/// Malformed frames against an endpoint that is alive, over pipes in memory into its own connection code: damaged requests of every API and version, hostile
/// lengths and counts, frames that are cut, noise; alone and behind requests that leave something open. The process lives, no request ends in a failure of
/// ours, no connection outlives its peer, memory does not grow, and a well-behaved client beside it finds its own records, once each and in order.
/// </summary>
internal sealed class WireFuzzTorture : ITorture
{
    private const long FramesByDefault = 1_000_000;
    private const int FramesARound = 50_000;
    private const int FailuresMax = 10;

    /// <summary>
    /// What may be left over when nobody is connected and the round's broker is gone, after however many rounds: arrays of the shared pool, up to a
    /// large answer's.
    /// </summary>
    private const long LeftOverBytesMax = 128 << 20;

    public string Summary =>
        "--frames N (1,000,000) malformed frames against a live endpoint: no death, no failure, memory bounded, a well-behaved client beside it unharmed";

    public IReadOnlyList<string> Run(TortureOptions options, Progress progress)
    {
        var frames = options.Number("frames", options.Cases ?? FramesByDefault);
        var seed = options.Seed ?? (ulong)Random.Shared.NextInt64();
        progress.Print($"seed {seed}");
        var sent = new long[ApiRegistry.All.Max(api => api.Key) + 1, ApiRegistry.All.Max(api => api.Max) + 1];
        var failures = new List<string>();
        var (left, peak, first) = (frames, 0L, 0L);
        while (left > 0 && failures.Count < FailuresMax && !(progress.Elapsed > options.Limit))
        {
            var round = new FuzzRound(seed++, Math.Min(left, FramesARound), sent, progress);
            var done = Task.Run(round.RunAsync).GetAwaiter().GetResult();
            failures.AddRange(round.Failures.Take(FailuresMax));
            left -= done;
            peak = Math.Max(peak, round.PeakBytes);
            var kept = GC.GetTotalMemory(forceFullCollection: true);
            if (first == 0)
                first = kept;
            else if (kept - first > LeftOverBytesMax)
                failures.Add($"{kept - first:N0} bytes more are in use than after the first round.");
        }
        var fewest = ApiRegistry.All.SelectMany(api => Enumerable.Range(api.Min, api.Max - api.Min + 1).Select(version => sent[api.Key, version])).Min();
        progress.Say(string.Create(CultureInfo.InvariantCulture, $"at least {fewest:N0} frames of each API and version; {peak >> 20} MiB at the most in use"));
        return failures;
    }
}
