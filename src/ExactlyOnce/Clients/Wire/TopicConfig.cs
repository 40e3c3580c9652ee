using System.Globalization;

namespace ExactlyOnce.Clients.Wire;

/// <summary>What a config's value is; the numbers are those of DescribeConfigs.</summary>
internal enum TopicConfigType : sbyte
{
    Boolean = 1,
    Text = 2,
    Int32 = 3,
    Int64 = 5,
    Number = 6,
    List = 7,
}

/// <summary>One of Kafka's topic configs.</summary>
internal sealed class TopicConfig
{
    private readonly Func<TopicOptions, string>? _read;
    private readonly Func<TopicOptions, string, bool>? _write;

    /// <summary>One that takes effect.</summary>
    public TopicConfig(string name, TopicConfigType type, Func<TopicOptions, string> read, Func<TopicOptions, string, bool> write)
    {
        Name = name;
        Type = type;
        _read = read;
        _write = write;
        Default = read(new TopicOptions());
    }

    /// <summary>One that is taken, so that whoever creates topics for Kafka can create them here, and means nothing here.</summary>
    public TopicConfig(string name, TopicConfigType type, string kafkaDefault)
    {
        Name = name;
        Type = type;
        Default = kafkaDefault;
    }

    public string Name { get; }

    public TopicConfigType Type { get; }

    /// <summary>What holds unless somebody says otherwise.</summary>
    public string Default { get; }

    public bool HasEffect => _read is not null;

    public string Read(TopicOptions options) => _read?.Invoke(options) ?? Default;

    /// <summary>Sets the value, null for the default; false when it is none, and then nothing is changed. Whether the topic can have it is <see cref="TopicAnswer"/>'s to say.</summary>
    public bool TryWrite(TopicOptions options, string? value)
    {
        value = (value ?? Default).Trim();
        return _write?.Invoke(options, value) ?? IsWellFormed(value);
    }

    private bool IsWellFormed(string value) => Type switch
    {
        TopicConfigType.Boolean => bool.TryParse(value, out _),
        TopicConfigType.Int32 => int.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _),
        TopicConfigType.Int64 => long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _),
        TopicConfigType.Number => double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out _),
        _ => true,
    };
}
