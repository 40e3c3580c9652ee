using System.Globalization;

namespace ExactlyOnce.Confluent.Administration;

using global::Confluent.Kafka;
using global::Confluent.Kafka.Admin;

/// <summary>Confluent.Kafka's admin client over a broker in process.</summary>
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
                Error = await TryAsync(async () =>
                {
                    var created = TopicConfigs.ToOptions(topic);
                    if (options?.ValidateOnly != true)
                        await Backend.CreateTopicAsync(topic.Name, created, CancellationToken.None).ConfigureAwait(false);
                }).ConfigureAwait(false),
            });
        if (reports.Exists(report => report.Error.IsError))
            throw new CreateTopicsException(reports);
    }

    public async Task DeleteTopicsAsync(IEnumerable<string> topics, DeleteTopicsOptions? options = null)
    {
        var reports = new List<DeleteTopicReport>();
        foreach (var topic in topics)
            reports.Add(new DeleteTopicReport { Topic = topic, Error = await TryAsync(() => Backend.DeleteTopicAsync(topic, CancellationToken.None)).ConfigureAwait(false) });
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
            report.Error = await TryAsync(async () =>
                report.Offset = await Backend.DeleteRecordsAsync(each.TopicPartition.ToBroker(), each.Offset == Offset.End ? -1 : each.Offset.Value, CancellationToken.None).ConfigureAwait(false))
                .ConfigureAwait(false);
            reports.Add(report);
        }
        return reports.Exists(report => report.Error.IsError)
            ? throw new DeleteRecordsException(reports)
            : [.. reports.Select(report => new DeleteRecordsResult { Topic = report.Topic, Partition = report.Partition, Offset = report.Offset })];
    }

    public async Task DeleteGroupsAsync(IList<string> groups, DeleteGroupsOptions? options = null)
    {
        var reports = new List<DeleteGroupReport>();
        foreach (var group in groups)
            reports.Add(new DeleteGroupReport { Group = group, Error = await TryAsync(() => Backend.DeleteGroupAsync(group, CancellationToken.None)).ConfigureAwait(false) });
        if (reports.Exists(report => report.Error.IsError))
            throw new DeleteGroupsException(reports);
    }

    public Task<ListConsumerGroupsResult> ListConsumerGroupsAsync(ListConsumerGroupsOptions? options = null) => Task.FromResult(new ListConsumerGroupsResult
    {
        Valid = [.. Backend.ListGroups().Select(group => new ConsumerGroupListing { GroupId = group, State = ConsumerGroupState.Unknown })],
    });

    public async Task<List<ListConsumerGroupOffsetsResult>> ListConsumerGroupOffsetsAsync(
        IEnumerable<ConsumerGroupTopicPartitions> groupPartitions, ListConsumerGroupOffsetsOptions? options = null)
    {
        var results = new List<ListConsumerGroupOffsetsResult>();
        foreach (var each in groupPartitions)
        {
            var asked = each.TopicPartitions ?? [.. Backend.ListTopics().Where(topic => !topic.IsInternal)
                .SelectMany(topic => Enumerable.Range(0, topic.Partitions).Select(partition => new TopicPartition(topic.Name, partition)))];
            var committed = await Backend.FetchOffsetsAsync(each.Group, [.. asked.Select(partition => partition.ToBroker())], CancellationToken.None).ConfigureAwait(false);
            results.Add(new ListConsumerGroupOffsetsResult
            {
                Group = each.Group,
                Partitions = [.. asked.Where(partition => each.TopicPartitions is not null || committed.ContainsKey(partition.ToBroker()))
                    .Select(partition => new TopicPartitionOffsetError(
                        new TopicPartitionOffset(partition, committed.TryGetValue(partition.ToBroker(), out var offset) ? offset.Offset : Offset.Unset), s_none))],
            });
        }
        return results;
    }

    public async Task<List<AlterConsumerGroupOffsetsResult>> AlterConsumerGroupOffsetsAsync(
        IEnumerable<ConsumerGroupTopicPartitionOffsets> groupPartitions, AlterConsumerGroupOffsetsOptions? options = null)
    {
        var results = new List<AlterConsumerGroupOffsetsResult>();
        foreach (var each in groupPartitions)
        {
            var error = await TryAsync(() => Backend.CommitOffsetsAsync(
                each.Group,
                each.TopicPartitionOffsets.ToDictionary(offset => offset.TopicPartition.ToBroker(), offset => new CommittedOffset(offset.Offset.Value)),
                CancellationToken.None)).ConfigureAwait(false);
            if (error.IsError)
                throw new KafkaException(error);
            results.Add(new AlterConsumerGroupOffsetsResult
            {
                Group = each.Group,
                Partitions = [.. each.TopicPartitionOffsets.Select(offset => new TopicPartitionOffsetError(offset, s_none))],
            });
        }
        return results;
    }

    public override void Dispose()
    {
        // It holds nothing.
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
        catch (FormatException exception)
        {
            return new Error(ErrorCode.InvalidConfig, exception.Message);
        }
    }
}
