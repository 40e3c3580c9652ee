using ExactlyOnce.Clients.Producing;

namespace ExactlyOnce.Confluent.Producing;

/// <summary>One record on its way into the log.</summary>
internal sealed class PendingAppend : AppendOperation
{
    private readonly TaskCompletionSource<AppendOutcome> _completed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>What became of it.</summary>
    public Task<AppendOutcome> Completion => _completed.Task;

    public override void OnCompleted() => _completed.SetResult(Outcome);
}
