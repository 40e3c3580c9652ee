using System.Text.RegularExpressions;

namespace ExactlyOnce;

/// <summary>
/// The one string that says which broker: <c>mode=memory</c>, <c>mode=durable;path=data/shop</c> (with <c>durability=written</c> or <c>flushed</c> when
/// wanted), or just the path of a folder. Keys and modes ignore case, and the order of keys does not matter.
/// </summary>
internal static partial class ConnectionString
{
    private const string Examples = "Write mode=memory, or mode=durable;path=data/shop.";

    /// <param name="text">The path or connection string.</param>
    /// <param name="options">Are changed when all of the text is understood, and not otherwise.</param>
    /// <param name="parameter">What the caller's parameter is called.</param>
    /// <exception cref="ArgumentException">The text is neither a path nor a connection string this package understands.</exception>
    public static void Apply(string text, BrokerOptions options, string parameter)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(text, parameter);
        if (IsPath(text, parameter))
        {
            options.Directory = text;
            return;
        }
        var values = Split(text, parameter);
        var durability = values.TryGetValue("durability", out var word) ? ParseDurability(word, parameter) : (Durability?)null;
        options.Directory = FindDirectory(values, durability, parameter);
        options.Durability = durability ?? options.Durability;
    }

    // A key stands in front of the first '='; what comes before one in a path is a path: "/data/a=b", "./a=b".
    private static bool IsPath(string text, string parameter)
    {
        if (text.Trim().ToLowerInvariant() is "memory" or "durable")
            throw new ArgumentException($"'{text}' alone could be a folder or a mode. {Examples} A folder of that name is ./{text.Trim()}.", parameter);
        return !Key().IsMatch(text);
    }

    [GeneratedRegex(@"^[\s;]*[A-Za-z][A-Za-z. _-]*=")]
    private static partial Regex Key();

    private static Dictionary<string, string> Split(string text, string parameter)
    {
        var values = new Dictionary<string, string>();
        foreach (var part in text.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var at = part.IndexOf('=', StringComparison.Ordinal);
            if (at < 0)
                throw new ArgumentException($"'{part}' in the connection string is not of the form key=value. {Examples}", parameter);
            var key = part[..at].Trim().ToLowerInvariant();
            if (!values.TryAdd(key, part[(at + 1)..].Trim()))
                throw new ArgumentException($"The connection string has the key '{key}' twice.", parameter);
        }
        CheckKeys(values, parameter);
        return values;
    }

    private static void CheckKeys(Dictionary<string, string> values, string parameter)
    {
        if (values.TryGetValue("mode", out var mode) && mode.Equals("kafka", StringComparison.OrdinalIgnoreCase))
            throw new ArgumentException("mode=kafka needs the package ExactlyOnce.Kafka.", parameter);
        foreach (var key in values.Keys)
            if (key is not ("mode" or "path" or "durability"))
                throw new ArgumentException($"The connection string has the unknown key '{key}'; 'mode', 'path' and 'durability' are known. {Examples}", parameter);
    }

    private static Durability ParseDurability(string value, string parameter) => value.ToLowerInvariant() switch
    {
        "memory" => Durability.Memory,
        "written" => Durability.Written,
        "flushed" => Durability.Flushed,
        _ => throw new ArgumentException(
            $"'{value}' is not a durability. Write durability=flushed (the default on disk: survives a power cut) or durability=written (survives a crash of the process).", parameter),
    };

    private static string? FindDirectory(Dictionary<string, string> values, Durability? durability, string parameter)
    {
        var path = values.GetValueOrDefault("path");
        switch (values.GetValueOrDefault("mode")?.ToLowerInvariant())
        {
            case "memory" when path is not null:
                throw new ArgumentException($"mode=memory takes no path; mode=durable does: write mode=durable;path={path}, or leave the path out.", parameter);
            case "memory" when durability is Durability.Written or Durability.Flushed:
                throw new ArgumentException("mode=memory keeps nothing on a disk: leave durability out, or write mode=durable;path=data/shop.", parameter);
            case "memory":
                return null;
            case "durable" when string.IsNullOrEmpty(path):
                throw new ArgumentException("mode=durable needs a folder: write mode=durable;path=data/shop.", parameter);
            case "durable" when durability is Durability.Memory:
                throw new ArgumentException("durability=memory writes nothing to the path: write durability=flushed or durability=written, or mode=memory.", parameter);
            case "durable":
                return path;
            case null:
                throw new ArgumentException($"The connection string does not say a mode. {(path is null ? Examples : $"Write mode=durable;path={path}.")}", parameter);
            case var mode:
                throw new ArgumentException($"The mode '{mode}' is not known; memory and durable are. {Examples}", parameter);
        }
    }
}
