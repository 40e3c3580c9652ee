namespace ExactlyOnce.Hosting.Running;

/// <summary>
/// One call of a handler and whatever it awaits: what is published there belongs into the handler's transaction. A handler may leave something running behind
/// itself (a timer, a loop that it was the first to start), which inherits this object; when the call is over it is empty, and what is published there is
/// published by itself.
/// </summary>
internal sealed class HandlerFlow(TransactionWriter writer) : IDisposable
{
    private volatile TransactionWriter? _writer = writer;

    /// <summary>Null when the call is over.</summary>
    public TransactionWriter? Writer => _writer;

    public void Dispose() => _writer = null;
}
