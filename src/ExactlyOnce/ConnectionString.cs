namespace ExactlyOnce;

/// <summary>
/// The one string that says which broker: <c>mode=memory</c>, <c>mode=durable;path=data/shop</c> (with <c>durability=written</c> or <c>flushed</c> when wanted), or just
/// the path of a folder. Keys and modes ignore case.
/// </summary>
internal static class ConnectionString
{
    /// <param name="text">The path or connection string.</param>
    /// <param name="options">Are changed.</param>
    /// <param name="parameter">What the caller's parameter is called.</param>
    /// <exception cref="ArgumentException">The text is neither a path nor a connection string this package understands.</exception>
    public static void Apply(string text, BrokerOptions options, string parameter)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(text, parameter);
        if (!text.TrimStart().StartsWith("mode=", StringComparison.OrdinalIgnoreCase))
        {
            options.Directory = text;
            return;
        }
        string? mode = null;
        foreach (var part in text.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var at = part.IndexOf('=', StringComparison.Ordinal);
            if (at < 0)
                throw new ArgumentException($"'{part}' in the connection string is not of the form key=value.", parameter);
            var value = part[(at + 1)..].Trim();
            switch (part[..at].Trim().ToLowerInvariant())
            {
                case "mode": mode = value; break;
                case "path": options.Directory = value; break;
                case "durability": options.Durability = ParseDurability(value, parameter); break;
                case var key: throw new ArgumentException($"The connection string has the unknown key '{key}'; 'mode', 'path' and 'durability' are known.", parameter);
            }
        }
        Check(mode, options, parameter);
    }

    private static Durability ParseDurability(string value, string parameter) =>
        Enum.TryParse<Durability>(value, ignoreCase: true, out var durability) && Enum.IsDefined(durability)
            ? durability
            : throw new ArgumentException($"'{value}' is not a durability; Written and Flushed are, and Memory with mode=memory.", parameter);

    private static void Check(string? mode, BrokerOptions options, string parameter)
    {
        switch (mode?.ToLowerInvariant())
        {
            case "memory" when options.Directory is not null:
                throw new ArgumentException("mode=memory takes no path; mode=durable does.", parameter);
            case "durable" when string.IsNullOrEmpty(options.Directory):
                throw new ArgumentException("mode=durable needs a folder: mode=durable;path=data/shop.", parameter);
            case "memory" or "durable":
                return;
            case "kafka":
                throw new ArgumentException("mode=kafka needs the package ExactlyOnce.Kafka.", parameter);
            default:
                throw new ArgumentException($"The mode '{mode}' is not known; memory and durable are.", parameter);
        }
    }
}
