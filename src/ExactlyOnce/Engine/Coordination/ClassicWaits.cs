using ExactlyOnce.Kernel.Groups.Classic;

namespace ExactlyOnce.Engine.Coordination;

/// <summary>Somebody who waits for the answer to a JoinGroup or SyncGroup. Told exactly once, under no lock; what follows from it runs elsewhere.</summary>
internal interface IClassicWaiter
{
    /// <summary>The answer holds once <paramref name="lsn"/> is visible.</summary>
    void Answer(ClassicAnswer answer, long lsn);

    /// <summary>There will be no answer: the broker closes, or cannot write.</summary>
    void Abandon();
}

/// <summary>
/// Which members wait for which answer. Owned by the coordination lock: whoever waits is written down within the decision that made him wait, and taken out
/// within the one that ends it, so that no answer goes to somebody else's wait. Waits belong to connections and die with the process.
/// </summary>
internal sealed class ClassicWaits
{
    private readonly Dictionary<(string Group, string MemberId, ClassicWait Wait), IClassicWaiter> _waiters = [];

    /// <summary>Nobody will be answered any more: who comes now is abandoned like those who were there.</summary>
    public bool IsOver { get; private set; }

    /// <summary>Answers who waited for the same before: a member that asks again has given up the connection on which it asked first.</summary>
    public IClassicWaiter? Add(string group, string memberId, ClassicWait wait, IClassicWaiter waiter)
    {
        _waiters.Remove((group, memberId, wait), out var former);
        _waiters.Add((group, memberId, wait), waiter);
        return former;
    }

    /// <summary>False when the answer is on its way.</summary>
    public bool Remove(IClassicWaiter waiter)
    {
        foreach (var (key, known) in _waiters)
        {
            if (!ReferenceEquals(known, waiter))
                continue;
            return _waiters.Remove(key);
        }
        return false;
    }

    /// <summary>Takes out who is answered by these.</summary>
    public EndedWait[] Take(IReadOnlyList<ClassicAnswer> answers, long lsn)
    {
        if (answers.Count == 0 || _waiters.Count == 0)
            return [];
        var ended = new List<EndedWait>(answers.Count);
        foreach (var answer in answers)
            if (_waiters.Remove((answer.Group, answer.MemberId, answer.Wait), out var waiter))
                ended.Add(new EndedWait(waiter, answer, lsn));
        return [.. ended];
    }

    public IClassicWaiter[] TakeAll()
    {
        IsOver = true;
        IClassicWaiter[] all = [.. _waiters.Values];
        _waiters.Clear();
        return all;
    }
}

/// <summary>A wait that is over; told after the lock is released.</summary>
internal readonly record struct EndedWait(IClassicWaiter Waiter, ClassicAnswer Answer, long Lsn)
{
    public void Tell() => Waiter.Answer(Answer, Lsn);
}
