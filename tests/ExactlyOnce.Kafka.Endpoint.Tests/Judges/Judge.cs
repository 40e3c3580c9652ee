using System.Diagnostics;
using ExactlyOnce.Tests;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Judges;

/// <summary>A client that nobody here wrote, with the script that lies beside these tests in the client's own language.</summary>
internal sealed class Judge
{
    private static readonly string s_folder = Repository.PathOf("tests/ExactlyOnce.Kafka.Endpoint.Tests/Judges");

    private static readonly Dictionary<string, Judge> s_all = new()
    {
        [Kcat] = new("bash", "kcat.sh", () => OnPath("bash") && OnPath("kcat") ? null : "It takes bash and kcat: install kcat."),
        [KafkaPython] = new(Python, "kafka_python.py", () => PythonHas("kafka") ? null : "It takes kafka-python for the system's Python: install python3-kafka."),
        [ConfluentPython] = new(Python, "confluent_python.py", () => PythonHas("confluent_kafka") ? null : "It takes confluent-kafka for the system's Python: install python3-confluent-kafka."),
        [KafkaJs] = new("node", "kafkajs.mjs", () => NodeHas("kafkajs") ? null : $"It takes node and kafkajs: install Node.js, then run 'npm ci' in {s_folder}."),
        [Platformatic] = new("node", "platformatic.mjs", () => NodeHas("@platformatic/kafka") ? null : $"It takes node and @platformatic/kafka: install Node.js 20.19 or later, then run 'npm ci' in {s_folder}."),
    };

    private readonly string _program;
    private readonly string _script;

    private Judge(string program, string script, Func<string?> findMissing)
    {
        _program = program;
        _script = script;
        Missing = findMissing();
    }

    public const string Kcat = "kcat";
    public const string KafkaPython = "kafka-python";
    public const string ConfluentPython = "confluent-kafka-python";
    public const string KafkaJs = "kafkajs";
    public const string Platformatic = "@platformatic/kafka";

    /// <summary>Debian's packages are those of Debian's own Python, whatever else is first on the PATH.</summary>
    private const string Python = "/usr/bin/python3";

    /// <summary>What is to be installed before this judge can judge; null when nothing is.</summary>
    public string? Missing { get; }

    public static Judge Of(string client) => s_all[client];

    /// <summary>Starts the script.</summary>
    /// <param name="servers">Where to connect to.</param>
    /// <param name="scenario">What to do there.</param>
    /// <param name="environment">Set for the script.</param>
    public JudgeRun Start(string servers, string[] scenario, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(_program, [Path.Combine(s_folder, _script), servers, .. scenario]);
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        return new JudgeRun(start);
    }

    private static bool OnPath(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(folder => File.Exists(Path.Combine(folder, program)));

    private static bool PythonHas(string module) => File.Exists(Python) && Succeeds(Python, "-c", $"import {module}");

    private static bool NodeHas(string package) => OnPath("node") && Succeeds("node", "--input-type=module", "--eval", $"await import('{package}')");

    private static bool Succeeds(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { WorkingDirectory = s_folder, RedirectStandardOutput = true, RedirectStandardError = true })!;
        process.StandardError.ReadToEndAsync();
        process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0;
    }
}

/// <summary>A fact that needs a judge, and says what to install where he is missing.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class JudgeFactAttribute : FactAttribute
{
    public JudgeFactAttribute(string client) => Skip = Judge.Of(client).Missing;
}

/// <inheritdoc cref="JudgeFactAttribute"/>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class JudgeTheoryAttribute : TheoryAttribute
{
    public JudgeTheoryAttribute(string client) => Skip = Judge.Of(client).Missing;
}
