using System.Reflection;
using System.Text.RegularExpressions;
using ExactlyOnce.Tests.Engine.Disk;
using Xunit.Abstractions;

namespace ExactlyOnce.Tests.Museum;

/// <summary>
/// The museum's inventory: bugs that systems like this one really had. Each stands as a test named after it, <c>Museum_T01_DelayedEndTxn</c>, or has a line in
/// CannotHappenHere.*.txt that says why it has no place here. The family W, of parsers and the wire, belongs to the endpoint and its tests.
/// </summary>
public sealed partial class MuseumCatalogueTests(ITestOutputHelper output)
{
    /// <summary>Families whose rooms are furnished: every exhibit of them must stand.</summary>
    private const string FurnishedFamilies = "TPSCGRN";

    private static readonly (char Family, int Exhibits)[] s_families = [('T', 33), ('P', 21), ('S', 38), ('C', 10), ('G', 17), ('R', 11), ('N', 7)];

    [Fact]
    public void Every_exhibit_is_a_test_or_a_line_that_says_why_it_cannot_happen_here_and_never_both()
    {
        var (tests, reasons) = (Tests(), Reasons());
        var furnished = Ids().Where(id => FurnishedFamilies.Contains(id[0])).ToList();

        furnished.Where(id => !tests.Contains(id) && !reasons.ContainsKey(id)).Should().BeEmpty("no exhibit is skipped silently");
        Ids().Where(id => tests.Contains(id) && reasons.ContainsKey(id)).Should().BeEmpty("what is tested can happen");
        output.WriteLine($"{furnished.Count} exhibits in the families {FurnishedFamilies}: {furnished.Count(tests.Contains)} tested, {furnished.Count(reasons.ContainsKey)} with a reason");
    }

    [Fact]
    public void Nothing_stands_here_that_is_not_in_the_inventory() => Tests().Concat(Reasons().Keys).Except(Ids()).Should().BeEmpty();

    [Fact]
    public void Every_reason_is_a_sentence() => Reasons().Where(reason => !Sentence().IsMatch(reason.Value)).Should().BeEmpty();

    private static List<string> Ids() =>
        [.. s_families.SelectMany(family => Enumerable.Range(1, family.Exhibits).Select(number => $"{family.Family}{number:00}"))];

    /// <summary>
    /// An exhibit that is skipped has no place here, unless the platform is missing what it is about: it stands then, and the run says that it did not run.
    /// </summary>
    private static HashSet<string> Tests() =>
    [
        .. from type in typeof(MuseumCatalogueTests).Assembly.GetTypes()
           from method in type.GetMethods(BindingFlags.Public | BindingFlags.Instance)
           where method.GetCustomAttribute<FactAttribute>() is { Skip: null } or PlatformFactAttribute
           let name = TestName().Match(method.Name)
           where name.Success
           select name.Groups["id"].Value,
    ];

    private static Dictionary<string, string> Reasons() =>
        Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "Museum"), "CannotHappenHere.*.txt")
            .SelectMany(File.ReadAllLines)
            .Where(line => line.Length > 0 && !line.StartsWith('#'))
            .Select(line => line.Split(": ", 2))
            .ToDictionary(parts => parts[0], parts => parts.Length == 2 ? parts[1] : "");

    [GeneratedRegex("^Museum_(?<id>[A-Z][0-9]{2})_[A-Z]")]
    private static partial Regex TestName();

    /// <summary>A capital letter, at least five words, a full stop.</summary>
    [GeneratedRegex(@"^[A-Z]\S*(\s+\S+){4,}\.$")]
    private static partial Regex Sentence();
}
