using System.Text.RegularExpressions;
using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Serving;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class ApiVersionsRequest : IMessage
{
    public string ClientSoftwareName = "";
    public string ClientSoftwareVersion = "";

    public void Fields(Wire wire)
    {
        wire.String(ref ClientSoftwareName, from: 3);
        wire.String(ref ClientSoftwareVersion, from: 3);
    }
}

internal sealed class ApiVersionsResponse : IMessage
{
    public KafkaError ErrorCode;
    public ApiVersion[] ApiKeys = [];
    public int ThrottleTimeMs;
    public SupportedFeature[] SupportedFeatures = [];
    public long FinalizedFeaturesEpoch = -1;
    public FinalizedFeature[] FinalizedFeatures = [];

    public void Fields(Wire wire)
    {
        wire.Error(ref ErrorCode);
        wire.Array(ref ApiKeys);
        wire.Int32(ref ThrottleTimeMs, from: 1);
    }

    // Tag 3, ZkMigrationReady, is left out.
    public void Tagged(Wire wire)
    {
        if (wire.Tag(0, isSet: SupportedFeatures.Length > 0, from: 3))
            wire.Array(ref SupportedFeatures);
        if (wire.Tag(1, isSet: FinalizedFeaturesEpoch >= 0, from: 3))
            wire.Int64(ref FinalizedFeaturesEpoch);
        if (wire.Tag(2, isSet: FinalizedFeatures.Length > 0, from: 3))
            wire.Array(ref FinalizedFeatures);
    }

    internal sealed class ApiVersion : IMessage
    {
        public short ApiKey;
        public short MinVersion;
        public short MaxVersion;

        public void Fields(Wire wire)
        {
            wire.Int16(ref ApiKey);
            wire.Int16(ref MinVersion);
            wire.Int16(ref MaxVersion);
        }
    }

    internal sealed class SupportedFeature : IMessage
    {
        public string Name = "";
        public short MinVersion;
        public short MaxVersion;

        public void Fields(Wire wire)
        {
            wire.String(ref Name);
            wire.Int16(ref MinVersion);
            wire.Int16(ref MaxVersion);
        }
    }

    internal sealed class FinalizedFeature : IMessage
    {
        public string Name = "";
        public short MaxVersionLevel;
        public short MinVersionLevel;

        public void Fields(Wire wire)
        {
            wire.String(ref Name);
            wire.Int16(ref MaxVersionLevel);
            wire.Int16(ref MinVersionLevel);
        }
    }
}

/// <summary>Tells a client what is served. The first request of nearly every client, and legal before a login.</summary>
internal sealed partial class ApiVersionsApi : Api<ApiVersionsRequest, ApiVersionsResponse>
{
    private const int FirstWithSoftwareNames = 3;

    /// <summary>Older Java clients cannot read a supported feature whose minimum is 0 (KAFKA-17492).</summary>
    private const int FirstWithFeaturesFromZero = 4;

    /// <summary>Features count for clients from epoch 0 on; they never change here.</summary>
    private const long FeaturesEpoch = 0;

    // Level 2 of transactions promises Produce 12, TxnOffsetCommit 5 and EndTxn 5 together: clients then add nothing explicitly, whatever versions
    // they negotiate.
    private static readonly (string Name, short Level)[] s_features = [("group.version", 1), ("transaction.version", 2)];

    public ApiVersionsApi()
        : base(18, "ApiVersions", 0, 4, flexibleFrom: 3) => IsAllowedBeforeLogin = true;

    /// <summary>The answer to a version that is not known here; it goes out as version 0, which everybody can read.</summary>
    public static ApiVersionsResponse Unsupported() => new() { ErrorCode = KafkaError.UnsupportedVersion, ApiKeys = ServedVersions() };

    protected override ValueTask<ApiVersionsResponse?> HandleAsync(ApiVersionsRequest request, Call call) => new(new ApiVersionsResponse
    {
        ErrorCode = HasValidSoftwareNames(request, call) ? KafkaError.None : KafkaError.InvalidRequest,
        ApiKeys = ServedVersions(),
        SupportedFeatures = call.Version < FirstWithFeaturesFromZero ? []
            : Array.ConvertAll(s_features, feature => new ApiVersionsResponse.SupportedFeature { Name = feature.Name, MaxVersion = feature.Level }),
        FinalizedFeaturesEpoch = FeaturesEpoch,
        FinalizedFeatures = Array.ConvertAll(
            s_features, feature =>
                new ApiVersionsResponse.FinalizedFeature { Name = feature.Name, MinVersionLevel = feature.Level, MaxVersionLevel = feature.Level }),
    });

    private static ApiVersionsResponse.ApiVersion[] ServedVersions() =>
        [.. ApiRegistry.All.Select(api => new ApiVersionsResponse.ApiVersion { ApiKey = api.Key, MinVersion = api.AdvertisedMin, MaxVersion = api.Max })];

    private static bool HasValidSoftwareNames(ApiVersionsRequest request, Call call) =>
        call.Version < FirstWithSoftwareNames || (SoftwareName().IsMatch(request.ClientSoftwareName) && SoftwareName().IsMatch(request.ClientSoftwareVersion));

    [GeneratedRegex(@"\A[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?\z", RegexOptions.NonBacktracking)]
    private static partial Regex SoftwareName();
}
