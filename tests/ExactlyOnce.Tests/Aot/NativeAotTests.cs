using System.Diagnostics;

namespace ExactlyOnce.Tests.Aot;

/// <summary>Alone at the end of the run: the native compiler takes every core there is, and tests of time must not wait for it.</summary>
[CollectionDefinition(nameof(NativeAotTests), DisableParallelization = true)]
public sealed class NativeAotCollection;

[Collection(nameof(NativeAotTests))]
public sealed class NativeAotTests : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(8);

    private readonly string _folder = Directory.CreateTempSubdirectory("exactly-once-aot-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [NativeFact]
    public async Task A_native_program_with_the_core_and_a_host_is_published_without_a_warning_and_runs()
    {
        var published = Path.Combine(_folder, "published");
        string[] linker = NativeToolChain.Compiler == "gcc" ? ["-p:CppCompilerAndLinker=gcc"] : [];

        // Every intermediate file goes to a folder of its own: the build that runs this test holds the project's. Warnings of the trimmer and of the
        // native compiler are errors, as everywhere in this repository; the analyzers have had their say in the ordinary build.
        var (built, log) = await RunAsync("dotnet",
            ["publish", Repository.PathOf("tests/ExactlyOnce.Aot/ExactlyOnce.Aot.csproj"), "-c", "Release", "--use-current-runtime",
             "-p:PublishAot=true", "-p:RunAnalyzers=false", "-p:UseSharedCompilation=false", "-nodeReuse:false",
             "--artifacts-path", Path.Combine(_folder, "artifacts"), "-o", published, .. linker]);
        built.Should().Be(0, log);
        log.Should().NotMatchRegex(@"\bwarning (IL|CS|MSB|NETSDK)?\d*:");

        var (ran, output) = await RunAsync(Path.Combine(published, "ExactlyOnce.Aot"), [Path.Combine(_folder, "broker")]);

        ran.Should().Be(0, output);
        output.ReplaceLineEndings("\n").Trim().Should().Be("12 invoices, 67 money\nhosted: 7, Healthy");
        File.Exists(Path.Combine(published, "ExactlyOnce.Aot.dll")).Should().BeFalse("a native program needs no assembly beside it");
    }

    private async Task<(int ExitCode, string Output)> RunAsync(string program, string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Repository.Root };
        // The build that started the tests leaves its own paths in the environment; another build must find its own.
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase)).ToList())
            start.Environment.Remove(name);

        using var process = Process.Start(start)!;
        using var patience = new CancellationTokenSource(s_patience);
        var output = process.StandardOutput.ReadToEndAsync(patience.Token);
        var errors = process.StandardError.ReadToEndAsync(patience.Token);
        try
        {
            await process.WaitForExitAsync(patience.Token);
            return (process.ExitCode, await output + await errors);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{program} took longer than {s_patience}.");
        }
    }
}
