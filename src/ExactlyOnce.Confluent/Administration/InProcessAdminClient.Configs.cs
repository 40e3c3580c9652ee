using ExactlyOnce.Kafka.Endpoint.Configs;

namespace ExactlyOnce.Confluent.Administration;

using global::Confluent.Kafka;
using global::Confluent.Kafka.Admin;

/// <summary>Configurations of topics: looked at, changed one by one, replaced as a whole. The broker's own are its host's.</summary>
internal sealed partial class InProcessAdminClient
{
    public Task<List<DescribeConfigsResult>> DescribeConfigsAsync(IEnumerable<ConfigResource> resources, DescribeConfigsOptions? options = null)
    {
        var reports = resources.Select(Describe).ToList();
        return reports.Exists(report => report.Error.IsError)
            ? throw new DescribeConfigsException(reports)
            : Task.FromResult(reports.ConvertAll(report => new DescribeConfigsResult { ConfigResource = report.ConfigResource, Entries = report.Entries }));
    }

    public async Task<List<IncrementalAlterConfigsResult>> IncrementalAlterConfigsAsync(
        Dictionary<ConfigResource, List<ConfigEntry>> configs, IncrementalAlterConfigsOptions? options = null)
    {
        var reports = new List<IncrementalAlterConfigsReport>();
        foreach (var (resource, entries) in configs)
            reports.Add(new IncrementalAlterConfigsReport
            {
                ConfigResource = resource,
                Error = await AlterAsync(resource, topic => entries.ForEach(entry => Change(topic, entry)), options?.ValidateOnly == true).ConfigureAwait(false),
            });
        return reports.Exists(report => report.Error.IsError)
            ? throw new IncrementalAlterConfigsException(reports)
            : reports.ConvertAll(report => new IncrementalAlterConfigsResult { ConfigResource = report.ConfigResource });
    }

    public async Task AlterConfigsAsync(Dictionary<ConfigResource, List<ConfigEntry>> configs, AlterConfigsOptions? options = null)
    {
        var reports = new List<AlterConfigsReport>();
        foreach (var (resource, entries) in configs)
            reports.Add(new AlterConfigsReport
            {
                ConfigResource = resource,
                Error = await AlterAsync(resource, topic => Replace(topic, entries), options?.ValidateOnly == true).ConfigureAwait(false),
            });
        if (reports.Exists(report => report.Error.IsError))
            throw new AlterConfigsException(reports);
    }

    private DescribeConfigsReport Describe(ConfigResource resource)
    {
        var (topic, error) = Find(resource);
        return new DescribeConfigsReport
        {
            ConfigResource = resource,
            Error = error,
            Entries = topic is null ? [] : TopicConfigs.All.ToDictionary(config => config.Name, config => ToEntry(config, topic.Options)),
        };
    }

    private async ValueTask<Error> AlterAsync(ConfigResource resource, Action<TopicOptions> change, bool validateOnly)
    {
        var (topic, error) = Find(resource);
        return topic is null ? error : await TryAsync(async () =>
        {
            var options = topic.Options.Clone();
            options.Partitions = topic.Partitions;
            change(options);
            if (!validateOnly)
                await Backend.AlterTopicAsync(topic.Name, options, CancellationToken.None).ConfigureAwait(false);
        }).ConfigureAwait(false);
    }

    private (ExactlyOnce.TopicDescription? Topic, Error Error) Find(ConfigResource resource) =>
        resource.Type != ResourceType.Topic ? (null, new Error(ErrorCode.InvalidRequest, "Topics have configurations in process; the broker's is its host's."))
        : Backend.TryGetTopic(resource.Name) is { } topic ? (topic, s_none)
        : (null, new Error(ErrorCode.UnknownTopicOrPart, $"There is no topic '{resource.Name}'."));

    private static ConfigEntryResult ToEntry(TopicConfig config, TopicOptions options) => new()
    {
        Name = config.Name,
        Value = config.Get(options),
        IsDefault = config.IsDefault(options),
        Source = config.IsDefault(options) ? ConfigSource.DefaultConfig : ConfigSource.DynamicTopicConfig,
        Synonyms = [],
    };

    private static void Replace(TopicOptions options, List<ConfigEntry> entries)
    {
        foreach (var config in TopicConfigs.All)
            config.Set(options, config.DefaultValue);
        foreach (var entry in entries)
            Set(options, entry.Name, entry.Value);
    }

    private static void Change(TopicOptions options, ConfigEntry entry)
    {
        var words = TopicConfigs.Find(entry.Name) is { Type: ConfigType.List } list ? Words(list.Get(options)) : null;
        switch (entry.IncrementalOperation)
        {
            case AlterConfigOpType.Set:
                Set(options, entry.Name, entry.Value);
                break;
            case AlterConfigOpType.Delete:
                Set(options, entry.Name, null);
                break;
            case AlterConfigOpType.Append when words is not null:
                Set(options, entry.Name, string.Join(',', words.Union(Words(entry.Value))));
                break;
            case AlterConfigOpType.Subtract when words is not null:
                Set(options, entry.Name, string.Join(',', words.Except(Words(entry.Value))));
                break;
            default:
                throw new InvalidRequestException(ExactlyOnce.ErrorCode.InvalidConfig, $"'{entry.Name}' is no list to add to or take from.");
        }
    }

    private static void Set(TopicOptions options, string name, string? value)
    {
        if (TopicConfigs.TrySet(options, name, value) is { } complaint)
            throw new InvalidRequestException(ExactlyOnce.ErrorCode.InvalidConfig, complaint);
    }

    private static string[] Words(string list) => list.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
}
