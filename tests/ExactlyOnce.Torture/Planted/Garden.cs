using System.Diagnostics;
using ExactlyOnce.Tests;

namespace ExactlyOnce.Torture.Planted;

/// <summary>
/// A copy of the repository in which bugs are planted one at a time, in the core or the endpoint, and of the programs that judge them, whose core and endpoint
/// are replaced by the planted ones. In a temporary folder, removed at the end.
/// </summary>
internal sealed class Garden : IDisposable
{
    /// <summary>The exit code of a program that was killed because it did not end.</summary>
    public const int Hung = -1;

    /// <summary>What bugs are planted in; the last one brings the others along.</summary>
    private static readonly string[] s_projects = ["ExactlyOnce", "ExactlyOnce.Kafka.Endpoint"];

    private readonly string _folder = Directory.CreateTempSubdirectory("exactlyonce-planted-").FullName;

    /// <summary>All of the repository, because tests look at its files.</summary>
    public Garden()
    {
        CopyTree(Repository.Root, _folder, static folder => folder is "bin" or "obj" or ".git");
        TortureFolder = CopyProgram("tests/ExactlyOnce.Torture", AppContext.BaseDirectory);
    }

    public string TortureFolder { get; }

    /// <summary>Adds a program's output to those whose core is replaced; answers where its copy is.</summary>
    public string CopyProgram(string project, string output)
    {
        var target = Path.Combine(_folder, project, "bin", "Release", "net10.0");
        CopyTree(output, target, static _ => false);
        return target;
    }

    /// <summary>
    /// Builds core and endpoint with the bug (or without any) and puts them into the judges' folders; answers the compiler's complaint if there is one.
    /// </summary>
    public string? Plant(PlantedBug? bug, params ReadOnlySpan<string> programs)
    {
        var (path, source) = ("", "");
        if (bug is not null)
        {
            path = Path.Combine(_folder, bug.File);
            source = File.ReadAllText(path);
            File.WriteAllText(path, bug.ApplyTo(source));
        }
        try
        {
            var (exitCode, output) = Run(
                "dotnet",
                ["build", Path.Combine(_folder, "src", s_projects[^1]), "-c", "Release", "-v", "q", "-nologo", "-p:RunAnalyzers=false", "-p:TreatWarningsAsErrors=false", "-p:UseSharedCompilation=true"],
                TimeSpan.FromMinutes(5));
            if (exitCode != 0)
                return output;
            foreach (var program in programs)
                foreach (var built in s_projects.Select(project => Path.Combine(_folder, "src", project, "bin/Release/net10.0", project + ".dll")))
                    if (Path.Combine(program, Path.GetFileName(built)) is var old && File.Exists(old))
                        File.Copy(built, old, overwrite: true);
            return null;
        }
        finally
        {
            if (bug is not null)
                File.WriteAllText(path, source);
        }
    }

    /// <summary>Runs a program and answers its exit code and what it said; one that does not end in time is killed, and answers <see cref="Hung"/>.</summary>
    public static (int ExitCode, string Output) Run(string program, IReadOnlyList<string> arguments, TimeSpan timeout)
    {
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        using var process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start.");
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        if (!process.WaitForExit(timeout))
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit();
            return (Hung, $"{output.GetAwaiter().GetResult()}\nIt did not end within {timeout}.");
        }
        return (process.ExitCode, output.GetAwaiter().GetResult() + errors.GetAwaiter().GetResult());
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static void CopyTree(string source, string target, Func<string, bool> isLeftOut)
    {
        Directory.CreateDirectory(target);
        foreach (var file in Directory.EnumerateFiles(source))
            File.Copy(file, Path.Combine(target, Path.GetFileName(file)));
        foreach (var folder in Directory.EnumerateDirectories(source))
            if (!isLeftOut(Path.GetFileName(folder)))
                CopyTree(folder, Path.Combine(target, Path.GetFileName(folder)), isLeftOut);
    }
}
