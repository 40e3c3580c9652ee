using System.Globalization;
using System.Net;
using System.Net.Sockets;
using ExactlyOnce.Torture.Kills;

namespace ExactlyOnce.Torture.Wire;

/// <summary>A broker's process and a client's, each started again as soon as it was killed: on the same folder and the same port.</summary>
internal sealed class WireLives : IDisposable
{
    // Below the ports that the system gives to outgoing connections: one of those would be in the way of the next life.
    private const int FirstPort = 20_000;
    private const int LastPort = 30_000;
    private const int KilledBySignal = 128 + 9;

    private static readonly TimeSpan s_openingPatience = TimeSpan.FromMinutes(1);

    private readonly string _folder;
    private readonly int _port;
    private readonly Progress _progress;
    private readonly List<string> _failures;
    private ChildProcess _server;
    private ChildProcess? _client;
    private string[] _clientArguments = [];
    private long _commits;

    public WireLives(string folder, Random random, Progress progress, List<string> failures)
    {
        (_folder, Random, _progress, _failures) = (folder, random, progress, failures);
        _port = FindPort(random);
        _server = StartServer();
        if (!_server.WaitUntilWorking(s_openingPatience))
            Fail("The broker did not open.");
    }

    public Random Random { get; }

    public string Servers => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{_port}");

    public bool HasFailed
    {
        get
        {
            lock (_failures)
                return _failures.Count > 0;
        }
    }

    public bool IsClientDone => _client is { HasExited: true };

    public void Fail(string what)
    {
        lock (_failures)
            if (_failures.Count < 10)
                _failures.Add(what);
    }

    /// <summary>Kills the broker and starts it again; returns before it has opened, so that the next kill may hit that.</summary>
    public void KillServer()
    {
        Kill(_server, "broker");
        _server = StartServer();
    }

    public void StartClient(long records, int step)
    {
        _clientArguments = [WireCopyChild.Name, Servers, records.ToString(CultureInfo.InvariantCulture), step.ToString(CultureInfo.InvariantCulture)];
        _client = StartClient();
    }

    public void KillClient()
    {
        Kill(_client!, "client");
        _client = StartClient();
    }

    /// <summary>Waits until there were so many commits in all; false when the client is done before, or does not get on.</summary>
    public bool WaitForCommits(long count, TimeSpan patience)
    {
        while (Interlocked.Read(ref _commits) < count)
        {
            var before = Interlocked.Read(ref _commits);
            if (!SpinWait.SpinUntil(() => Interlocked.Read(ref _commits) > before || IsClientDone, patience))
            {
                Fail($"The client did not get on. {Errors}");
                return false;
            }
            if (IsClientDone)
                return Interlocked.Read(ref _commits) >= count;
        }
        return true;
    }

    public void WaitForClient(TimeSpan patience)
    {
        if (!_client!.WaitForExit(patience))
            Fail($"The client did not come to an end. {Errors}");
        else if (_client.ExitCode != 0)
            Fail($"The client ended with {_client.ExitCode}. {Errors}");
    }

    public void Dispose()
    {
        _client?.Dispose();
        _server.Dispose();
    }

    private string Errors => $"client: {_client?.Errors} broker: {_server.Errors}";

    private ChildProcess StartServer()
    {
        ChildFolders.EmptyLimbo(_folder);
        return new ChildProcess(
            [WireServerChild.Name, _folder, _port.ToString(CultureInfo.InvariantCulture), Random.Next().ToString(CultureInfo.InvariantCulture)],
                static _ => { });
    }

    private ChildProcess StartClient() => new(_clientArguments, OnLine);

    private void OnLine(string line)
    {
        var word = line.Split(' ')[0];
        if (word == "copied")
            Interlocked.Increment(ref _commits);
        _progress.Say(line);
        _progress.Count(word switch { "copied" => "commits", "aborted" => "aborts", _ => "clients made again" });
    }

    private void Kill(ChildProcess child, string kind)
    {
        // Killed by nobody but us: a broker that was refused by its folder, or a client that gave up, ends by itself.
        var hadExited = child.HasExited;
        child.KillAndDrain();
        if (hadExited && (child.ExitCode != 0 || kind == "broker"))
            Fail($"The {kind} ended by itself with {child.ExitCode}: {child.Errors}");
        else if (!hadExited && child.ExitCode is not (KilledBySignal or 0))
            Fail($"The {kind} ended with {child.ExitCode}: {child.Errors}");
        child.Dispose();
        _progress.Count($"kills of the {kind}");
    }

    private static int FindPort(Random random)
    {
        while (true)
        {
            var port = random.Next(FirstPort, LastPort);
            try
            {
                using var probe = new TcpListener(IPAddress.Loopback, port);
                probe.Start();
                return port;
            }
            catch (SocketException)
            {
                // Somebody else's.
            }
        }
    }
}
