namespace ExactlyOnce.Engine.Journal;

/// <summary>Frames waiting for their next use. Rented on callers' threads, given back by the journal a group at a time; bounded, the rest is garbage.</summary>
internal sealed class JournalFramePool
{
    private const int FramesMax = 4096;

    private readonly Lock _lock = new();
    private JournalFrame? _free;
    private int _count;

    public JournalFrame Rent()
    {
        lock (_lock)
        {
            if (_free is not { } frame)
                return new JournalFrame();
            _free = frame.Next;
            _count--;
            frame.Next = null;
            return frame;
        }
    }

    /// <summary>Takes back a whole chain under one lock.</summary>
    public void Return(JournalFrame? chain)
    {
        if (chain is null)
            return;
        lock (_lock)
        {
            while (chain is not null)
            {
                var next = chain.Next;
                chain.Reset();
                if (_count < FramesMax)
                {
                    chain.Next = _free;
                    _free = chain;
                    _count++;
                }
                chain = next;
            }
        }
    }
}
