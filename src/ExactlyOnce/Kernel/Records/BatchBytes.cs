using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Records;

/// <summary>
/// One encoded batch where it lies: in one piece, or, as it came over a network, in several, of which the first holds the whole header. The log copies it;
/// nobody before that has to.
/// </summary>
internal readonly ref struct BatchBytes
{
    /// <param name="first">The header and what follows it in the same piece.</param>
    /// <param name="rest">The other pieces; null when there are none.</param>
    public BatchBytes(ReadOnlySpan<byte> first, ReadOnlyMemory<byte>[]? rest)
    {
        First = first;
        Rest = rest;
    }

    public ReadOnlySpan<byte> First { get; }

    /// <summary>The pieces behind the first, null for none.</summary>
    public ReadOnlyMemory<byte>[]? Rest { get; }

    public int Length
    {
        get
        {
            var length = First.Length;
            foreach (var piece in Rest ?? [])
                length += piece.Length;
            return length;
        }
    }

    public static implicit operator BatchBytes(ReadOnlySpan<byte> batch) => new(batch, null);

    public static implicit operator BatchBytes(Span<byte> batch) => new(batch, null);

    public static implicit operator BatchBytes(byte[] batch) => new(batch, null);

    public void CopyTo(Span<byte> destination)
    {
        First.CopyTo(destination);
        if (Rest is null)
            return;
        destination = destination[First.Length..];
        foreach (var piece in Rest)
        {
            piece.Span.CopyTo(destination);
            destination = destination[piece.Length..];
        }
    }

    /// <summary>All of it in one piece; copied where it lies in several.</summary>
    public ReadOnlySpan<byte> Join()
    {
        if (Rest is null)
            return First;
        var joined = new byte[Length];
        CopyTo(joined);
        return joined;
    }

    /// <summary>The checksum that the batch should carry.</summary>
    public uint ComputeCrc()
    {
        var crc = Crc32C.Compute(First[BatchHeader.AttributesAt..]);
        foreach (var piece in Rest ?? [])
            crc = Crc32C.Append(crc, piece.Span);
        return crc;
    }
}
