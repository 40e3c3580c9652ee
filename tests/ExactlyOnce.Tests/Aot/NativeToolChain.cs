namespace ExactlyOnce.Tests.Aot;

/// <summary>What NativeAOT links with on this machine.</summary>
internal static class NativeToolChain
{
    /// <summary>The C compiler to link with; null when there is none.</summary>
    public static string? Compiler { get; } = OnPath("clang") ?? OnPath("gcc");

    /// <summary>Why nothing can be published here; null when it can.</summary>
    public static string? Missing { get; } =
        !OperatingSystem.IsLinux() && !OperatingSystem.IsMacOS() ? "The NativeAOT test runs on Linux and macOS only: elsewhere it would have to find another linker."
        : Compiler is null ? "NativeAOT links with clang or gcc, and neither is on the PATH."
        : null;

    private static string? OnPath(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(folder => File.Exists(Path.Combine(folder, program))) ? program : null;
}

/// <summary>A fact that needs the native tool chain, and says so where it is missing.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class NativeFactAttribute : FactAttribute
{
    public NativeFactAttribute() => Skip = NativeToolChain.Missing;
}
