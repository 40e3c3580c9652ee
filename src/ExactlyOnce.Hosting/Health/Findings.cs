using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace ExactlyOnce.Hosting.Health;

/// <summary>What a health check has found, each finding under the name of what it is about.</summary>
internal sealed class Findings
{
    private readonly Dictionary<string, object> _found = new(StringComparer.Ordinal);
    private Exception? _failure;
    private bool _isFailure;

    public void Degrade(string about, string finding) => _found[about] = _found.TryGetValue(about, out var known) ? $"{known} {finding}" : finding;

    public void Fail(string about, string finding, Exception failure)
    {
        Degrade(about, finding);
        _failure ??= failure;
        _isFailure = true;
    }

    public HealthCheckResult ToResult(HealthStatus failureStatus, string title) =>
        _found.Count == 0
            ? HealthCheckResult.Healthy($"{title} is open, its disk and all pipelines are well.")
            : new HealthCheckResult(_isFailure ? failureStatus : HealthStatus.Degraded, string.Join(' ', _found.Values), _failure, _found);
}
