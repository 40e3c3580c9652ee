using System.Globalization;

namespace ExactlyOnce.Confluent;

/// <summary>What is read of a client's configuration. The last entry of a name wins, as in librdkafka.</summary>
internal class ClientSettings
{
    private static int s_clients;
    private readonly Dictionary<string, string> _entries = new(StringComparer.Ordinal);

    public ClientSettings(IEnumerable<KeyValuePair<string, string>> config, string kind)
    {
        ArgumentNullException.ThrowIfNull(config);
        foreach (var (name, value) in config)
            _entries[name] = value ?? throw new ArgumentNullException(nameof(config), $"'{name}' configuration parameter must not be null.");
        Name = $"{Text("client.id") ?? "exactlyonce"}#{kind}-{Interlocked.Increment(ref s_clients)}";
    }

    /// <summary>The client's name in logs and errors.</summary>
    public string Name { get; }

    public string? Text(string name) => _entries.GetValueOrDefault(name);

    public bool Flag(string name, bool otherwise) => Text(name) is { } text ? bool.Parse(text) : otherwise;

    public int Number(string name, int otherwise) => Text(name) is { } text ? int.Parse(text, CultureInfo.InvariantCulture) : otherwise;
}
