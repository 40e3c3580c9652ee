using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace ExactlyOnce.Sql.Tests.Databases;

/// <summary>
/// A PostgreSQL server of our own: in a temporary folder, on loopback, as an ordinary user, started by the first test that needs it and stopped when the tests
/// are over. It does not sync: it is our processes that are killed here, not the machine.
/// </summary>
internal sealed class PostgresServer
{
    private const string UserName = "tests";

    private static readonly Lazy<PostgresServer> s_running = new(() => new PostgresServer());
    private static int s_databases;

    private readonly string _folder;
    private readonly Process _process;
    private readonly int _port;

    private PostgresServer()
    {
        _folder = Directory.CreateTempSubdirectory("exactlyonce-postgres-").FullName;
        // For a run that is broken off; otherwise StoppingFramework has done it by then.
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Stop();
        _port = FindPort();
        var data = Path.Combine(_folder, "data");
        if (Environment.IsPrivilegedProcess)
            Run("chown", "postgres", _folder);
        RunAsUser("initdb", "-D", data, "-U", UserName, "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C");
        _process = StartAsUser(
            "postgres", "-D", data, "-h", "127.0.0.1", "-p", $"{_port}", "-k", _folder, "-c", "fsync=off", "-c", "max_connections=200",
            "-c", "logging_collector=off");
        WaitUntilItAnswers();
    }

    /// <summary>Why there is no PostgreSQL here; null when there is.</summary>
    public static string? Missing { get; } = FindMissing();

    public static string CreateDatabase()
    {
        var server = s_running.Value;
        var name = $"tests_{Interlocked.Increment(ref s_databases)}";
        using var connection = new NpgsqlConnection(server.ConnectionString("postgres"));
        connection.Open();
        using var command = new NpgsqlCommand($"CREATE DATABASE {name}", connection);
        command.ExecuteNonQuery();
        return server.ConnectionString(name);
    }

    public static void StopIfRunning()
    {
        if (s_running.IsValueCreated)
            s_running.Value.Stop();
    }

    private string ConnectionString(string database) => $"Host=127.0.0.1;Port={_port};Username={UserName};Database={database};Maximum Pool Size=20;Timeout=30";

    private static string? FindMissing()
    {
        if (Find("initdb") is null || Find("postgres") is null)
            return "needs PostgreSQL: apt-get install postgresql";
        if (Environment.IsPrivilegedProcess && !File.ReadLines("/etc/passwd").Any(line => line.StartsWith("postgres:", StringComparison.Ordinal)))
            return "needs the user 'postgres', because PostgreSQL does not run as root: apt-get install postgresql";
        return null;
    }

    private static string? Find(string program)
    {
        const string debian = "/usr/lib/postgresql";
        var versions = Directory.Exists(debian) ? Directory.EnumerateDirectories(debian).Select(version => Path.Combine(version, "bin")) : [];
        var path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':');
        return versions.Concat(path).Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);
    }

    private static int FindPort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private void WaitUntilItAnswers()
    {
        var patience = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                using var connection = new NpgsqlConnection(ConnectionString("postgres") + ";Pooling=false");
                connection.Open();
                return;
            }
            catch (NpgsqlException) when (!_process.HasExited && patience.Elapsed < TimeSpan.FromSeconds(60))
            {
                Thread.Sleep(50);
            }
        }
    }

    private void Stop()
    {
        // SIGINT is its fast shutdown: it aborts what is open and ends.
        if (_process is { HasExited: false })
        {
            Run("kill", "-INT", $"{_process.Id}");
            if (!_process.WaitForExit(TimeSpan.FromSeconds(10)))
                _process.Kill(entireProcessTree: true);
        }
        if (Directory.Exists(_folder))
            Directory.Delete(_folder, recursive: true);
    }

    private static void RunAsUser(string program, params string[] arguments)
    {
        using var process = StartAsUser(program, arguments);
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{program} ended with {process.ExitCode}.");
    }

    private static void Run(string program, params string[] arguments) => Process.Start(program, arguments)!.WaitForExit();

    // setpriv becomes the program, so that its process is ours to signal.
    private static Process StartAsUser(string program, params string[] arguments)
    {
        string[] asUser = Environment.IsPrivilegedProcess ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] : [];
        string[] all = [.. asUser, Find(program)!, .. arguments];
        var start = new ProcessStartInfo(all[0], all[1..]) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = "/" };
        var process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start.");
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }
}
