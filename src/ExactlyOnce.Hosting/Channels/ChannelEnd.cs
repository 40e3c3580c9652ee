namespace ExactlyOnce.Hosting.Channels;

/// <summary>Whether a channel's writer is complete, for its reader: set once, when everything that was written is in the log.</summary>
internal sealed class ChannelEnd
{
    private readonly TaskCompletionSource<Exception?> _completed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes with what the writer gave as the reason; null for an ordinary end.</summary>
    public Task<Exception?> Completed => _completed.Task;

    public void Complete(Exception? error) => _completed.TrySetResult(error);
}
