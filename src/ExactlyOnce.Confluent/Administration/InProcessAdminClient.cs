namespace ExactlyOnce.Confluent.Administration;

using global::Confluent.Kafka;
using global::Confluent.Kafka.Admin;

/// <summary>Confluent.Kafka's admin client over a broker in process. Cut along what is administered: topics here, groups, configurations.</summary>
internal sealed partial class InProcessAdminClient(Broker broker, ClientSettings settings) : InProcessClient(settings.Name), IAdminClient
{
    private static readonly Error s_none = new(ErrorCode.NoError);
    private static readonly BrokerMetadata s_broker = new(0, "in-process", 0);

    private Clients.BrokerBackend Backend => broker.Backend;

    public Metadata GetMetadata(TimeSpan timeout) => new([s_broker], [.. Backend.ListTopics().Select(ToMetadata)], 0, s_broker.Host);

    public Metadata GetMetadata(string topic, TimeSpan timeout) => new(
        [s_broker],
        [Backend.TryGetTopic(topic) is { } found ? ToMetadata(found) : new TopicMetadata(topic, [], new Error(ErrorCode.UnknownTopicOrPart))],
        0,
        s_broker.Host);

    public async Task CreateTopicsAsync(IEnumerable<TopicSpecification> topics, CreateTopicsOptions? options = null)
    {
        var reports = new List<CreateTopicReport>();
        foreach (var topic in topics)
            reports.Add(new CreateTopicReport
            {
                Topic = topic.Name,
                Error = await TryAsync(() => CreateTopicAsync(topic, options?.ValidateOnly == true)).ConfigureAwait(false),
            });
        if (reports.Exists(report => report.Error.IsError))
            throw new CreateTopicsException(reports);
    }

    public async Task DeleteTopicsAsync(IEnumerable<string> topics, DeleteTopicsOptions? options = null)
    {
        var reports = new List<DeleteTopicReport>();
        foreach (var topic in topics)
            reports.Add(new DeleteTopicReport
            {
                Topic = topic,
                Error = await TryAsync(() => Backend.DeleteTopicAsync(topic, CancellationToken.None)).ConfigureAwait(false),
            });
        if (reports.Exists(report => report.Error.IsError))
            throw new DeleteTopicsException(reports);
    }

    public async Task CreatePartitionsAsync(IEnumerable<PartitionsSpecification> partitionsSpecifications, CreatePartitionsOptions? options = null)
    {
        var reports = new List<CreatePartitionsReport>();
        foreach (var each in partitionsSpecifications)
            reports.Add(new CreatePartitionsReport
            {
                Topic = each.Topic,
                Error = await TryAsync(() => Backend.AddPartitionsAsync(each.Topic, each.IncreaseTo, CancellationToken.None)).ConfigureAwait(false),
            });
        if (reports.Exists(report => report.Error.IsError))
            throw new CreatePartitionsException(reports);
    }

    public async Task<List<DeleteRecordsResult>> DeleteRecordsAsync(IEnumerable<TopicPartitionOffset> topicPartitionOffsets, DeleteRecordsOptions? options = null)
    {
        var reports = new List<DeleteRecordsReport>();
        foreach (var each in topicPartitionOffsets)
        {
            var report = new DeleteRecordsReport { Topic = each.Topic, Partition = each.Partition };
            var before = each.Offset == Offset.End ? -1 : each.Offset.Value;
            report.Error = await TryAsync(async () =>
                report.Offset = await Backend.DeleteRecordsAsync(each.TopicPartition.ToBroker(), before, CancellationToken.None).ConfigureAwait(false)).ConfigureAwait(false);
            reports.Add(report);
        }
        return reports.Exists(report => report.Error.IsError)
            ? throw new DeleteRecordsException(reports)
            : [.. reports.Select(report => new DeleteRecordsResult { Topic = report.Topic, Partition = report.Partition, Offset = report.Offset })];
    }

    public override void Dispose()
    {
        // It holds nothing.
    }

    private async ValueTask CreateTopicAsync(TopicSpecification topic, bool validateOnly)
    {
        var options = new TopicOptions();
        if (topic.NumPartitions > 0)
            options.Partitions = topic.NumPartitions;
        foreach (var (name, value) in topic.Configs ?? [])
            Set(options, name, value);
        if (!validateOnly)
            await Backend.CreateTopicAsync(topic.Name, options, CancellationToken.None).ConfigureAwait(false);
    }

    private static TopicMetadata ToMetadata(ExactlyOnce.TopicDescription topic) => new(
        topic.Name, [.. Enumerable.Range(0, topic.Partitions).Select(partition => new PartitionMetadata(partition, 0, [0], [0], s_none))], s_none);

    private static async Task<Error> TryAsync(Func<ValueTask> call)
    {
        try
        {
            await call().ConfigureAwait(false);
            return s_none;
        }
        catch (BrokerException exception)
        {
            return BrokerErrors.ToError(exception);
        }
        catch (ArgumentException exception)
        {
            return new Error(ErrorCode.TopicException, exception.Message);
        }
    }
}
