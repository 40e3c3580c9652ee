namespace ExactlyOnce.Clients.Pipelines;

/// <summary>
/// Whether a pipeline has anything left to do, from facts of the log alone: a committed offset per partition, and how many records behind it a reader would be
/// given. A worker that finds nothing more to read asks; whichever worker commits last asks after that commit, so that the question is never left open.
/// </summary>
internal static class CaughtUp
{
    public static async ValueTask<bool> CheckAsync<TKey, TValue>(
        PipelinePlan<TKey, TValue> plan, PipelineOutput<TKey, TValue> output, PipelineRun run, CancellationToken cancellationToken)
    {
        if (plan.Backend.TryGetTopic(plan.Topic.Name) is not { } topic)
            return false;
        var partitions = Enumerable.Range(0, topic.Partitions)
            .Select(index => new TopicPartition(topic.Name, index))
            .Where(partition => !run.IsStopped(partition))
            .ToList();
        var committed = await output.FindCommittedAsync(partitions, cancellationToken).ConfigureAwait(false);
        foreach (var id in partitions)
        {
            var partition = plan.Backend.GetPartition(id);
            if (FindPosition(id, partition) is not { } position || partition.CountDeliverable(position, plan.Options.Isolation) > 0)
                return false;
        }
        return true;

        // Without a committed offset only "earliest" says where a worker will begin: any other beginning is committed when it is taken.
        long? FindPosition(TopicPartition id, BackendPartition partition) =>
            committed.TryGetValue(id, out var offset) ? offset.Offset
            : plan.Options.StartFrom == StartFrom.Earliest ? partition.ReadableFrom
            : null;
    }
}
