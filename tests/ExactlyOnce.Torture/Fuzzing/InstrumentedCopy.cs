using SharpFuzz;

namespace ExactlyOnce.Torture.Fuzzing;

/// <summary>
/// A copy of this program in a temporary folder whose ExactlyOnce.dll counts its branches. The build's own output is never touched: a benchmark or test that
/// ran against an instrumented assembly would measure the fuzzer.
/// </summary>
internal sealed class InstrumentedCopy : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("exactlyonce-fuzz-").FullName;

    public InstrumentedCopy()
    {
        Copy(AppContext.BaseDirectory, _folder);
        Fuzzer.Instrument(Path.Combine(_folder, "ExactlyOnce.dll"), IsInstrumented, Options.Value);
    }

    public string Program => Path.Combine(_folder, "ExactlyOnce.Torture.dll");

    public string Work => Directory.CreateDirectory(Path.Combine(_folder, "work")).FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>The clients' loops and the errors are not what is fuzzed; a checksum's inner loop would only fill the map.</summary>
    private static bool IsInstrumented(string type) => !type.EndsWith(".Crc32C", StringComparison.Ordinal);

    private static void Copy(string source, string target)
    {
        foreach (var directory in Directory.EnumerateDirectories(source, "*", SearchOption.AllDirectories))
            Directory.CreateDirectory(Path.Combine(target, Path.GetRelativePath(source, directory)));
        foreach (var file in Directory.EnumerateFiles(source, "*", SearchOption.AllDirectories))
            File.Copy(file, Path.Combine(target, Path.GetRelativePath(source, file)));
    }
}
