using System.Text;

namespace ExactlyOnce;

/// <summary>A named value that travels beside a record's key and value.</summary>
public readonly struct RecordHeader
{
    private readonly string? _key;

    /// <summary>Creates a header.</summary>
    /// <param name="key">The name; it need not be unique in a record.</param>
    /// <param name="value">The value, or null. Not copied: do not change the memory before the record has been sent.</param>
    /// <exception cref="ArgumentNullException"><paramref name="key"/> is null.</exception>
    public RecordHeader(string key, ReadOnlyMemory<byte>? value)
    {
        ArgumentNullException.ThrowIfNull(key);
        _key = key;
        Value = value;
    }

    /// <summary>Creates a header. A null array is a null value (and not an empty one, as the conversion to memory would make it).</summary>
    /// <param name="key">The name; it need not be unique in a record.</param>
    /// <param name="value">The value, or null. Not copied: do not change the array before the record has been sent.</param>
    /// <exception cref="ArgumentNullException"><paramref name="key"/> is null.</exception>
    public RecordHeader(string key, byte[]? value)
        : this(key, value is null ? default(ReadOnlyMemory<byte>?) : new ReadOnlyMemory<byte>(value))
    {
    }

    /// <summary>Creates a header whose value is <paramref name="value"/> in UTF-8, or null.</summary>
    /// <param name="key">The name; it need not be unique in a record.</param>
    /// <param name="value">The text, or null.</param>
    /// <exception cref="ArgumentNullException"><paramref name="key"/> is null.</exception>
    public RecordHeader(string key, string? value)
        : this(key, value is null ? null : Encoding.UTF8.GetBytes(value))
    {
    }

    /// <summary>The name; never null.</summary>
    public string Key => _key ?? "";

    /// <summary>The value; null is not the same as empty.</summary>
    public ReadOnlyMemory<byte>? Value { get; }

    /// <summary>The value read as UTF-8, or null when there is none. Bytes that are not UTF-8 read as U+FFFD.</summary>
    public string? GetText() => Value is { } value ? Encoding.UTF8.GetString(value.Span) : null;

    /// <summary>The name and the value as text.</summary>
    public override string ToString() => $"{Key}={GetText() ?? "null"}";
}
