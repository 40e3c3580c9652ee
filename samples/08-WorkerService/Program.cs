// A service that does its work exactly once and can be watched while it does: registered in the host, configured by appsettings.json, stopped without losing or repeating anything.
// Its health check tells a probe what is wrong; traces lead from the request that placed an order to the batch that billed it, and metrics say how much, how fast and how far behind.
// `dotnet run` works until Ctrl-C. `dotnet run -- --check` works for a moment and verifies itself, telemetry that arrived over OTLP included.
using ExactlyOnce;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using WorkerService;

using var check = args is ["--check"] ? new SelfCheck() : null;
var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { Args = args, ContentRootPath = AppContext.BaseDirectory });
check?.Configure(builder);

builder.Services.AddExactlyOnce()
    .AddTopic(Topics.Orders)
    .AddTopic(Topics.Invoices)
    .AddProducer(Topics.Orders)
    .AddPipeline("billing").Read(Topics.Orders, billing => billing.DeadLetterTo(Topics.DeadOrders)).ProcessedBy<Billing>();
builder.Services.AddHealthChecks().AddExactlyOnce();
builder.Services.AddHostedService<OrderIntake>();
builder.AddTelemetry();

using var host = builder.Build();
if (check is not null)
    return await check.RunAsync(host);
await host.RunAsync();
return 0;
