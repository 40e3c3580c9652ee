namespace ExactlyOnce.Testing.Fuzzing;

/// <summary>Parses an input and checks what must hold of the result. Throws the target's one exception for input that is not what was written.</summary>
internal delegate void FuzzBody(ReadOnlySpan<byte> input);

/// <summary>Makes checksums and lengths right after a mutation, in place: without that nearly every input would end at the first check.</summary>
internal delegate void FuzzFixUp(Span<byte> input);

/// <summary>One parser of bytes that come from disk or from a client, with what is asked of it.</summary>
internal sealed class FuzzTarget(string name, FuzzBody body)
{
    public string Name => name;

    public FuzzBody Body => body;

    public FuzzFixUp? FixUp { get; init; }

    /// <summary>The one kind of exception that damaged input may end in; null: none at all.</summary>
    public Type? Refusal { get; init; }

    /// <summary>Real inputs, made by the product.</summary>
    public Func<IEnumerable<byte[]>> Seeds { get; init; } = () => [];

    /// <summary>Makes what every execution needs: once, so that no execution pays for it.</summary>
    public Action Prepare { get; init; } = () => { };

    public int InputBytesMax { get; init; } = 2048;

    /// <summary>What an execution may allocate for each byte of input; more than 4 where small items on disk become objects in memory.</summary>
    public int AllocatedBytesPerByte { get; init; } = 4;

    /// <summary>What an execution may allocate besides, whatever the input.</summary>
    public int AllocatedBytesBase { get; init; } = 64 << 10;

    public bool Allows(Exception exception) =>
        exception.GetType() == Refusal
        || (Refusal == typeof(DamagedStorageException) && exception is StorageException { Code: ErrorCode.UnsupportedVersion });

    public long AllocatedBytesMax(int inputBytes) => ((long)AllocatedBytesPerByte * inputBytes) + AllocatedBytesBase;
}
