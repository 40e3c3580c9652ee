using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace ExactlyOnce.Torture.Wire;

/// <summary>
/// A client's process with very many connections, from ten addresses of this machine, that ask for versions once and then are silent. Ends with its parent at
/// the latest.
/// </summary>
internal static class WireIdleChild
{
    public const string Name = "wire-idle-child";

    private const int Addresses = 10;
    private const int AtATime = 64;

    private static readonly byte[] s_versions = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xFF, 0xFF];
    private static readonly TimeSpan s_pulse = TimeSpan.FromSeconds(1);

    /// <summary>Arguments: address and port, number of connections.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        var (server, count) = (IPEndPoint.Parse(args[1]), int.Parse(args[2], CultureInfo.InvariantCulture));
        Console.Out.WriteLine("starting");
        var sockets = new Socket[count];
        var pace = new ParallelOptions { MaxDegreeOfParallelism = AtATime };
        await Parallel.ForEachAsync(Enumerable.Range(0, count), pace, async (number, _) => sockets[number] = await ConnectAsync(server, number));
        Console.Out.WriteLine("working");
        while (true)
        {
            await Task.Delay(s_pulse);
            Console.Out.WriteLine("alive");
            GC.KeepAlive(sockets);
        }
    }

    private static async Task<Socket> ConnectAsync(IPEndPoint server, int number)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Bind(new IPEndPoint(new IPAddress([127, 0, 0, (byte)(1 + (number % Addresses))]), 0));
        await socket.ConnectAsync(server);
        await socket.SendAsync(s_versions);
        var answer = new byte[sizeof(int)];
        await ReadAsync(socket, answer);
        await ReadAsync(socket, new byte[BinaryPrimitives.ReadInt32BigEndian(answer)]);
        return socket;
    }

    private static async Task ReadAsync(Socket socket, byte[] bytes)
    {
        for (var at = 0; at < bytes.Length;)
        {
            var read = await socket.ReceiveAsync(bytes.AsMemory(at));
            at += read > 0 ? read : throw new IOException("The endpoint has closed a connection.");
        }
    }
}
