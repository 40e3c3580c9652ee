using ExactlyOnce.Testing.Fuzzing;

namespace ExactlyOnce.Testing.Tests.Fuzzing;

/// <summary>Every input that the fuzzer has ever failed with, and the corpus it begins with, in <c>tests/ExactlyOnce.Torture/Fuzzing</c>.</summary>
public sealed class RegressionTests
{
    public static TheoryData<string> Targets => [.. FuzzTargets.Create().Select(target => target.Name)];

    [Theory]
    [MemberData(nameof(Targets))]
    public void No_input_of_the_corpus_and_none_that_once_failed_breaks_a_guard_rail(string target)
    {
        var execution = new GuardedExecution(FuzzTargets.Create(target));
        var inputs = InputsOf("Corpus", target).Concat(InputsOf("Regressions", target)).ToList();

        inputs.Should().NotBeEmpty("a target has a corpus in the repository");
        foreach (var (path, bytes) in inputs)
            execution.Run(bytes).Should().BeNull($"'{path}' is an input that the parser must survive");
    }

    [Theory]
    [MemberData(nameof(Targets))]
    public void What_the_product_writes_today_passes_every_target(string target)
    {
        var fuzzed = FuzzTargets.Create(target);

        foreach (var seed in fuzzed.Seeds())
            fuzzed.Body.Invoking(body => body(seed)).Should().NotThrow("the product reads what it wrote");
    }

    [Fact]
    public void Every_folder_of_the_corpus_belongs_to_a_target()
    {
        var names = FuzzTargets.Create().Select(target => target.Name).ToHashSet();

        foreach (var kind in new[] { "Corpus", "Regressions" })
            if (Directory.Exists(FolderOf(kind)))
                Directory.EnumerateDirectories(FolderOf(kind)).Select(Path.GetFileName).Should().BeSubsetOf(names);
    }

    private static string FolderOf(string kind) => Path.Combine(AppContext.BaseDirectory, "Fuzzing", kind);

    private static IEnumerable<(string Path, byte[] Bytes)> InputsOf(string kind, string target)
    {
        var folder = Path.Combine(FolderOf(kind), target);
        return Directory.Exists(folder) ? Directory.EnumerateFiles(folder).Select(path => (path, File.ReadAllBytes(path))) : [];
    }
}
