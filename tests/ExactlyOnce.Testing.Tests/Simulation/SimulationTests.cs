using ExactlyOnce.Testing.Simulation;

namespace ExactlyOnce.Testing.Tests.Simulation;

/// <summary>The simulator itself, a few hundred crashes of a whole broker, and every seed that ever found something.</summary>
public sealed class SimulationTests
{
    private const int SeedsPerTest = 15;

    [Fact]
    public void A_seed_does_the_same_every_time()
    {
        for (var seed = 1UL; seed <= 5; seed++)
            Simulator.Run(seed).Hash.Should().Be(Simulator.Run(seed).Hash);
    }

    [Fact]
    public void Different_seeds_do_different_things() =>
        Enumerable.Range(1, 20).Select(seed => Simulator.Run((ulong)seed).Hash).Should().OnlyHaveUniqueItems();

    [Theory]
    [InlineData(1_000_000)]
    [InlineData(2_000_000)]
    [InlineData(3_000_000)]
    [InlineData(4_000_000)]
    public void No_crash_takes_repeats_tears_or_shows_what_it_must_not(ulong first)
    {
        var crashes = 0L;
        for (var seed = first; seed < first + SeedsPerTest; seed++)
            crashes += Pass(Simulator.Run(seed)).Counts.Crashes;
        crashes.Should().BeGreaterThan(SeedsPerTest);
    }

    [Theory]
    [MemberData(nameof(FoundSeeds))]
    public void What_a_seed_once_found_stays_mended(string file, string line)
    {
        file.Should().NotBeEmpty();
        Pass(RunLine(line));
    }

    [Fact]
    public void A_run_can_be_shortened_and_written_down_and_read_back()
    {
        var whole = Simulator.Run(7);
        var part = whole.Steps.Where((_, index) => index % 2 == 0).ToList();

        SimulationStep.ParseAll(string.Join(' ', part)).Should().Equal(part);
        Pass(Simulator.Run(7, part)).Hash.Should().NotBe(whole.Hash);
    }

    [Fact]
    public void A_disk_that_lies_is_refused_or_shows_records_that_were_written()
    {
        var refused = 0;
        var shown = 0;
        for (var seed = 1UL; refused == 0 || shown == 0; seed++)
        {
            seed.Should().BeLessThan(2000, "of a hundred such disks some are refused, and some are not");
            if (SimulationPlan.Draw(seed) is not { Damage: not null } plan)
                continue;
            var lines = Pass(Simulator.Run(seed, StepDrawing.Draw(plan), keepsLines: true)).Trace.Lines;
            refused += lines.Count(line => line.StartsWith("refused: ", StringComparison.Ordinal));
            shown += lines.SkipWhile(line => !line.Contains("DamageMet", StringComparison.Ordinal)).Count(line => line.Contains("RecordsAnswer", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void Work_on_another_thread_is_found()
    {
        var clock = new VirtualTime(new ThreadGuard());
        Exception? caught = null;
        var thread = new Thread(() => caught = Record.Exception(() => clock.GetUtcNow()));
        thread.Start();
        thread.Join();

        caught.Should().BeOfType<InvalidOperationException>().Which.Message.Should().Contain("another thread");
    }

    [Fact]
    public void Timers_fire_at_their_times_whatever_the_wall_clock_is_set_to()
    {
        var guard = new ThreadGuard();
        var (clock, queue) = (new VirtualTime(guard), new WorkQueue(guard));
        var fired = new List<long>();
        using var timer = clock.CreateTimer(_ => fired.Add(clock.MonotonicMs), null, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(2));
        var begin = clock.MonotonicMs;

        clock.Jump(TimeSpan.FromHours(-1));
        for (var second = 0; second < 6; second++)
        {
            clock.Advance(TimeSpan.FromSeconds(1), queue);
            queue.RunAll();
        }

        fired.Select(at => at - begin).Should().Equal(1000, 3000, 5000);
        clock.WallMs.Should().Be(clock.MonotonicMs - 3_600_000);
    }

    public static TheoryData<string, string> FoundSeeds()
    {
        var found = new TheoryData<string, string>();
        foreach (var file in Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "Simulation", "seeds"), "*.txt").Order(StringComparer.Ordinal))
            foreach (var line in File.ReadAllLines(file))
                if (line.Length > 0 && line[0] != '#')
                    found.Add(Path.GetFileName(file), line);
        return found;
    }

    /// <summary>A line is a seed, with its steps behind it when they were shortened.</summary>
    private static SimulationResult RunLine(string line)
    {
        var parts = line.Split(' ', 2);
        var seed = ulong.Parse(parts[0], System.Globalization.CultureInfo.InvariantCulture);
        return parts.Length == 1 ? Simulator.Run(seed) : Simulator.Run(seed, SimulationStep.ParseAll(parts[1]));
    }

    private static SimulationResult Pass(SimulationResult result)
    {
        if (result.Failure is not null)
            Assert.Fail(FailureReport.Of(result));
        return result;
    }
}
