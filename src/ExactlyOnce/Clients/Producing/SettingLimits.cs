namespace ExactlyOnce.Clients.Producing;

/// <summary>What producer settings may be, and what to say when they are not.</summary>
internal static class SettingLimits
{
    public const int BatchBytesMin = 512;
    public const int BatchBytesMax = 64 * 1024 * 1024;
    public const long BufferMemoryMin = 1024;
    public const int IdentityLengthMax = 249;

    /// <summary>The longest that a timer waits: 24 days and some hours.</summary>
    public static readonly TimeSpan WaitMax = TimeSpan.FromMilliseconds(int.MaxValue);

    public static readonly TimeSpan LingerMax = TimeSpan.FromMinutes(1);

    public static void CheckLinger(TimeSpan linger)
    {
        if (linger < TimeSpan.Zero || linger > LingerMax)
            throw new ArgumentOutOfRangeException(nameof(linger), linger, "A linger is between zero (send at once) and one minute.");
    }

    public static void CheckBatchBytes(int bytes)
    {
        if (bytes is < BatchBytesMin or > BatchBytesMax)
            throw new ArgumentOutOfRangeException(nameof(bytes), bytes, $"A batch size is between {BatchBytesMin} and {BatchBytesMax} bytes.");
    }

    public static void CheckBufferMemory(long bytes)
    {
        if (bytes < BufferMemoryMin)
            throw new ArgumentOutOfRangeException(nameof(bytes), bytes, $"Buffer memory is at least {BufferMemoryMin} bytes.");
    }

    public static void CheckWait(TimeSpan wait, string parameter)
    {
        if (wait < TimeSpan.Zero || wait > WaitMax)
            throw new ArgumentOutOfRangeException(parameter, wait, $"A wait is not negative and at most {WaitMax}.");
    }

    public static void CheckCompression(CompressionType compression, BrokerBackend backend)
    {
        if (!Enum.IsDefined(compression))
            throw new ArgumentOutOfRangeException(nameof(compression), compression, "No such compression.");
        if (compression != CompressionType.None)
            _ = backend.GetCodec(compression);
    }

    public static void CheckIdentity(string? name, string parameter)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name, parameter);
        if (name.Length > IdentityLengthMax)
            throw new ArgumentException($"The name has {name.Length} characters; at most {IdentityLengthMax} are allowed.", parameter);
    }
}
