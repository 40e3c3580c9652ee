namespace ExactlyOnce.Hosting.Configuration;

/// <summary>What may stand in the configuration of a broker, a topic and a pipeline: the options' own names.</summary>
internal static class Settings
{
    public static readonly SettingTable<ExactlyOnceOptions> Broker = new SettingTable<ExactlyOnceOptions>()
        .Text(nameof(ExactlyOnceOptions.ConnectionString), (o, value) => o.ConnectionString = value)
        .Time(nameof(ExactlyOnceOptions.DrainTimeout), (o, value) => o.DrainTimeout = value)
        .Time(nameof(ExactlyOnceOptions.StuckTransactionAfter), (o, value) => o.StuckTransactionAfter = value)
        .Text(nameof(BrokerOptions.Directory), (o, value) => o.Broker.Directory = value)
        .Choice<Durability>(nameof(BrokerOptions.Durability), (o, value) => o.Broker.Durability = value)
        .Time(nameof(BrokerOptions.CommitDelay), (o, value) => o.Broker.CommitDelay = value)
        .Flag(nameof(BrokerOptions.AutoCreateTopics), (o, value) => o.Broker.AutoCreateTopics = value)
        .Flag(nameof(BrokerOptions.StrictKafka), (o, value) => o.Broker.StrictKafka = value)
        .Time(nameof(BrokerOptions.MaxTransactionTimeout), (o, value) => o.Broker.MaxTransactionTimeout = value)
        .Time(nameof(BrokerOptions.ProducerExpiry), (o, value) => o.Broker.ProducerExpiry = value)
        .Time(nameof(BrokerOptions.TransactionalIdExpiry), (o, value) => o.Broker.TransactionalIdExpiry = value)
        .Time(nameof(BrokerOptions.OffsetsRetention), (o, value) => o.Broker.OffsetsRetention = value)
        .Bytes(nameof(BrokerOptions.JournalFileBytes), (o, value) => o.Broker.JournalFileBytes = value)
        .Time(nameof(BrokerOptions.CheckpointInterval), (o, value) => o.Broker.CheckpointInterval = value)
        .Bytes(nameof(BrokerOptions.CheckpointBytes), (o, value) => o.Broker.CheckpointBytes = value)
        .Bytes(nameof(BrokerOptions.TailBytesMax), (o, value) => o.Broker.TailBytesMax = value)
        .Bytes(nameof(BrokerOptions.JournalQueueBytesMax), (o, value) => o.Broker.JournalQueueBytesMax = value)
        .Time(nameof(BrokerOptions.SyncInterval), (o, value) => o.Broker.SyncInterval = value)
        .Time(nameof(BrokerOptions.CloseTimeout), (o, value) => o.Broker.CloseTimeout = value)
        .Section(SectionNames.Topics)
        .Section(SectionNames.Pipelines)
        .Section(SectionNames.Brokers);

    public static readonly SettingTable<TopicOptions> Topics = new SettingTable<TopicOptions>()
        .Count(nameof(TopicOptions.Partitions), (o, value) => o.Partitions = value)
        .Choice<CleanupPolicy>(nameof(TopicOptions.Cleanup), (o, value) => o.Cleanup = value)
        .Time(nameof(TopicOptions.RetainFor), (o, value) => o.RetainFor = value)
        .Bytes(nameof(TopicOptions.RetainBytes), (o, value) => o.RetainBytes = value)
        .Bytes(nameof(TopicOptions.SegmentBytes), (o, value) => o.SegmentBytes = (int)Math.Clamp(value, int.MinValue, int.MaxValue))
        .Time(nameof(TopicOptions.SegmentAge), (o, value) => o.SegmentAge = value)
        .Bytes(nameof(TopicOptions.MaxMessageBytes), (o, value) => o.MaxMessageBytes = (int)Math.Clamp(value, int.MinValue, int.MaxValue))
        .Choice<TimestampType>(nameof(TopicOptions.TimestampType), (o, value) => o.TimestampType = value)
        .Time(nameof(TopicOptions.TimestampMaxAhead), (o, value) => o.TimestampMaxAhead = value)
        .Time(nameof(TopicOptions.MinCompactionLag), (o, value) => o.MinCompactionLag = value)
        .Time(nameof(TopicOptions.DeleteRetention), (o, value) => o.DeleteRetention = value)
        .Count(nameof(TopicOptions.DuplicateWindowBatches), (o, value) => o.DuplicateWindowBatches = value)
        .Time(nameof(TopicOptions.MessageIdWindow), (o, value) => o.MessageIdWindow = value);

    public static readonly SettingTable<PipelineOptions> Pipelines = new SettingTable<PipelineOptions>()
        .Count(nameof(PipelineOptions.Workers), (o, value) => o.Workers = value)
        .Count(nameof(PipelineOptions.MaxBatchRecords), (o, value) => o.MaxBatchRecords = value)
        .Bytes(nameof(PipelineOptions.MaxBatchBytes), (o, value) => o.MaxBatchBytes = (int)Math.Clamp(value, int.MinValue, int.MaxValue))
        .Time(nameof(PipelineOptions.MaxBatchWait), (o, value) => o.MaxBatchWait = value)
        .Count(nameof(PipelineOptions.MaxAttempts), (o, value) => o.MaxAttempts = value)
        .Time(nameof(PipelineOptions.InitialRetryDelay), (o, value) => o.InitialRetryDelay = value)
        .Time(nameof(PipelineOptions.MaxRetryDelay), (o, value) => o.MaxRetryDelay = value)
        .Choice<WhenRetriesExhausted>(nameof(PipelineOptions.WhenRetriesExhausted), (o, value) => o.WhenRetriesExhausted = value)
        .Text(nameof(PipelineOptions.DeadLetterTopic), (o, value) => o.DeadLetterTopic = value)
        .Choice<IsolationLevel>(nameof(PipelineOptions.Isolation), (o, value) => o.Isolation = value)
        .Choice<WhenOffsetLost>(nameof(PipelineOptions.WhenOffsetLost), (o, value) => o.WhenOffsetLost = value)
        .Time(nameof(PipelineOptions.TransactionTimeout), (o, value) => o.TransactionTimeout = value);
}
