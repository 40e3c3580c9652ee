using System.Globalization;
using ExactlyOnce.Testing.Fuzzing;

namespace ExactlyOnce.Torture.Fuzzing;

/// <summary>
/// Every single-bit flip of a small directory, opened and read whole. <c>--shard i/n</c> takes every n-th bit from the i-th on; <c>--end closed|idle|busy</c>
/// says how the directory came to its end.
/// </summary>
internal sealed class BitFlipTorture : ITorture
{
    private const int FailuresMax = 50;

    private static readonly TimeSpan s_flipTimeout = TimeSpan.FromSeconds(60);

    private readonly List<string> _failures = [];
    private long _bit;
    private long _lastSeen = -1;

    public string Summary => "flips every bit of a small directory, one at a time [--shard i/n] [--end closed|idle|busy]";

    public IReadOnlyList<string> Run(TortureOptions options, Progress progress)
    {
        var (first, step) = options.Shard();
        var end = options.Choice("end", ["closed", "idle", "busy"]) switch
        {
            "closed" => SampleEnd.Closed,
            "busy" => SampleEnd.DiedBusy,
            _ => SampleEnd.DiedIdle,
        };
        var image = SampleDirectory.Make(end);
        var flips = new BitFlips(image, end == SampleEnd.DiedBusy ? BitFlips.FindLastGroup(image) : null);
        progress.Print(string.Create(CultureInfo.InvariantCulture,
            $"{image.Files.Count} files, {image.SizeInBytes:N0} bytes, {flips.Bits:N0} bits; {flips.Expected.Records(IsolationLevel.ReadUncommitted):N0} records, {flips.Expected.Records(IsolationLevel.ReadCommitted):N0} of them committed"));
        using var watch = new Timer(_ => EndWhenHung(), Volatile.Read(ref _bit), s_flipTimeout, s_flipTimeout);
        var cases = options.Cases ?? long.MaxValue;
        for (_bit = first; _bit < flips.Bits && cases-- > 0 && _failures.Count < FailuresMax && progress.Elapsed < (options.Limit ?? TimeSpan.MaxValue); Volatile.Write(ref _bit, _bit + step))
            Flip(flips, progress);
        return _failures;
    }

    private void EndWhenHung()
    {
        var bit = Volatile.Read(ref _bit);
        if (bit == _lastSeen)
        {
            Console.WriteLine($"bit {bit}: the broker does not come to an end");
            Environment.Exit(1);
        }
        _lastSeen = bit;
    }

    private void Flip(BitFlips flips, Progress progress)
    {
        progress.Count("flips");
        try
        {
            progress.Count(flips.Try(_bit) switch
            {
                FlipOutcome.Whole => "without effect",
                FlipOutcome.Refused => "refused",
                FlipOutcome.ReaderRefused => "met by a reader",
                _ => "torn tails",
            });
        }
        catch (Exception exception)
        {
            var (path, position) = flips.Locate(_bit);
            _failures.Add($"bit {_bit} (byte {position} of '{path}', bit {_bit % 8}): {(exception is FuzzFailure ? exception.Message : exception.ToString())}");
            progress.Print(_failures[^1]);
        }
    }
}
