using System.Globalization;
using ExactlyOnce.Hosting.Running;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace ExactlyOnce.Hosting.Health;

/// <summary>
/// Whether a broker does its work: opened and recovered, its disk well, no transaction that readers wait behind, every pipeline running, none of them in front
/// of a record it fails on. What stops the broker is reported as the registration's failure status, what stops a part of it as degraded.
/// </summary>
internal sealed class ExactlyOnceHealthCheck(HostedBroker broker) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        if (!broker.IsOpen)
            return new HealthCheckResult(
                context.Registration.FailureStatus,
                broker.IsClosed ? $"{broker.Title} is closed." : $"{broker.Title} is not open yet: the host has not started it, or it is recovering its log.");
        var findings = new Findings();
        CheckPipelines(findings);
        if (broker.Broker.Failure is { } failure)
            findings.Fail("disk", $"The broker has stopped writing: {failure.Message}", failure);
        else
            await CheckTransactionsAsync(findings, cancellationToken).ConfigureAwait(false);
        return findings.ToResult(context.Registration.FailureStatus, broker.Title);
    }

    private void CheckPipelines(Findings findings)
    {
        foreach (var pipeline in broker.Pipelines)
        {
            if (pipeline.Failure is { } failure)
                findings.Fail(pipeline.Name, $"Pipeline '{pipeline.Name}' has stopped: {failure.Message}", failure);
            else if (pipeline.StoppedPartitions is { Count: > 0 } stopped)
                findings.Degrade(pipeline.Name, $"Pipeline '{pipeline.Name}' stands in front of a record it fails on in {string.Join(", ", stopped)}.");
        }
    }

    private async Task CheckTransactionsAsync(Findings findings, CancellationToken cancellationToken)
    {
        var (admin, now, limit) = (broker.Broker.Admin, broker.Time.GetUtcNow(), broker.Options.StuckTransactionAfter);
        foreach (var open in await admin.ListOpenTransactionsAsync(cancellationToken).ConfigureAwait(false))
            if (now - open.StartedAt >= limit)
                findings.Degrade(open.TransactionalId, $"The transaction of '{open.TransactionalId}' has been open since {Text(open.StartedAt)}; readers wait behind it.");
        foreach (var prepared in await admin.ListPreparedTransactionsAsync(cancellationToken).ConfigureAwait(false))
            if (now - prepared.PreparedAt >= limit)
                findings.Degrade(
                    prepared.TransactionalId,
                    $"The transaction of '{prepared.TransactionalId}' has been prepared and undecided since {Text(prepared.PreparedAt)}; readers wait behind it.");
    }

    private static string Text(DateTimeOffset time) => time.ToString("u", CultureInfo.InvariantCulture);
}
