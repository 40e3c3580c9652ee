using System.Runtime.InteropServices;
using ExactlyOnce;
using ExactlyOnce.Kafka.Endpoint;
using KafkaServer;

if (args is ["--help" or "-h"])
{
    Console.WriteLine(Arguments.Usage);
    return 0;
}
if (Arguments.Parse(args, out var error) is not { } arguments)
{
    Console.Error.WriteLine($"{error}\n\n{Arguments.Usage}");
    return 2;
}

using var stop = new CancellationTokenSource();
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);

try
{
    await using var broker = await Broker.OpenAsync(arguments.Path, stop.Token);
    await using var endpoint = await KafkaEndpoint.StartAsync(broker, new KafkaEndpointOptions { Port = arguments.Port, AutoCreateTopics = true }, stop.Token);
    Console.WriteLine(Welcome.To(endpoint.BootstrapServers, Path.GetFullPath(arguments.Path)));
    await new LiveView(broker, endpoint).ShowUntilAsync(stop.Token);
    Console.WriteLine("Stopping: what was acknowledged is on disk.");
    return 0;
}
catch (OperationCanceledException)
{
    return 0;
}
catch (Exception exception) when (exception is BrokerException or IOException or UnauthorizedAccessException)
{
    // The folder is in use or damaged, or the port is taken: the message says what to do.
    Console.Error.WriteLine(exception.Message);
    return 1;
}

void Stop(PosixSignalContext signal)
{
    signal.Cancel = true;
    stop.Cancel();
}
