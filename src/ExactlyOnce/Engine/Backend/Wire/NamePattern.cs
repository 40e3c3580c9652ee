using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;

namespace ExactlyOnce.Engine.Backend.Wire;

/// <summary>
/// A client's regular expression for whole names. Kafka's are RE2's, which take linear time whatever they are; so do these, without look-around and back
/// references. How much a character may take is the client's choice all the same, and therefore a name has its time, and all names together have no more, and
/// they are never looked for under a lock, so that no client can hold the broker up with one.
/// </summary>
internal sealed class NamePattern
{
    private const int CharsMax = 4096;

    private static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(250);

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

    /// <summary>Those of <paramref name="items"/> whose name it matches, in their order.</summary>
    /// <exception cref="RegexMatchTimeoutException">It cannot be told of all of them in time.</exception>
    public List<T> Select<T>(IEnumerable<T> items, Func<T, string> nameOf, TimeProvider time)
    {
        var began = time.GetTimestamp();
        var selected = new List<T>();
        foreach (var item in items)
        {
            var name = nameOf(item);
            if (_regex.IsMatch(name))
                selected.Add(item);
            if (time.GetElapsedTime(began) > s_patience)
                throw new RegexMatchTimeoutException(name, $"{_regex}", s_patience);
        }
        return selected;
    }
}
