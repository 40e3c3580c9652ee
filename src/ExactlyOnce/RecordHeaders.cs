using System.Collections;
using System.Runtime.CompilerServices;
using System.Text;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce;

/// <summary>
/// The headers of a record: in order, duplicates allowed, immutable, so that one list can serve many records and threads.
/// <code>RecordHeaders headers = [new("trace", traceId), new("tenant", "acme")];</code>
/// </summary>
[CollectionBuilder(typeof(RecordHeaders), nameof(Create))]
public sealed class RecordHeaders : IReadOnlyList<RecordHeader>
{
    /// <summary>No headers.</summary>
    public static readonly RecordHeaders Empty = new([]);

    private readonly RecordHeader[] _headers;
    private int _encodedLength;

    /// <summary>Takes the array over.</summary>
    internal RecordHeaders(RecordHeader[] headers) => _headers = headers;

    /// <summary>The headers in this order.</summary>
    /// <param name="headers">The headers; copied.</param>
    public static RecordHeaders Create(params ReadOnlySpan<RecordHeader> headers) =>
        headers.IsEmpty ? Empty : new RecordHeaders(headers.ToArray());

    /// <summary>How many there are.</summary>
    public int Count => _headers.Length;

    /// <summary>The header at a position.</summary>
    /// <param name="index">The position, from 0.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="index"/> is negative or not below <see cref="Count"/>.</exception>
    public RecordHeader this[int index] =>
        (uint)index < (uint)_headers.Length ? _headers[index] : throw new ArgumentOutOfRangeException(nameof(index), index, $"There are {_headers.Length} headers.");

    /// <summary>These headers and one more behind them; this list stays as it is.</summary>
    /// <param name="header">The header to add.</param>
    public RecordHeaders With(RecordHeader header) => new([.. _headers, header]);

    /// <summary>These headers and one more behind them, its value in UTF-8; this list stays as it is.</summary>
    /// <param name="key">The name.</param>
    /// <param name="value">The text, or null.</param>
    /// <exception cref="ArgumentNullException"><paramref name="key"/> is null.</exception>
    public RecordHeaders With(string key, string? value) => With(new RecordHeader(key, value));

    /// <summary>Finds the last header of a name: among duplicates the last one counts, as in Kafka.</summary>
    /// <param name="key">The name to look for; compared ordinally.</param>
    /// <param name="header">The header found.</param>
    /// <exception cref="ArgumentNullException"><paramref name="key"/> is null.</exception>
    public bool TryGetLast(string key, out RecordHeader header)
    {
        ArgumentNullException.ThrowIfNull(key);
        for (var i = _headers.Length - 1; i >= 0; i--)
            if (_headers[i].Key == key)
            {
                header = _headers[i];
                return true;
            }
        header = default;
        return false;
    }

    /// <summary>The value of the last header of a name as text; null when there is none or its value is null.</summary>
    /// <param name="key">The name to look for; compared ordinally.</param>
    /// <exception cref="ArgumentNullException"><paramref name="key"/> is null.</exception>
    public string? GetText(string key) => TryGetLast(key, out var header) ? header.GetText() : null;

    /// <summary>Goes over the headers in order without allocating.</summary>
    public Enumerator GetEnumerator() => new(_headers);

    IEnumerator<RecordHeader> IEnumerable<RecordHeader>.GetEnumerator() => ((IEnumerable<RecordHeader>)_headers).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => _headers.GetEnumerator();

    /// <summary>Bytes the headers take in a record, without their count. Computed once: a race computes the same number twice.</summary>
    internal int EncodedLength
    {
        get
        {
            if (_encodedLength == 0 && _headers.Length > 0)
                _encodedLength = ComputeEncodedLength();
            return _encodedLength;
        }
    }

    /// <summary>Writes the headers, without their count, as a record holds them; answers <see cref="EncodedLength"/>.</summary>
    internal int Write(Span<byte> destination)
    {
        var position = 0;
        foreach (var header in _headers)
        {
            position += VarInt.Write(destination[position..], Encoding.UTF8.GetByteCount(header.Key));
            position += Encoding.UTF8.GetBytes(header.Key, destination[position..]);
            position += VarInt.Write(destination[position..], header.Value?.Length ?? -1);
            if (header.Value is not { } value)
                continue;
            value.Span.CopyTo(destination[position..]);
            position += value.Length;
        }
        return position;
    }

    private int ComputeEncodedLength()
    {
        var length = 0;
        foreach (var header in _headers)
        {
            var keyLength = Encoding.UTF8.GetByteCount(header.Key);
            var valueLength = header.Value?.Length ?? 0;
            length = checked(length + VarInt.Length(keyLength) + keyLength + VarInt.Length(header.Value is null ? -1 : valueLength) + valueLength);
        }
        return length;
    }

    /// <summary>Goes over the headers in order.</summary>
    public struct Enumerator
    {
        private readonly RecordHeader[] _headers;
        private int _index;

        internal Enumerator(RecordHeader[] headers)
        {
            _headers = headers;
            _index = -1;
        }

        /// <summary>The header reached.</summary>
        public readonly RecordHeader Current => _headers[_index];

        /// <summary>Moves to the next header, if there is one.</summary>
        public bool MoveNext() => ++_index < _headers.Length;
    }
}
