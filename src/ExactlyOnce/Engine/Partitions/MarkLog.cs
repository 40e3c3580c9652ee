namespace ExactlyOnce.Engine.Partitions;

/// <summary>
/// A partition's marks, one per applied frame, in LSN order. One writer (under the partition's lock, before the frame can become visible), any number
/// of readers without locks. Chunks are linked forward only and never reused: a reader keeps what it needs alive and there is no ABA.
/// </summary>
internal sealed class MarkLog
{
    private Chunk _newest;
    private Chunk _oldest;

    public MarkLog(Mark first)
    {
        _newest = _oldest = new Chunk(Chunk.FirstSize);
        _newest.Add(first);
        Newest = first;
    }

    /// <summary>The last mark added. For the writer, and for readers that hold the partition's lock.</summary>
    public Mark Newest { get; private set; }

    /// <summary>Adds a mark; <paramref name="visible"/> tells which old chunks nobody can start from any more.</summary>
    public void Add(Mark mark, long visible)
    {
        if (!_newest.Add(mark))
        {
            var next = new Chunk(Math.Min(_newest.Size * 2, Chunk.LargestSize));
            next.Add(mark);
            _newest.Next = next;
            _newest = next;
            while (_oldest.Next is { } later && later.FirstLsn <= visible)
                Volatile.Write(ref _oldest, later);
        }
        Newest = mark;
    }

    /// <summary>A cursor that sees every mark at or above the last visible one.</summary>
    public Cursor OpenCursor() => new(Volatile.Read(ref _oldest));

    /// <summary>The partition's state at <paramref name="visible"/>.</summary>
    public Mark At(long visible)
    {
        var cursor = OpenCursor();
        return cursor.MoveTo(visible);
    }

    /// <summary>A reader's place among the marks. It only moves forward.</summary>
    internal struct Cursor
    {
        private Chunk _chunk;
        private int _index;

        internal Cursor(Chunk chunk)
        {
            _chunk = chunk;
            _index = 0;
        }

        /// <summary>Moves to the last mark at or below <paramref name="visible"/> and answers it. The first mark of a cursor is always visible.</summary>
        public Mark MoveTo(long visible)
        {
            while (true)
            {
                var count = _chunk.Count;
                while (_index + 1 < count && _chunk[_index + 1].Lsn <= visible)
                    _index++;
                if (_index + 1 < count || _chunk.Next is not { } next || next.FirstLsn > visible)
                    return _chunk[_index];
                // Next is linked after the chunk is full, but the count read above may be older than the link.
                if (count < _chunk.Size)
                    continue;
                _chunk = next;
                _index = 0;
            }
        }
    }

    internal sealed class Chunk
    {
        public const int FirstSize = 4;
        public const int LargestSize = 512;

        private readonly Mark[] _marks;
        private int _count;
        private Chunk? _next;

        public Chunk(int size) => _marks = new Mark[size];

        public int Size => _marks.Length;

        public int Count => Volatile.Read(ref _count);

        public long FirstLsn => _marks[0].Lsn;

        public Chunk? Next
        {
            get => Volatile.Read(ref _next);
            set => Volatile.Write(ref _next, value);
        }

        public Mark this[int index] => _marks[index];

        public bool Add(Mark mark)
        {
            if (_count == _marks.Length)
                return false;
            _marks[_count] = mark;
            Volatile.Write(ref _count, _count + 1);
            return true;
        }
    }
}
