using FASTER.core;

namespace ExactlyOnce.Benchmarks.Comparing.Peers;

/// <summary>
/// FasterLog on a file: <c>EnqueueAndWaitForCommitAsync</c> by tasks, and another task that commits again and again, so that those who wait share a write:
/// with few cores it serves
/// them much sooner than a thread that spins for each commit. Fast commit (no metadata file for each commit), which needs its checksums. Its device opens the
/// file for writing
/// through, so that a commit has reached the disk.
/// </summary>
internal sealed class FasterLogCommits : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly IDevice _device;
    private readonly FasterLog _log;
    private readonly Task _committing;
    private readonly int _committers;
    private volatile bool _isOver;
    private volatile bool _isPaused = true;

    public FasterLogCommits(int committers)
    {
        _committers = committers;
        _device = Devices.CreateLogDevice(Path.Combine(_folder.Path, "log"));
        _log = new FasterLog(new FasterLogSettings
        {
            LogDevice = _device, LogCommitDir = _folder.Path, MemorySize = 64 << 20, FastCommitMode = true, LogChecksum = LogChecksumType.PerEntry,
            TryRecoverLatest = false,
        });
        _committing = Task.Run(CommitAgainAndAgainAsync);
    }

    public Contestant Committing(TimeSpan duration) => new(FasterLogPeer.Name, share => MeasureAsync(duration * share), FasterLogPeer.Lacks);

    private async Task<Figure[]> MeasureAsync(TimeSpan duration)
    {
        var begin = _log.TailAddress;
        _isPaused = false;
        var run = await Committers.RunAsync(_committers, duration, async _ => await _log.EnqueueAndWaitForCommitAsync(Payload.Memory));
        _isPaused = true;
        Verify.AtLeast(run.Count * Payload.Bytes, _log.CommittedUntilAddress - begin, "bytes are committed in FasterLog");
        return run.Figures(Quantity.Commits);
    }

    private async Task CommitAgainAndAgainAsync()
    {
        while (!_isOver)
            if (_isPaused)
                await Task.Delay(1);
            else
            {
                await _log.CommitAsync();
                await Task.Yield();
            }
    }

    public void Dispose()
    {
        _isOver = true;
        _committing.Wait();
        _log.Dispose();
        _device.Dispose();
        _folder.Dispose();
    }
}
