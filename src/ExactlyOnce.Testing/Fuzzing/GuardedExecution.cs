using System.Diagnostics;

namespace ExactlyOnce.Testing.Fuzzing;

/// <summary>
/// Executes a target between guard rails: one kind of exception, a bound on what is allocated, 50 milliseconds. A bound that is broken once may be the
/// machine's fault (a first call that is compiled, a thread that had to wait), so the input is executed again before it counts.
/// </summary>
internal sealed class GuardedExecution
{
    private const int Confirmations = 5;

    private static readonly long s_ticksMax = Stopwatch.Frequency / 20;

    private readonly FuzzTarget _target;

    public GuardedExecution(FuzzTarget target)
    {
        _target = target;
        target.Prepare();
    }

    /// <summary>What is wrong; null when the target did what it may do.</summary>
    public string? Run(ReadOnlySpan<byte> input)
    {
        var (failure, isBoundBroken) = RunOnce(input);
        for (var i = 0; i < Confirmations && isBoundBroken; i++)
            (failure, isBoundBroken) = RunOnce(input);
        return failure;
    }

    private (string? Failure, bool IsBoundBroken) RunOnce(ReadOnlySpan<byte> input)
    {
        var allocated = GC.GetAllocatedBytesForCurrentThread();
        var started = Stopwatch.GetTimestamp();
        try
        {
            _target.Body(input);
        }
        catch (Exception exception) when (_target.Allows(exception))
        {
        }
        catch (Exception exception)
        {
            return ($"{exception.GetType().Name}: {exception.Message}\n{exception.StackTrace}", false);
        }
        var ticks = Stopwatch.GetTimestamp() - started;
        allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
        if (allocated > _target.AllocatedBytesMax(input.Length))
            return ($"{allocated:N0} bytes allocated for {input.Length:N0} bytes of input", true);
        return ticks > s_ticksMax ? ($"{ticks * 1000 / Stopwatch.Frequency} ms for {input.Length:N0} bytes of input", true) : (null, false);
    }
}
