using System.Collections.Concurrent;
using System.IO.Pipelines;
using System.Security.Cryptography;
using ExactlyOnce.Engine.Disk;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace ExactlyOnce.Engine.Environment;

/// <summary>The real machine: its clock, its thread pool, threads of its own, its random source and its file system. One per broker, owned by it.</summary>
internal sealed class SystemEnvironment : BrokerEnvironment
{
    private readonly ConcurrentDictionary<string, Thread> _threads = new();

    public SystemEnvironment(TimeProvider? time = null, ILoggerFactory? loggerFactory = null, IDisk? disk = null)
    {
        Time = time ?? TimeProvider.System;
        LoggerFactory = loggerFactory ?? NullLoggerFactory.Instance;
        Disk = disk ?? SystemDisk();
    }

    public override TimeProvider Time { get; }

    public override IDisk Disk { get; }

    public override ILoggerFactory LoggerFactory { get; }

    public override PipeScheduler Completions { get; } = new ThreadPoolScheduler();

    public override bool IsThreaded => true;

    /// <summary>Four milliseconds on most Linux kernels, up to 16 elsewhere. A clock that was handed in does as it likes.</summary>
    protected override long? Tick => ReferenceEquals(Time, TimeProvider.System) ? System.Environment.TickCount64 : null;

    public override void StartThread(string name, Action loop)
    {
        var thread = new Thread(() => loop()) { Name = name, IsBackground = true };
        if (!_threads.TryAdd(name, thread))
            throw new InvalidOperationException($"A thread named '{name}' was started before.");
        thread.Start();
    }

    public override bool JoinThread(string name, TimeSpan timeout)
    {
        if (!_threads.TryGetValue(name, out var thread))
            return true;
        if (thread == Thread.CurrentThread || !thread.Join(timeout))
            return false;
        _threads.TryRemove(name, out _);
        return true;
    }

    public override long NextRandom()
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        RandomNumberGenerator.Fill(bytes);
        return BitConverter.ToInt64(bytes);
    }

    public override Guid NextGuid() => Guid.NewGuid();

    private static IDisk SystemDisk() => OperatingSystem.IsWindows() ? new WindowsDisk() : new PosixDisk();
}
