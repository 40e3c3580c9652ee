using System.Reflection;

namespace ExactlyOnce.Tests.PublicApi;

/// <summary>A wrong argument: what it is called, how it comes by its value, and whether its exception must name the parameter.</summary>
internal sealed record BadArgument(string Name, Func<object?> Value, bool IsNull = false, bool IsCancelled = false);

/// <summary>What may be wrong about an argument, by its type. New calls and new parameters get theirs without being listed.</summary>
internal static class BadArguments
{
    private static readonly NullabilityInfoContext s_nullability = new();

    private static readonly HashSet<string> s_names =
        ["topic", "group", "name", "transactionalId", "instanceId", "token", nameof(ConsumerOptions.Group), nameof(ConsumerOptions.InstanceId), nameof(ConsumerOptions.Assignor), nameof(PipelineOptions.DeadLetterTopic)];

    private static readonly HashSet<string> s_notEmpty = ["path", "connectionString", "directoryOrConnectionString", "messageId", nameof(BrokerOptions.Directory)];

    /// <summary>Arguments that look wrong and are right, each with its reason.</summary>
    public static readonly IReadOnlyDictionary<string, string> Allowed = new Dictionary<string, string>
    {
        ["Pipeline.RunAsync() cancellationToken cancelled"] = "A run that is cancelled ends normally, at once.",
        ["Pipeline.StopAsync() cancellationToken cancelled"] = "Stopping without patience is stopping.",
        ["BrokerAdmin.GetTransactionOutcomeAsync(String transactionalId, Int64 producerId, Int16 epoch) transactionalId too long"] = "Nobody has such an id: the outcome is Unknown.",
        ["BrokerAdmin.GetGroupOffsetsAsync(String group, String topic) group too long"] = "Nobody has such a group: it has no offsets.",
        ["TopicOptions.set_RetainBytes(Int64 value) value negative"] = "Minus one stands for no limit.",
        ["TopicOptions.set_RetainFor(TimeSpan value) value most"] = Endless,
        ["TopicOptions.set_SegmentAge(TimeSpan value) value most"] = Endless,
        ["TopicOptions.set_TimestampMaxAhead(TimeSpan value) value most"] = Endless,
        ["TopicOptions.set_MinCompactionLag(TimeSpan value) value most"] = Endless,
        ["TopicOptions.set_DeleteRetention(TimeSpan value) value most"] = Endless,
        ["TopicOptions.set_MessageIdWindow(TimeSpan value) value most"] = Endless,
        ["BrokerOptions.set_ProducerExpiry(TimeSpan value) value most"] = Endless,
        ["BrokerOptions.set_TransactionalIdExpiry(TimeSpan value) value most"] = Endless,
        ["BrokerOptions.set_OffsetsRetention(TimeSpan value) value most"] = Endless,
        ["StartFrom.Ago(TimeSpan age) age most"] = Endless,
    };

    /// <summary>Calls without a wrong argument, each with its reason.</summary>
    public static readonly IReadOnlyDictionary<string, string> Unconditional = new Dictionary<string, string>
    {
        ["BrokerOptions.set_AutoCreateTopics(Boolean value)"] = Switch,
        ["BrokerOptions.set_StrictKafka(Boolean value)"] = Switch,
        ["BrokerOptions.set_LoggerFactory(ILoggerFactory value)"] = Optional,
        ["BrokerOptions.set_TimeProvider(TimeProvider value)"] = Optional,
        ["SubscriptionOptions.set_OnError(Action<HandlerFailedException> value)"] = Optional,
        ["Serdes.Json(JsonSerializerOptions options)"] = Optional,
        ["ConsumerBuilder<String,String>.StartFrom(StartFrom position)"] = Checked,
        ["ConsumerOptions.set_StartFrom(StartFrom value)"] = Checked,
        ["PipelineBuilder<String,String>.StartFrom(StartFrom position)"] = Checked,
        ["PipelineOptions.set_StartFrom(StartFrom value)"] = Checked,
        ["SubscriptionOptions.set_StartFrom(StartFrom value)"] = Checked,
        ["RecordHeaders.Create(ReadOnlySpan<RecordHeader> headers)"] = Checked,
        ["RecordHeaders.With(RecordHeader header)"] = Checked,
        ["StartFrom.Timestamp(DateTimeOffset time)"] = "Every time lies before, in or behind the log.",
    };

    private const string Endless = "Longer than anything lasts: never.";
    private const string Switch = "Both values are right.";
    private const string Optional = "Null stands for none.";
    private const string Checked = "A value of this type was checked when it was made.";

    public static IEnumerable<BadArgument> For(PublicCall call, int index)
    {
        var (declared, type) = (call.Declared[index], call.Parameters[index].ParameterType);
        if (declared.IsOut)
            return [];
        var name = call.IsSetter ? call.Method.Name["set_".Length..] : declared.Name!;
        if (type == typeof(CancellationToken))
            return [new BadArgument("cancelled", () => new CancellationToken(canceled: true), IsCancelled: true)];
        if (declared.ParameterType.IsGenericParameter)
            return [new BadArgument("oversize", () => new string('x', 2 << 20))];
        if (!type.IsValueType)
            return s_nullability.Create(declared).WriteState == NullabilityState.NotNull
                ? [new BadArgument("null", () => null, IsNull: true), .. ReferencesOf(call, type, name)]
                : ReferencesOf(call, type, name);
        return ValuesOf(Nullable.GetUnderlyingType(type) ?? type);
    }

    private static IEnumerable<BadArgument> ReferencesOf(PublicCall call, Type type, string name) =>
        type == typeof(string) && s_names.Contains(name) ? [new("empty", () => ""), new("too long", () => new string('n', MaxLength(call, name) + 1))]
        : type == typeof(string) && s_notEmpty.Contains(name) ? [new BadArgument("empty", () => "")]
        : type == typeof(int[]) || type == typeof(IReadOnlyList<int>) ?
            [new("negative", () => new[] { -1 }), new("empty", () => Array.Empty<int>()), new("twice", () => new[] { 0, 0 })]
        : [];

    /// <summary>Whoever looks after a broker meets the names that network clients give, which may be longer than those given here.</summary>
    private static int MaxLength(PublicCall call, string name) => call.Type == typeof(BrokerAdmin) && name != "topic" ? 1024 : 249;

    private static IEnumerable<BadArgument> ValuesOf(Type type) =>
        type == typeof(int) ? [new("negative", () => -1), new("least", () => int.MinValue)]
        : type == typeof(long) ? [new("negative", () => -1L), new("least", () => long.MinValue)]
        : type == typeof(short) ? [new("negative", () => (short)-1)]
        : type == typeof(TimeSpan) ? [new("negative", () => TimeSpan.FromTicks(-1)), new("least", () => TimeSpan.MinValue), new("most", () => TimeSpan.MaxValue)]
        : type == typeof(TopicPartition) ?
        [
            new("default", () => default(TopicPartition)), new("unknown topic", () => new TopicPartition("unknown", 0)),
            new("negative", () => new TopicPartition("orders", -1)), new("too high", () => new TopicPartition("orders", 9)),
        ]
        : type == typeof(ProducerRecord<string, string>) ? RecordsOf(new ProducerRecord<string, string>("k", "v"))
        : type == typeof(ProducerRecord<NoKey, string>) ? RecordsOf(new ProducerRecord<NoKey, string>(default, "v"))
        : type.IsEnum ? [new("undefined", () => Enum.ToObject(type, 99))]
        : [];

    private static IEnumerable<BadArgument> RecordsOf<TKey>(ProducerRecord<TKey, string> record) =>
    [
        new("negative partition", () => record with { Partition = -1 }),
        new("partition too high", () => record with { Partition = 9 }),
        new("negative sequence", () => record with { SourceSequence = -1 }),
        new("before 1970", () => record with { Timestamp = DateTimeOffset.UnixEpoch.AddTicks(-1) }),
        new("far ahead", () => record with { Timestamp = DateTimeOffset.MaxValue }),
        new("oversize", () => record with { Value = new string('x', 2 << 20) }),
        new("empty id", () => record with { MessageId = "" }),
    ];
}
