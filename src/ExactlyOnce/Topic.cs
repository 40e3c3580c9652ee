using ExactlyOnce.Serialization;

namespace ExactlyOnce;

/// <summary>Declares typed topics: name, key and value types and their serdes travel together and cannot be mixed up.</summary>
public static class Topic
{
    /// <summary>The longest name a topic may have, in characters; Kafka's limit.</summary>
    public const int MaxNameLength = 249;

    /// <summary>A topic with keys. The key decides the partition and, in a compacted topic, what replaces what.</summary>
    /// <exception cref="ArgumentException">The name is not 1 to 249 letters, digits, '.', '_' or '-', or is "." or "..".</exception>
    public static Topic<TKey, TValue> Create<TKey, TValue>(string name, ISerde<TKey> key, ISerde<TValue> value) => new(name, key, value);

    /// <summary>A topic without keys.</summary>
    /// <exception cref="ArgumentException">The name is not 1 to 249 letters, digits, '.', '_' or '-', or is "." or "..".</exception>
    public static Topic<NoKey, TValue> Create<TValue>(string name, ISerde<TValue> value) => new(name, NoKey.Serde, value);

    /// <summary>Throws unless <paramref name="name"/> may name a topic (Kafka: Topic.validate).</summary>
    /// <summary>Whether <see cref="ValidateName"/> would let it pass.</summary>
    internal static bool IsValidName(string name) =>
        name.Length is > 0 and <= MaxNameLength && name is not ("." or "..") && name.All(character => char.IsAsciiLetterOrDigit(character) || character is '.' or '_' or '-');

    internal static void ValidateName(string name, string parameter)
    {
        ArgumentException.ThrowIfNullOrEmpty(name, parameter);
        if (name is "." or "..")
            throw new ArgumentException($"A topic cannot be called '{name}'.", parameter);
        if (name.Length > MaxNameLength)
            throw new ArgumentException($"The topic name has {name.Length} characters; at most {MaxNameLength} are allowed.", parameter);
        foreach (var character in name)
            if (!char.IsAsciiLetterOrDigit(character) && character is not ('.' or '_' or '-'))
                throw new ArgumentException($"The topic name '{name}' contains '{character}'; letters, digits, '.', '_' and '-' are allowed.", parameter);
    }
}

/// <summary>A topic with its types: what a producer writes and a consumer reads.</summary>
/// <typeparam name="TKey">The type of keys; <see cref="NoKey"/> for none.</typeparam>
/// <typeparam name="TValue">The type of values.</typeparam>
public sealed class Topic<TKey, TValue>
{
    internal Topic(string name, ISerde<TKey> key, ISerde<TValue> value)
    {
        Topic.ValidateName(name, nameof(name));
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(value);
        if (key is IReferenceSerde)
            throw new ArgumentException("A key decides the partition by its bytes, and an object that is carried by reference has none: use Serdes.Reference for values.", nameof(key));
        Name = name;
        KeySerde = key;
        ValueSerde = value;
        HasReferences = value is IReferenceSerde;
    }

    /// <summary>The topic's name.</summary>
    public string Name { get; }

    /// <summary>How keys are written and read.</summary>
    public ISerde<TKey> KeySerde { get; }

    /// <summary>How values are written and read.</summary>
    public ISerde<TValue> ValueSerde { get; }

    /// <summary>Whether values are objects of this process and not bytes.</summary>
    internal bool HasReferences { get; }

    /// <summary>The topic's name.</summary>
    public override string ToString() => Name;
}
