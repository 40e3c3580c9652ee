namespace ExactlyOnce.Engine.Journal;

/// <summary>The frames that one write takes along. One at a time, owned and reused by the journal's stepper.</summary>
internal sealed class JournalGroup
{
    public JournalFrame? First { get; private set; }

    public int FrameCount { get; private set; }

    public int PayloadBytes { get; private set; }

    public long BaseLsn { get; private set; }

    public long EndLsn => BaseLsn + PayloadBytes;

    /// <summary>An empty group: it only vouches for those before it.</summary>
    public void Begin(long baseLsn)
    {
        First = null;
        FrameCount = 0;
        PayloadBytes = 0;
        BaseLsn = baseLsn;
    }

    /// <summary>Cuts frames off the front of <paramref name="chain"/> while they fit, one at least, and returns the rest.</summary>
    public JournalFrame? Take(JournalFrame chain, long payloadBytesMax)
    {
        var last = First = chain;
        FrameCount = 1;
        PayloadBytes = (int)chain.Length;
        while (last.Next is { } next && PayloadBytes + next.Length <= payloadBytesMax)
        {
            PayloadBytes += (int)next.Length;
            FrameCount++;
            last = next;
        }
        var rest = last.Next;
        last.Next = null;
        return rest;
    }

    /// <summary>Lets go of the frames.</summary>
    public JournalFrame? Release()
    {
        var chain = First;
        First = null;
        FrameCount = 0;
        return chain;
    }
}
