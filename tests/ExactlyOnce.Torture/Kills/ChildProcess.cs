using System.Diagnostics;

namespace ExactlyOnce.Torture.Kills;

/// <summary>
/// A child: this same program, started again. Its lines are handed on by a thread; only whole lines count, what a kill cut off was never said.
/// </summary>
internal sealed class ChildProcess : IDisposable
{
    private readonly Process _process;
    private readonly Thread _reader;
    private readonly ManualResetEventSlim _starting = new();
    private readonly ManualResetEventSlim _working = new();

    public ChildProcess(IEnumerable<string> arguments, Action<string> onLine)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath!) == "dotnet")
            start.ArgumentList.Add(typeof(ChildProcess).Assembly.Location);
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        // A child lives for less than a second: what counting calls and compiling again costs would never come back.
        start.Environment["DOTNET_TC_CallCounting"] = "0";
        _process = Process.Start(start) ?? throw new InvalidOperationException("The child process did not start.");
        _process.ErrorDataReceived += (_, line) => Errors += line.Data is null ? "" : line.Data + "\n";
        _process.BeginErrorReadLine();
        _reader = new Thread(() => Read(onLine)) { IsBackground = true };
        _reader.Start();
    }

    public string Errors { get; private set; } = "";

    /// <summary>It has opened its directory, looked at everything, and said so.</summary>
    public bool IsWorking { get; private set; }

    public bool HasExited => _process.HasExited;

    public int ExitCode => _process.ExitCode;

    public bool WaitUntilStarting(TimeSpan timeout) => _starting.Wait(timeout);

    public bool WaitUntilWorking(TimeSpan timeout) => _working.Wait(timeout);

    /// <summary>False when it is still running after that time.</summary>
    public bool WaitForExit(TimeSpan timeout) => _process.WaitForExit(timeout);

    /// <summary>SIGKILL; returns when the child is gone and its last whole line was handed on.</summary>
    public void KillAndDrain()
    {
        if (!_process.HasExited)
            _process.Kill();
        _process.WaitForExit();
        _reader.Join();
    }

    public void Dispose()
    {
        KillAndDrain();
        _process.Dispose();
        _starting.Dispose();
        _working.Dispose();
    }

    private void Read(Action<string> onLine)
    {
        var output = _process.StandardOutput;
        var buffer = new char[1 << 16];
        var rest = "";
        while (output.Read(buffer, 0, buffer.Length) is > 0 and var count)
        {
            var lines = (rest + new string(buffer, 0, count)).Split('\n');
            foreach (var line in lines.AsSpan(0, lines.Length - 1))
                HandOn(line, onLine);
            rest = lines[^1];
        }
        _starting.Set();
        _working.Set();
    }

    private void HandOn(string line, Action<string> onLine)
    {
        if (line == "starting")
            _starting.Set();
        else if (line == "working")
        {
            IsWorking = true;
            _working.Set();
        }
        else
            onLine(line);
    }
}
