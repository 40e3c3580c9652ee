using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;

namespace ExactlyOnce.Engine.Backend.Wire;

/// <summary>
/// A client's regular expression for whole names. Kafka's are RE2's, which take linear time whatever they are; so do these, without look-around and back references, so that no client
/// can hold the broker up with one.
/// </summary>
internal sealed class NamePattern
{
    private const int CharsMax = 4096;

    private readonly Regex _regex;

    private NamePattern(Regex regex) => _regex = regex;

    public static bool TryParse(string text, [NotNullWhen(true)] out NamePattern? pattern)
    {
        pattern = null;
        if (text.Length > CharsMax)
            return false;
        try
        {
            pattern = new NamePattern(new Regex($@"\A(?:{text})\z", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant));
            return true;
        }
        catch (Exception exception) when (exception is ArgumentException or NotSupportedException)
        {
            return false;
        }
    }

    public bool IsMatch(string name) => _regex.IsMatch(name);
}
