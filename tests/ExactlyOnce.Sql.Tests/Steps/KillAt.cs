using System.Diagnostics;

namespace ExactlyOnce.Sql.Tests.Steps;

/// <summary>Kills this process with SIGKILL at the step with a number, counted from 1; 0 for never.</summary>
internal sealed class KillAt(int number) : ISteps
{
    private int _count;

    public void Before(string step) => Count($"before {step}");

    public void After(string step) => Count($"after {step}");

    private void Count(string step)
    {
        if (Interlocked.Increment(ref _count) != number)
            return;
        Console.WriteLine(step);
        Console.Out.Flush();
        Process.GetCurrentProcess().Kill();
        Thread.Sleep(Timeout.Infinite);
    }
}
