using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace WorkerService;

internal static class Telemetry
{
    /// <summary>
    /// All it takes to see ExactlyOnce: its meter and its activity source, both called "ExactlyOnce". Exports to the console and, where OTEL_EXPORTER_OTLP_ENDPOINT says so, to a collector.
    /// </summary>
    public static void AddTelemetry(this HostApplicationBuilder builder)
    {
        var telemetry = builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService("order-worker"))
            .WithTracing(tracing => tracing.AddSource("ExactlyOnce").AddConsoleExporter())
            .WithMetrics(metrics => metrics.AddMeter("ExactlyOnce").AddConsoleExporter());
        if (!string.IsNullOrEmpty(builder.Configuration["OTEL_EXPORTER_OTLP_ENDPOINT"]))
            telemetry.UseOtlpExporter();
    }
}
