using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Testing.Tests.History;

/// <summary>
/// The files in <c>Invariants</c>: for each invariant, histories that break it, each caught under its name with its culprit, and histories that satisfy
/// all.
/// </summary>
public sealed class InvariantTests
{
    public static TheoryData<string, string> Bad() => All(scripted => scripted.Culprit is not null);

    public static TheoryData<string, string> Good() => All(scripted => scripted.Culprit is null);

    public static TheoryData<Invariant> Invariants() => [.. Enum.GetValues<Invariant>()];

    [Theory]
    [MemberData(nameof(Bad))]
    public void A_bad_history_is_caught_by_the_invariant_it_breaks(string file, string title)
    {
        var scripted = ScriptedHistory.All.Single(other => other.File == file && other.Title == title);

        var violations = HistoryChecker.Check(scripted.Events, scripted.Options);

        violations.Should().NotBeEmpty();
        violations.Select(violation => violation.Invariant).Distinct().Should().Equal([scripted.Invariant], string.Join("\n", violations));
        violations.Select(violation => violation.Message).Should().Contain(message => message.Contains(scripted.Culprit!, StringComparison.Ordinal));
        violations.Should().OnlyContain(violation => violation.Events.All(index => index >= 0 && index < scripted.Events.Count));
    }

    [Theory]
    [MemberData(nameof(Good))]
    public void A_good_history_passes_all_invariants(string file, string title)
    {
        var scripted = ScriptedHistory.All.Single(other => other.File == file && other.Title == title);

        HistoryChecker.Check(scripted.Events, scripted.Options).Should().BeEmpty();
    }

    [Theory]
    [MemberData(nameof(Invariants))]
    public void Each_invariant_has_three_bad_histories_and_a_good_one(Invariant invariant)
    {
        ScriptedHistory.All.Count(scripted => scripted.Invariant == invariant && scripted.Culprit is not null).Should().BeGreaterThanOrEqualTo(3);
        ScriptedHistory.All.Count(scripted => scripted.Invariant == invariant && scripted.Culprit is null).Should().BeGreaterThanOrEqualTo(1);
    }

    private static TheoryData<string, string> All(Func<ScriptedHistory, bool> predicate)
    {
        var data = new TheoryData<string, string>();
        foreach (var scripted in ScriptedHistory.All.Where(predicate))
            data.Add(scripted.File, scripted.Title);
        return data;
    }
}
