using System.Reflection;
using System.Text.RegularExpressions;
using ExactlyOnce.Tests;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Museum;

/// <summary>
/// The inventory of the family W, of parsers, the wire and security: each exhibit stands as a test, or a line of Exhibits.W.txt says where, or why it has no
/// place here.
/// </summary>
public sealed partial class MuseumCatalogueTests
{
    private const int Exhibits = 23;

    private static readonly List<MethodInfo> s_tests =
    [
        .. from type in typeof(MuseumCatalogueTests).Assembly.GetTypes()
           from method in type.GetMethods(BindingFlags.Public | BindingFlags.Instance)
           where method.GetCustomAttribute<FactAttribute>() is { Skip: null }
           select method,
    ];

    [Fact]
    public void Every_exhibit_is_a_test_or_a_line_and_never_both_and_there_is_nothing_else()
    {
        var named = s_tests.Select(test => TestName().Match(test.Name)).Where(match => match.Success).Select(match => match.Groups["id"].Value).Distinct();
        var all = named.Concat(Lines().Select(line => line.Id)).Order().ToList();

        all.Should().Equal(Enumerable.Range(1, Exhibits).Select(number => $"W{number:00}"));
    }

    [Fact]
    public void Whatever_stands_elsewhere_stands_there()
    {
        var tests = s_tests.Select(test => $"{test.DeclaringType!.Name}.{test.Name}").ToHashSet();

        Lines().SelectMany(line => line.Tests).Should().BeSubsetOf(tests).And.NotBeEmpty();
    }

    [Fact]
    public void Every_reason_is_a_sentence() => Lines().Where(line => line.Tests.Length == 0).Should().OnlyContain(line => Sentence().IsMatch(line.Reason));

    private static IEnumerable<(string Id, string[] Tests, string Reason)> Lines() =>
        from line in File.ReadAllLines(Repository.PathOf("tests/ExactlyOnce.Kafka.Endpoint.Tests/Museum/Exhibits.W.txt"))
        where line.Length > 0 && !line.StartsWith('#')
        let match = Line().Match(line)
        select match.Success ? (match.Groups["id"].Value, match.Groups["tests"].Value.Split(", ", StringSplitOptions.RemoveEmptyEntries), match.Groups["reason"].Value)
            : throw new FormatException($"Neither a place nor a reason: {line}");

    [GeneratedRegex("^Museum_(?<id>W[0-9]{2})_[A-Z]")]
    private static partial Regex TestName();

    [GeneratedRegex("^(?<id>W[0-9]{2})(?: as (?<tests>.+)|: (?<reason>.+))$")]
    private static partial Regex Line();

    /// <summary>A capital letter, at least five words, a full stop.</summary>
    [GeneratedRegex(@"^[A-Z]\S*(\s+\S+){4,}\.$")]
    private static partial Regex Sentence();
}
