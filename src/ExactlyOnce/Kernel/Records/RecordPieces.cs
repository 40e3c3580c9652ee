using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Records;

/// <summary>
/// Hands a <see cref="BatchReader"/> the records of a batch that lies in several pieces, one piece after the other. Only a record that crosses from one into
/// the next is put together.
/// </summary>
internal sealed class RecordPieces
{
    private readonly GrowableBuffer _crossing = new();
    private ReadOnlyMemory<byte>[] _pieces = [];
    private int _piece;

    /// <summary>Bytes of the current piece that went into a crossing record.</summary>
    private int _taken;
    private bool _isCrossing;

    /// <summary>Bytes that have not been handed out.</summary>
    public int Remaining { get; private set; }

    /// <summary>Begins in front of <paramref name="pieces"/>: the batch's first piece is the reader's already.</summary>
    public void Open(ReadOnlyMemory<byte>[] pieces)
    {
        _pieces = pieces;
        (_piece, _taken, _isCrossing) = (0, 0, false);
        Remaining = 0;
        foreach (var piece in pieces)
            Remaining += piece.Length;
    }

    /// <summary>Lets go of the batch.</summary>
    public void Close()
    {
        Open([]);
        _crossing.Clear();
    }

    /// <summary>
    /// Puts more bytes behind <paramref name="unread"/>, which is the rest of what was answered last: so many that <paramref name="wanted"/> are there, or,
    /// when nothing is unread, as many as lie in one piece. False when there are not enough.
    /// </summary>
    public bool TryGrow(ref ReadOnlySpan<byte> unread, long wanted)
    {
        if (wanted - unread.Length > Remaining)
            return false;
        if (unread.IsEmpty)
        {
            _isCrossing = false;
            unread = Take(int.MaxValue);
            return true;
        }
        if (!_isCrossing)
            Begin(unread);
        while (_crossing.Length < wanted)
            Add(Take((int)wanted - _crossing.Length));
        unread = _crossing.WrittenSpan;
        return true;
    }

    private void Begin(ReadOnlySpan<byte> unread)
    {
        _crossing.Clear();
        Add(unread);
        _isCrossing = true;
    }

    private void Add(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_crossing.GetSpan(bytes.Length));
        _crossing.Advance(bytes.Length);
    }

    /// <summary>The next bytes, at most so many, of one piece; there are some.</summary>
    private ReadOnlySpan<byte> Take(int bytesMax)
    {
        while (_taken == _pieces[_piece].Length)
            (_piece, _taken) = (_piece + 1, 0);
        var rest = _pieces[_piece].Span[_taken..];
        var taken = rest[..Math.Min(rest.Length, bytesMax)];
        _taken += taken.Length;
        Remaining -= taken.Length;
        return taken;
    }
}
