using System.Diagnostics;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Partitions;

/// <summary>
/// The transactions with data in the log and no marker yet, oldest first. A transaction opens at the end of the log, so the order of opening is the
/// order of first offsets and a linked list through the entries stays sorted by itself. Owned by the <see cref="PartitionState"/>.
/// </summary>
internal sealed class OngoingTransactions
{
    private ProducerEntry? _oldest;
    private ProducerEntry? _newest;

    public int Count { get; private set; }

    /// <summary>The first offset of the oldest open transaction; −1 when none is open.</summary>
    public long FirstOffset => _oldest is null ? -1 : _oldest.TransactionFirstOffset;

    /// <summary>The first offset of the newest open transaction; −1 when none is open.</summary>
    public long LastFirstOffset => _newest is null ? -1 : _newest.TransactionFirstOffset;

    public Enumerator GetEnumerator() => new(_oldest);

    public void Open(ProducerEntry entry, long firstOffset)
    {
        Debug.Assert(!entry.HasOpenTransaction, "A producer has one open transaction.");
        Debug.Assert(_newest is null || _newest.TransactionFirstOffset < firstOffset, "Transactions open in order of their first offsets.");
        entry.TransactionFirstOffset = firstOffset;
        entry.OlderTransaction = _newest;
        if (_newest is null)
            _oldest = entry;
        else
            _newest.NewerTransaction = entry;
        _newest = entry;
        Count++;
    }

    public void Close(ProducerEntry entry)
    {
        Debug.Assert(entry.HasOpenTransaction, "Only an open transaction is closed.");
        if (entry.OlderTransaction is null)
            _oldest = entry.NewerTransaction;
        else
            entry.OlderTransaction.NewerTransaction = entry.NewerTransaction;
        if (entry.NewerTransaction is null)
            _newest = entry.OlderTransaction;
        else
            entry.NewerTransaction.OlderTransaction = entry.OlderTransaction;
        entry.OlderTransaction = null;
        entry.NewerTransaction = null;
        entry.TransactionFirstOffset = -1;
        Count--;
    }

    [Conditional("DEBUG")]
    public void AssertInvariants(long logEndOffset)
    {
        var count = 0;
        var previousOffset = -1L;
        foreach (var transaction in this)
        {
            Debug.Assert(transaction.FirstOffset > previousOffset, "Open transactions are sorted by first offset.");
            previousOffset = transaction.FirstOffset;
            count++;
        }
        Debug.Assert(previousOffset < logEndOffset, "An open transaction has data in the log.");
        Debug.Assert(count == Count, "Every open transaction is listed once.");
    }

    /// <summary>Walks the open transactions, oldest first; under the owner's lock.</summary>
    public struct Enumerator
    {
        private ProducerEntry? _next;

        internal Enumerator(ProducerEntry? oldest)
        {
            _next = oldest;
            Current = default;
        }

        public OpenTransaction Current { get; private set; }

        public bool MoveNext()
        {
            if (_next is null)
                return false;
            Current = new OpenTransaction(new ProducerIdentity(_next.Id, _next.Epoch), _next.TransactionFirstOffset, _next.LastActiveMs);
            _next = _next.NewerTransaction;
            return true;
        }
    }
}
