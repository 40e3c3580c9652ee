using System.Diagnostics;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Judges;

/// <summary>One run of a judge's script: what it says, line by line, and a way to let it go on where it waits.</summary>
internal sealed class JudgeRun : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(90);

    private readonly CancellationTokenSource _patience = new(s_patience);
    private readonly Process _process;
    private readonly Task<string> _errors;
    private readonly List<string> _said = [];

    public JudgeRun(ProcessStartInfo start)
    {
        start.RedirectStandardInput = start.RedirectStandardOutput = start.RedirectStandardError = true;
        _process = Process.Start(start)!;
        _errors = _process.StandardError.ReadToEndAsync();
    }

    /// <summary>What followed this beginning in the lines said so far.</summary>
    public IReadOnlyList<string> Said(string beginning) => [.. _said.Where(line => line.StartsWith(beginning, StringComparison.Ordinal)).Select(line => line[beginning.Length..])];

    /// <summary>Waits until the script says this line.</summary>
    public async Task UntilAsync(string line)
    {
        while (await ReadLineAsync() is { } said)
            if (said == line)
                return;
        throw new InvalidOperationException($"The script ended without '{line}': {await _errors}");
    }

    /// <summary>Lets a script go on that waits for a line.</summary>
    public async Task GoOnAsync()
    {
        await _process.StandardInput.WriteLineAsync();
        await _process.StandardInput.FlushAsync();
    }

    /// <summary>Waits for the script's good end.</summary>
    public async Task EndAsync()
    {
        while (await ReadLineAsync() is not null)
        {
        }
        await _process.WaitForExitAsync(_patience.Token);
        _process.ExitCode.Should().Be(0, $"the script should succeed; it said {string.Join('\n', _said)} and {await _errors}");
    }

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true);
        _process.Dispose();
        _patience.Dispose();
    }

    private async Task<string?> ReadLineAsync()
    {
        try
        {
            if (await _process.StandardOutput.ReadLineAsync(_patience.Token) is not { } line)
                return null;
            _said.Add(line);
            return line;
        }
        catch (OperationCanceledException)
        {
            _process.Kill(entireProcessTree: true);
            throw new TimeoutException($"The script did not end in {s_patience.TotalSeconds} s. It said:\n{string.Join('\n', _said)}\n{await _errors}");
        }
    }
}
