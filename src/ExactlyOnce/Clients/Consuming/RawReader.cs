namespace ExactlyOnce.Clients.Consuming;

/// <summary>
/// Reads one partition as it stands, markers and aborted batches included, for clients that filter for themselves: those on the other end of a wire. Keeps its
/// place between reads, and no memory. Not thread-safe.
/// </summary>
internal abstract class RawReader : IDisposable
{
    /// <summary>
    /// Whole batches from the one that holds <paramref name="offset"/> on, below the high watermark, under read_committed below the last stable offset.
    /// </summary>
    /// <param name="offset">The first offset wanted.</param>
    /// <param name="isolation">Where to stop, and whether the aborted transactions are told.</param>
    /// <param name="maxBytes">At most so many bytes.</param>
    /// <param name="takesOne">The first batch is returned even when it alone is larger.</param>
    /// <returns>What was read; dispose it when the bytes have been used, and before the next read.</returns>
    public abstract RawRead Read(long offset, IsolationLevel isolation, int maxBytes, bool takesOne);

    /// <summary>
    /// Has <paramref name="wake"/> called once when there may be more than the last read saw; answers false, without registering, when that is so already.
    /// </summary>
    public abstract bool TryWait(Action wake);

    /// <summary>Takes a registration back.</summary>
    public abstract void StopWaiting(Action wake);

    public abstract void Dispose();
}
