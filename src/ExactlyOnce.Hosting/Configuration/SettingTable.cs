using System.Globalization;
using Microsoft.Extensions.Configuration;

namespace ExactlyOnce.Hosting.Configuration;

/// <summary>
/// The settings that may stand in a section, each with how its text is read. Written by hand and not bound by reflection: it is trimmed and compiled ahead of
/// time without a warning, and a mistake is reported with its path and with what to write.
/// </summary>
internal sealed class SettingTable<TOptions>
{
    private readonly SortedDictionary<string, Func<TOptions, string, string?>> _settings = new(StringComparer.OrdinalIgnoreCase);
    private readonly HashSet<string> _sections = new(StringComparer.OrdinalIgnoreCase);

    public SettingTable<TOptions> Time(string name, Action<TOptions, TimeSpan> set) => Add(name, SettingText.TryReadTime, set, SettingText.TimeForm);

    public SettingTable<TOptions> Bytes(string name, Action<TOptions, long> set) => Add(name, SettingText.TryReadBytes, set, SettingText.BytesForm);

    public SettingTable<TOptions> Count(string name, Action<TOptions, int> set) => Add(name, TryReadCount, set, "Write a whole number.");

    public SettingTable<TOptions> Flag(string name, Action<TOptions, bool> set) => Add(name, bool.TryParse, set, "Write true or false.");

    public SettingTable<TOptions> Text(string name, Action<TOptions, string> set) => Add(name, TryReadText, set, "Write a text.");

    public SettingTable<TOptions> Choice<TEnum>(string name, Action<TOptions, TEnum> set) where TEnum : struct, Enum =>
        Add(name, TryReadChoice, set, $"Write {string.Join(" or ", Enum.GetNames<TEnum>())}.");

    /// <summary>A section that somebody else reads.</summary>
    public SettingTable<TOptions> Section(string name)
    {
        _sections.Add(name);
        return this;
    }

    /// <summary>Sets what the section says; what it cannot mean goes to <paramref name="mistakes"/>.</summary>
    public void Apply(IConfigurationSection section, TOptions options, ICollection<string> mistakes)
    {
        foreach (var child in section.GetChildren())
        {
            if (_sections.Contains(child.Key))
                continue;
            if (!_settings.TryGetValue(child.Key, out var set))
                mistakes.Add($"{child.Path} is not a setting. Settings here are {string.Join(", ", _settings.Keys.Concat(_sections))}.");
            else if (set(options, child.Value ?? "") is { } mistake)
                mistakes.Add($"{child.Path} is '{child.Value}'. {mistake}");
        }
    }

    /// <exception cref="InvalidRequestException">The section says something it cannot mean.</exception>
    public void ApplyOrThrow(IConfigurationSection? section, TOptions options)
    {
        if (section is null)
            return;
        var mistakes = new List<string>();
        Apply(section, options, mistakes);
        if (mistakes.Count > 0)
            throw new InvalidRequestException(ErrorCode.InvalidConfig, string.Join(' ', mistakes));
    }

    private delegate bool TryRead<TValue>(string text, out TValue value);

    private SettingTable<TOptions> Add<TValue>(string name, TryRead<TValue> tryRead, Action<TOptions, TValue> set, string form)
    {
        _settings.Add(name, (options, text) =>
        {
            if (!tryRead(text, out var value))
                return form;
            set(options, value);
            return null;
        });
        return this;
    }

    private static bool TryReadCount(string text, out int value) => int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value);

    private static bool TryReadText(string text, out string value)
    {
        value = text;
        return text.Length > 0;
    }

    // A number is no choice, though the parser would take it.
    private static bool TryReadChoice<TEnum>(string text, out TEnum value) where TEnum : struct, Enum =>
        Enum.TryParse(text, ignoreCase: true, out value) && char.IsLetter(text[0]);
}
