namespace ExactlyOnce.Engine.Partitions;

/// <summary>
/// A partition's marks, one per applied frame, in LSN order, as far as somebody can ask for them: the last visible one and all behind it. One writer (under the
/// partition's lock, before the frame can become visible), any number of readers without locks.
/// <para>
/// A ring of places that are used again, so that a frame leaves nothing for the garbage collector and a reader that sleeps keeps nothing alive. What makes that
/// safe: the writer takes a larger ring rather than overwrite the last mark that it sees visible, so whoever finds his mark gone has dawdled, and finds one
/// when he takes the visible LSN anew. And nobody takes one mark for another: <see cref="Ring.TryFind"/> looks at the ring's end again after it has read a
/// place. Why a ring: decisions/0007.
/// </para>
/// </summary>
internal sealed class MarkLog
{
    private const int FirstSize = 16;

    private Ring _ring;

    public MarkLog(Mark first)
    {
        _ring = new Ring(FirstSize, firstIndex: 0);
        _ring.Add(first);
        Newest = first;
    }

    /// <summary>The last mark added. For the writer, and for readers that hold the partition's lock.</summary>
    public Mark Newest { get; private set; }

    /// <summary>Adds a mark; <paramref name="visible"/> tells which old ones nobody can want any more.</summary>
    public void Add(Mark mark, long visible)
    {
        if (_ring.WouldHide(visible))
            Volatile.Write(ref _ring, _ring.Double());
        _ring.Add(mark);
        Newest = mark;
    }

    /// <summary>
    /// The partition's state at <paramref name="visible"/>, a visible LSN just taken; before the first mark that is the first mark. False when it was taken so
    /// long ago that its mark is gone: take it anew.
    /// </summary>
    public bool TryAt(long visible, out Mark mark) =>
        // The LSN was taken before the ring: every mark at or below it was added before it became visible, so this ring has it even when a larger one is taking
        // its place.
        Volatile.Read(ref _ring).TryFind(visible, out mark);

    /// <summary>The places, addressed by the running number of a mark. Once a larger ring has taken its place it is never written again.</summary>
    private sealed class Ring(int size, long firstIndex)
    {
        private readonly Place[] _places = new Place[size];
        private long _newest = firstIndex - 1;

        /// <summary>True when another mark would cost readers the last one at or below <paramref name="visible"/>.</summary>
        public bool WouldHide(long visible)
        {
            var oldest = OldestBehind(_newest + 1);
            return oldest > firstIndex && PlaceOf(oldest).Lsn > visible;
        }

        /// <summary>A ring twice as large with the same marks.</summary>
        public Ring Double()
        {
            var oldest = OldestBehind(_newest);
            var larger = new Ring(size * 2, oldest);
            for (var index = oldest; index <= _newest; index++)
                larger.Add(PlaceOf(index).ToMark());
            return larger;
        }

        /// <summary>
        /// Every store releases what was stored before it: nobody sees a mark's number before the mark, nor anything of the next mark before this one's number,
        /// on which <see cref="TryFind"/> relies.
        /// </summary>
        public void Add(Mark mark)
        {
            var index = _newest + 1;
            ref var place = ref PlaceOf(index);
            Volatile.Write(ref place.Lsn, mark.Lsn);
            Volatile.Write(ref place.LogStart, mark.LogStart);
            Volatile.Write(ref place.LogEnd, mark.LogEnd);
            Volatile.Write(ref place.LastStable, mark.LastStable);
            Volatile.Write(ref _newest, index);
        }

        /// <summary>
        /// Looks for the mark, reads it, and believes what it read only if its place was not being used again by then. Places that were overwritten during the
        /// search can only mislead it to a place that is not believed either: the numbers grow along the ring, so from a mark that is right, with a larger one
        /// behind it, there is no other.
        /// </summary>
        public bool TryFind(long visible, out Mark mark)
        {
            var newest = Volatile.Read(ref _newest);
            var oldest = OldestBehind(newest);
            var index = LsnAt(newest) <= visible ? newest : LastAtOrBelow(visible, oldest, newest);
            if (index < oldest && oldest == 0)
                index = 0;
            mark = index < oldest ? default : PlaceOf(index).ToMark();
            return index >= oldest && index >= OldestBehind(Volatile.Read(ref _newest));
        }

        private long LastAtOrBelow(long visible, long oldest, long newest)
        {
            var (found, beyond) = (oldest - 1, newest);
            while (beyond - found > 1)
            {
                var middle = found + (beyond - found) / 2;
                if (LsnAt(middle) <= visible)
                    found = middle;
                else
                    beyond = middle;
            }
            return found;
        }

        /// <summary>
        /// The oldest mark that can be believed by one who sees <paramref name="newest"/> as the newest after he has read. The writer may be at the place of
        /// newest + 1 and no further, because it stores a mark's number before it touches the next place; that is the place of newest + 1 − size.
        /// </summary>
        private long OldestBehind(long newest) => Math.Max(firstIndex, newest + 2 - size);

        private long LsnAt(long index) => Volatile.Read(ref PlaceOf(index).Lsn);

        private ref Place PlaceOf(long index) => ref _places[(int)index & (_places.Length - 1)];
    }

    private struct Place
    {
        public long Lsn;
        public long LogStart;
        public long LogEnd;
        public long LastStable;

        public Mark ToMark() => new(Volatile.Read(ref Lsn), Volatile.Read(ref LogStart), Volatile.Read(ref LogEnd), Volatile.Read(ref LastStable));
    }
}
