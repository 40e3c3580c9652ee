using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;

namespace ExactlyOnce.Engine.Backend.Wire;

/// <summary>
/// A client's regular expression for whole names. Kafka's are RE2's, which take linear time whatever they are; so do these, without look-around and back
/// references. How much a character may take is the client's choice all the same, and therefore a match has its time, and is never looked for under a lock, so
/// that no client can hold the broker up with one.
/// </summary>
internal sealed class NamePattern
{
    private const int CharsMax = 4096;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);

    private readonly Regex _regex;

    private NamePattern(Regex regex) => _regex = regex;

    public static bool TryParse(string text, [NotNullWhen(true)] out NamePattern? pattern)
    {
        pattern = null;
        if (text.Length > CharsMax)
            return false;
        try
        {
            pattern = new NamePattern(new Regex($@"\A(?:{text})\z", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant, s_patience));
            return true;
        }
        catch (Exception exception) when (exception is ArgumentException or NotSupportedException)
        {
            return false;
        }
    }

    /// <exception cref="RegexMatchTimeoutException">It cannot be told in time.</exception>
    public bool IsMatch(string name) => _regex.IsMatch(name);
}
