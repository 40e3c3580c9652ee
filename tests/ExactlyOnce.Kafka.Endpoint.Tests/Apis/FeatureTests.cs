using ExactlyOnce.Kafka.Endpoint.Apis;
using ExactlyOnce.Kafka.Endpoint.Tests.Clients;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Apis;

public sealed class FeatureTests : EndpointTest
{
    [Theory]
    [InlineData(3), InlineData(4)]
    public async Task Both_features_are_finalized_at_an_epoch_that_counts(short version)
    {
        var answer = await AskAsync(version);

        answer.FinalizedFeaturesEpoch.Should().BeGreaterThanOrEqualTo(0);
        answer.FinalizedFeatures.Should().BeEquivalentTo(
        [
            new { Name = "group.version", MinVersionLevel = (short)1, MaxVersionLevel = (short)1 },
            new { Name = "transaction.version", MinVersionLevel = (short)2, MaxVersionLevel = (short)2 },
        ]);
    }

    [Fact]
    public async Task Supported_features_that_begin_at_zero_are_told_from_version_4_on_only()
    {
        (await AskAsync(3)).SupportedFeatures.Should().BeEmpty("older Java clients could not read the answer");
        (await AskAsync(4)).SupportedFeatures.Should().BeEquivalentTo(
        [
            new { Name = "group.version", MinVersion = (short)0, MaxVersion = (short)1 },
            new { Name = "transaction.version", MinVersion = (short)0, MaxVersion = (short)2 },
        ]);
    }

    [Theory]
    [InlineData(0), InlineData(2)]
    public async Task Versions_without_tags_tell_nothing_of_features(short version) => (await AskAsync(version)).FinalizedFeatures.Should().BeEmpty();

    [Fact]
    public async Task What_level_2_of_transactions_promises_is_served()
    {
        var served = (await AskAsync(4)).ApiKeys.ToDictionary(api => api.ApiKey, api => api.MaxVersion);

        served[0].Should().BeGreaterThanOrEqualTo(12, "Produce adds its partitions");
        served[28].Should().BeGreaterThanOrEqualTo(5, "TxnOffsetCommit adds its group");
        served[26].Should().BeGreaterThanOrEqualTo(5, "EndTxn answers the next epoch");
    }

    private async Task<ApiVersionsResponse> AskAsync(short version) =>
        await Connect().CallAsync<ApiVersionsResponse>(version, new ApiVersionsRequest { ClientSoftwareName = "raw", ClientSoftwareVersion = "1.0" });
}
