using ExactlyOnce;
using Invoicing;

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
Console.CancelKeyPress += (_, pressed) =>
{
    pressed.Cancel = true;
    stop.Cancel();
};

try
{
    if (arguments.Crash)
        return await CrashRun.RunAsync(arguments, stop.Token);

    var file = new OrderLineFile(arguments.File);
    var folder = arguments.IsChild ? arguments.Folder : Path.Combine(arguments.Folder, file.Fingerprint());
    var report = await InvoicingRun.RunAsync(file, folder, arguments.Pause, Console.WriteLine, stop.Token);
    Console.WriteLine($"\nReport ({Path.GetFileName(file.Path)})\n{report}");
    return report is { Duplicates: 0, Lost: 0 } ? 0 : 1;
}
catch (OperationCanceledException)
{
    Console.WriteLine("\nStopped. Run it again: it goes on where it stopped.");
    return 130;
}
catch (BrokerException exception)
{
    // In use by another process, damaged, full: the message says what to do.
    Console.Error.WriteLine(exception.Message);
    return 1;
}
