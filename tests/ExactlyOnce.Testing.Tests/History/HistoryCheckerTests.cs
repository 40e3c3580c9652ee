using System.Diagnostics;
using CsCheck;
using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Testing.Tests.History;

public sealed class HistoryCheckerTests
{
    private static readonly Gen<IReadOnlyList<HistoryEvent>> s_histories =
        Gen.Select(Gen.Int[0, 1000], Gen.Int[0, 1000], Gen.Int[0, 1000], (kind, a, b) => new ModelStep(kind, a, b)).Array[0, 200].Select(ModelBroker.Run);

    [Fact]
    public void Every_history_of_a_broker_that_does_everything_right_passes() =>
        s_histories.Sample(history => HistoryChecker.Check(history).Should().BeEmpty(), print: Explain, iter: 3_000);

    [Fact]
    public void Every_single_corruption_of_a_legal_history_is_caught()
    {
        var made = Corruption.Kinds.ToDictionary(kind => kind, _ => 0);
        Gen.Select(s_histories, Gen.Int[0, Corruption.Kinds.Count - 1], Gen.Int[0, 1000]).Sample(
            (history, kind, where) =>
            {
                if (Corruption.Make(history, Corruption.Kinds[kind], where) is not { } corruption)
                    return;
                lock (made)
                    made[Corruption.Kinds[kind]]++;
                HistoryChecker.Check(corruption.History).Should().NotBeEmpty(corruption.What);
            },
            iter: 6_000);
        made.Values.Should().OnlyContain(count => count > 100, "each kind has to have had its chance: {0}", string.Join(", ", made));
    }

    [Fact]
    public void A_violation_is_reported_once_however_often_it_is_seen()
    {
        var history = HistoryScript.Parse(["s1 write 1 p0 -> @0", "s1 write 2 p0 -> @1", .. Enumerable.Repeat("a1 scan p0 -> p0 0..2: 2@1", 50)]);

        HistoryChecker.Check(history).Should().ContainSingle().Which.Events.Should().Equal(0, 1, 4, 5);
    }

    [Fact]
    public void All_violations_are_counted_and_the_first_of_each_invariant_are_kept()
    {
        var checker = new HistoryChecker(new CheckerOptions { ViolationsPerInvariantMax = 3 });
        for (var count = 0; count < 10; count++)
            checker.Add(new Observed(count, 0, new ResourceMeasured("memory", 2, 1)));
        checker.Add(new Observed(10, 0, new DerivedStateCompared("index", false)));

        checker.Complete().Should().HaveCount(4);
        checker.ViolationCount.Should().Be(11);
        checker.EventCount.Should().Be(11);
    }

    [Fact]
    public void A_violation_is_there_as_soon_as_it_happens()
    {
        var checker = new HistoryChecker();
        foreach (var next in HistoryScript.Parse(["s1 write 1 p0 -> @0", "s2 write 2 p0 -> @0"]))
            checker.Add(next);

        checker.Violations.Should().ContainSingle().Which.ToString().Should()
            .Be("I5 OneValuePerOffset: value 2 of session 2 at p-0 is acknowledged at offset 0, where value 1 of session 1 at p-0 offset 0 stands, noticed at process 2, 22 ms. (events 0, 1, 2, 3)");
    }

    [Theory]
    [InlineData("s1 write 1 p0 #w|#w -> @0|#w -> @0", "*answered*twice*")]
    [InlineData("s1 write 1 p0 -> @0|s1 write 1 p0 -> @1", "*Value 1 is written twice*")]
    public void What_is_no_history_is_refused(string script, string message)
    {
        var act = () => HistoryChecker.Check(HistoryScript.Parse(script.Split('|')));

        act.Should().Throw<ArgumentException>().WithMessage(message);
    }

    [Fact]
    public void A_recorded_history_can_be_given_to_others()
    {
        var (first, second) = (new HistoryRecorder(), new HistoryRecorder());
        var history = HistoryScript.Parse(["s1 write 1 p0 -> @0", "a1 scan p0 -> p0 0..1: 1@0"]);
        foreach (var next in history)
            first.Add(next);

        first.CopyTo(new TeeHistory(second, new HistoryChecker()));

        second.Events.Should().Equal(history);
    }

    /// <summary>
    /// Linear, not quadratic: ten times the records may take sixty times as long on a busy machine, not a hundred. <c>ExactlyOnce.Torture -- history</c>
    /// measures.
    /// </summary>
    [Fact]
    public void A_long_history_is_checked_in_time_that_grows_with_its_length()
    {
        var small = CheckLong(20_000);
        var large = CheckLong(200_000);

        large.Should().BeLessThan(TimeSpan.FromTicks(small.Ticks * 60) + TimeSpan.FromSeconds(1));
    }

    private static TimeSpan CheckLong(long records)
    {
        var history = LongHistory.Make(records);
        var started = Stopwatch.GetTimestamp();
        HistoryChecker.Check(history).Should().BeEmpty();
        return Stopwatch.GetElapsedTime(started);
    }

    private static string Explain(IReadOnlyList<HistoryEvent> history) =>
        string.Join("\n", history.Select((next, index) => $"{index}: {next}"));
}
