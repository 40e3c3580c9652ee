using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace ExactlyOnce.Clients;

/// <summary><c>await new SchedulerHop(scheduler)</c> goes on on the scheduler: so that starting a loop does not run it on the caller's stack.</summary>
internal readonly struct SchedulerHop(PipeScheduler scheduler) : ICriticalNotifyCompletion
{
    public SchedulerHop GetAwaiter() => this;

    public bool IsCompleted => false;

    public void GetResult()
    {
    }

    public void OnCompleted(Action continuation) => UnsafeOnCompleted(continuation);

    public void UnsafeOnCompleted(Action continuation) => scheduler.Schedule(static state => ((Action)state!)(), continuation);
}
