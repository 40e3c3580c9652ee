using ExactlyOnce.Confluent.Administration;

namespace ExactlyOnce.Confluent;

using global::Confluent.Kafka;

/// <summary>
/// Builds Confluent.Kafka's <see cref="IAdminClient"/> over a broker in this process: topics, partitions, records, groups and their offsets.
/// <code>
/// using var admin = new InProcessAdminClientBuilder(broker, new AdminClientConfig()).Build();
/// </code>
/// </summary>
/// <param name="broker">The broker, which outlives the client.</param>
/// <param name="config">The configuration as the real client is given it.</param>
public class InProcessAdminClientBuilder(Broker broker, IEnumerable<KeyValuePair<string, string>> config) : AdminClientBuilder(config)
{
    private readonly Broker _broker = broker ?? throw new ArgumentNullException(nameof(broker));

    /// <inheritdoc/>
    public override IAdminClient Build() => new InProcessAdminClient(_broker, new ClientSettings(Config, "admin"));
}
