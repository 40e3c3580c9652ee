namespace ExactlyOnce.Kafka.Endpoint.Codec;

/// <summary>
/// One direction of the protocol's encoding: <see cref="WireReader"/> fills the fields it is shown, <see cref="WireWriter"/> writes them. <c>from</c> and
/// <c>to</c> are the versions that carry a field; outside of them nothing is on the wire and the field stays as it is. All integers are big-endian. A flexible
/// version encodes strings, bytes and arrays compactly and ends every structure with a tag section.
/// </summary>
internal abstract class Wire
{
    private const int Always = 0;
    private const int Newest = short.MaxValue;
    private const int Never = int.MaxValue;

    public short Version { get; private set; }

    public bool IsFlexible { get; private set; }

    public void Int8(ref sbyte value, int from = Always, int to = Newest)
    {
        if (Has(from, to))
            Int8Core(ref value);
    }

    public void Int16(ref short value, int from = Always, int to = Newest)
    {
        if (Has(from, to))
            Int16Core(ref value);
    }

    public void Int32(ref int value, int from = Always, int to = Newest)
    {
        if (Has(from, to))
            Int32Core(ref value);
    }

    public void Int64(ref long value, int from = Always, int to = Newest)
    {
        if (Has(from, to))
            Int64Core(ref value);
    }

    public void Bool(ref bool value, int from = Always, int to = Newest)
    {
        if (!Has(from, to))
            return;
        var number = (sbyte)(value ? 1 : 0);
        Int8Core(ref number);
        value = number != 0;
    }

    /// <summary>An error number, an int16.</summary>
    public void Error(ref KafkaError value, int from = Always, int to = Newest)
    {
        if (!Has(from, to))
            return;
        var number = (short)value;
        Int16Core(ref number);
        value = (KafkaError)number;
    }

    public void Uuid(ref Guid value, int from = Always, int to = Newest)
    {
        if (Has(from, to))
            UuidCore(ref value);
    }

    public void String(ref string value, int from = Always, int to = Newest)
    {
        if (!Has(from, to))
            return;
        string? text = value;
        StringCore(ref text, isNullable: false);
        value = text!;
    }

    /// <param name="nullableFrom">Before this version the string may not be null; the empty string then stands for null on the way out.</param>
    public void NullableString(ref string? value, int from = Always, int to = Newest, int nullableFrom = Always)
    {
        if (!Has(from, to))
            return;
        var isNullable = Version >= nullableFrom;
        if (!isNullable)
            value ??= "";
        StringCore(ref value, isNullable);
    }

    public void Bytes(ref byte[] value, int from = Always, int to = Newest)
    {
        if (Has(from, to))
            BytesCore(ref value);
    }

    /// <summary>Record batches: on the way in a slice of the frame, on the way out in the pieces in which they lie in the log.</summary>
    public void Records(ref RecordBytes value, int from = Always, int to = Newest)
    {
        if (Has(from, to))
            RecordsCore(ref value);
    }

    public void Int32s(ref int[] value, int from = Always, int to = Newest)
    {
        if (!Has(from, to))
            return;
        int[]? items = value;
        Int32sCore(ref items, isNullable: false);
        value = items!;
    }

    public void NullableInt32s(ref int[]? value, int from = Always, int to = Newest)
    {
        if (Has(from, to))
            Int32sCore(ref value, isNullable: true);
    }

    public void Int64s(ref long[] value, int from = Always, int to = Newest)
    {
        if (Has(from, to))
            Int64sCore(ref value);
    }

    public void Strings(ref string[] value, int from = Always, int to = Newest)
    {
        if (!Has(from, to))
            return;
        string[]? items = value;
        StringsCore(ref items, isNullable: false);
        value = items!;
    }

    public void NullableStrings(ref string[]? value, int from = Always, int to = Newest)
    {
        if (Has(from, to))
            StringsCore(ref value, isNullable: true);
    }

    public void Array<T>(ref T[] value, int from = Always, int to = Newest)
        where T : class, IMessage, new()
    {
        if (!Has(from, to))
            return;
        T[]? items = value;
        ArrayCore(ref items, isNullable: false);
        value = items!;
    }

    /// <param name="nullableFrom">Before this version the array may not be null.</param>
    public void NullableArray<T>(ref T[]? value, int from = Always, int to = Newest, int nullableFrom = Always)
        where T : class, IMessage, new()
    {
        if (!Has(from, to))
            return;
        var isNullable = Version >= nullableFrom;
        if (!isNullable)
            value ??= [];
        ArrayCore(ref value, isNullable);
    }

    /// <summary>A structure inside another, with a tag section of its own in flexible versions.</summary>
    public void Struct<T>(ref T value, int from = Always, int to = Newest)
        where T : class, IMessage, new()
    {
        if (Has(from, to))
            StructCore(ref value);
    }

    /// <summary>The same behind one byte that says whether there is one.</summary>
    public void NullableStruct<T>(ref T? value, int from = Always, int to = Newest)
        where T : class, IMessage, new()
    {
        if (!Has(from, to))
            return;
        var presence = (sbyte)(value is null ? -1 : 1);
        Int8Core(ref presence);
        if (presence < 0)
        {
            value = null;
            return;
        }
        var present = value ?? new T();
        StructCore(ref present);
        value = present;
    }

    /// <summary>
    /// In <see cref="IMessage.Tagged"/>, ascending: true when the field with this tag is to be described now. <paramref name="isSet"/>: it differs from its
    /// default, so that it is written.
    /// </summary>
    public bool Tag(int tag, bool isSet, int from = Always, int to = Newest) => Has(from, to) && TagCore(tag, isSet);

    /// <summary>Begins a message of an API's version.</summary>
    protected void Begin(short version, int flexibleFrom)
    {
        Version = version;
        IsFlexible = flexibleFrom != Never && version >= flexibleFrom;
    }

    protected abstract void Int8Core(ref sbyte value);

    protected abstract void Int16Core(ref short value);

    protected abstract void Int32Core(ref int value);

    protected abstract void Int64Core(ref long value);

    protected abstract void UuidCore(ref Guid value);

    protected abstract void StringCore(ref string? value, bool isNullable);

    protected abstract void BytesCore(ref byte[] value);

    protected abstract void RecordsCore(ref RecordBytes value);

    protected abstract void Int32sCore(ref int[]? value, bool isNullable);

    protected abstract void Int64sCore(ref long[] value);

    protected abstract void StringsCore(ref string[]? value, bool isNullable);

    protected abstract void ArrayCore<T>(ref T[]? value, bool isNullable)
        where T : class, IMessage, new();

    protected abstract void StructCore<T>(ref T value)
        where T : class, IMessage, new();

    protected abstract bool TagCore(int tag, bool isSet);

    private bool Has(int from, int to) => Version >= from && Version <= to;
}
