using System.IO.Pipelines;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Engine.Environment;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace ExactlyOnce.Testing.Simulation;

/// <summary>
/// One thread, virtual time, a seed and a disk that can fail: a broker in this environment does the same thing every time. Work that production gives to
/// threads waits in a queue until <see cref="Run(Func{Task})"/> or <see cref="RunUntilIdle"/> steps through it.
/// </summary>
internal sealed class StepEnvironment(IDisk disk, int seed = 1) : BrokerEnvironment
{
    private readonly StepScheduler _scheduler = new();
    private readonly Random _random = new(seed);

    public FakeTimeProvider Clock { get; } = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));

    public override TimeProvider Time => Clock;

    public override IDisk Disk { get; } = disk;

    public override ILoggerFactory LoggerFactory => NullLoggerFactory.Instance;

    public override PipeScheduler Completions => _scheduler;

    public override bool IsThreaded => false;

    public override void StartThread(string name, Action loop) => throw new InvalidOperationException("There is one thread.");

    public override bool JoinThread(string name, TimeSpan timeout) => true;

    public override long NextRandom() => _random.NextInt64();

    public override Guid NextGuid()
    {
        Span<byte> bytes = stackalloc byte[16];
        _random.NextBytes(bytes);
        return new Guid(bytes);
    }

    public void RunUntilIdle() => _scheduler.RunUntilIdle();

    /// <summary>
    /// Runs an asynchronous piece of work to its end on this thread; throws what it throws. Work that waits for something nobody will do fails the test.
    /// </summary>
    public void Run(Func<Task> work) => Run(async () =>
    {
        await work();
        return true;
    });

    // Without a synchronization context continuations run where they are completed, which is here. Only a source that insists on the pool goes there, and we
    // wait for it.
    public T Run<T>(Func<Task<T>> work)
    {
        var before = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            var task = work();
            task.ContinueWith(static (_, scheduler) => ((StepScheduler)scheduler!).Wake(), _scheduler, TaskContinuationOptions.ExecuteSynchronously);
            while (!task.IsCompleted)
            {
                if (!_scheduler.Step() && !task.IsCompleted && !_scheduler.TryWait())
                    throw new InvalidOperationException("The work waits, and nothing is left to be done.");
            }
            return task.GetAwaiter().GetResult();
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(before);
        }
    }

    private sealed class StepScheduler : PipeScheduler
    {
        private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

        private readonly Queue<(Action<object?> Action, object? State)> _queue = new();
        private int _wakes;

        public override void Schedule(Action<object?> action, object? state)
        {
            lock (_queue)
                _queue.Enqueue((action, state));
            Wake();
        }

        public void Wake()
        {
            lock (_queue)
            {
                _wakes++;
                Monitor.Pulse(_queue);
            }
        }

        public bool TryWait()
        {
            lock (_queue)
            {
                if (_wakes == 0 && !Monitor.Wait(_queue, s_patience))
                    return false;
                _wakes = 0;
                return true;
            }
        }

        public bool Step()
        {
            (Action<object?> Action, object? State) next;
            lock (_queue)
                if (!_queue.TryDequeue(out next))
                    return false;
            next.Action(next.State);
            return true;
        }

        public void RunUntilIdle()
        {
            while (Step())
            {
            }
        }
    }
}
