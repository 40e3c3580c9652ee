using System.Collections.Concurrent;
using System.IO.Pipelines;
using System.Runtime.ExceptionServices;
using System.Security.Cryptography;
using ExactlyOnce.Engine.Disk;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace ExactlyOnce.Engine.Environment;

/// <summary>The real machine: its clock, its thread pool, threads of its own, its random source and its file system. One per broker, owned by it.</summary>
internal sealed class SystemEnvironment : BrokerEnvironment
{
    /// <summary>A file system makes one commit of the syncs that wait at the same time; more than these bring little more.</summary>
    private const int WorkersMax = 8;

    /// <summary>Fewer pieces are not worth a thread.</summary>
    private const int PiecesPerWorkerMin = 8;

    private readonly ConcurrentDictionary<string, Thread> _threads = new();

    public SystemEnvironment(TimeProvider? time = null, ILoggerFactory? loggerFactory = null, IDisk? disk = null)
    {
        Time = time ?? TimeProvider.System;
        LoggerFactory = loggerFactory is null or NullLoggerFactory ? NullLoggerFactory.Instance : new GuardedLoggerFactory(loggerFactory);
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

    /// <summary>On threads of their own: pieces that block must not take the pool's from those whose answers have come.</summary>
    public override void ForEach(int count, Action<int> work)
    {
        var workers = Math.Min(count / PiecesPerWorkerMin, WorkersMax);
        if (workers < 2)
        {
            base.ForEach(count, work);
            return;
        }
        var pieces = new Pieces(count, work);
        var others = new Thread[workers - 1];
        for (var i = 0; i < others.Length; i++)
        {
            others[i] = new Thread(pieces.Run) { Name = "ExactlyOnce disk work", IsBackground = true };
            others[i].Start();
        }
        pieces.Run();
        foreach (var other in others)
            other.Join();
        pieces.ThrowIfFailed();
    }

    public override long NextRandom()
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        RandomNumberGenerator.Fill(bytes);
        return BitConverter.ToInt64(bytes);
    }

    public override Guid NextGuid() => Guid.NewGuid();

    private static IDisk SystemDisk() => OperatingSystem.IsWindows() ? new WindowsDisk() : new PosixDisk();

    /// <summary>Work that several threads take pieces of, until none is left or one has failed.</summary>
    private sealed class Pieces(int count, Action<int> work)
    {
        private int _next = -1;
        private ExceptionDispatchInfo? _failure;

        public void Run()
        {
            while (Volatile.Read(ref _failure) is null && Interlocked.Increment(ref _next) is var piece && piece < count)
            {
                try
                {
                    work(piece);
                }
                catch (Exception exception)
                {
                    Interlocked.CompareExchange(ref _failure, ExceptionDispatchInfo.Capture(exception), null);
                }
            }
        }

        public void ThrowIfFailed() => _failure?.Throw();
    }
}
