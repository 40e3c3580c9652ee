using ExactlyOnce.Hosting.Health;
using ExactlyOnce.Hosting.Running;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;

namespace ExactlyOnce;

/// <summary>Adds ExactlyOnce to an application's health checks.</summary>
public static class ExactlyOnceHealthChecksBuilderExtensions
{
    /// <summary>
    /// Checks a broker: opened and recovered, disk healthy, every pipeline running (unhealthy when not); no transaction stuck, no pipeline in front of a record
    /// it fails on (degraded when one is). The data of the result has a sentence for each finding.
    /// </summary>
    /// <param name="builder">The health checks.</param>
    /// <param name="broker">The broker's name; null for the broker without one.</param>
    /// <param name="name">The check's name; null for <c>exactlyonce</c>, with the broker's name behind it.</param>
    /// <param name="failureStatus">The status when the broker does not work; null for unhealthy.</param>
    /// <param name="tags">Tags to select the check by; null for <c>ready</c>.</param>
    /// <param name="timeout">How long the check may take; null for no limit.</param>
    public static IHealthChecksBuilder AddExactlyOnce(
        this IHealthChecksBuilder builder, string? broker = null, string? name = null, HealthStatus? failureStatus = null, IEnumerable<string>? tags = null, TimeSpan? timeout = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var key = broker ?? Options.DefaultName;
        return builder.Add(new HealthCheckRegistration(
            name ?? (key.Length == 0 ? "exactlyonce" : $"exactlyonce-{key}"),
            provider => new ExactlyOnceHealthCheck(provider.GetKeyedService<HostedBroker>(key)
                ?? throw new InvalidOperationException(key.Length == 0 ? "There is no broker to check: call services.AddExactlyOnce()." : $"There is no broker '{key}' to check: call services.AddExactlyOnce(\"{key}\").")),
            failureStatus,
            tags ?? ["ready"],
            timeout));
    }
}
