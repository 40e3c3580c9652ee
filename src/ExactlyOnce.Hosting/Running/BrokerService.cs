using Microsoft.Extensions.Hosting;

namespace ExactlyOnce.Hosting.Running;

/// <summary>
/// Gives a broker its place in the host's life: open before any hosted service starts, pipelines after all have started; pipelines stop before any hosted
/// service does, and the broker closes after all have stopped, so that a request on its way can still publish.
/// </summary>
internal sealed class BrokerService(HostedBroker broker) : IHostedLifecycleService
{
    public Task StartingAsync(CancellationToken cancellationToken)
    {
        broker.Start();
        return Task.CompletedTask;
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken)
    {
        broker.RunPipelines();
        return Task.CompletedTask;
    }

    public Task StoppingAsync(CancellationToken cancellationToken) => broker.StopPipelinesAsync(cancellationToken);

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => broker.CloseAsync(cancellationToken);
}
