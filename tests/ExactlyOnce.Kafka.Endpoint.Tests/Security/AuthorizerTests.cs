using ExactlyOnce.Kafka.Endpoint.Security;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Security;

/// <summary>What the rules mean.</summary>
public sealed class AuthorizerTests : IAsyncLifetime
{
    private const string Alice = "User:alice";
    private const string Here = "10.0.0.1";

    private readonly Broker _broker = Broker.CreateInMemory();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _broker.DisposeAsync();

    [Fact]
    public async Task Without_a_rule_nothing_is_allowed() => (await WithAsync()).Allows(Alice, Here, AclOperation.Read, AclResource.Topic, "t").Should().BeFalse();

    [Theory]
    [InlineData("t", AclPattern.Literal, "t", true), InlineData("t", AclPattern.Literal, "tt", false), InlineData("*", AclPattern.Literal, "anything", true)]
    [InlineData("t", AclPattern.Prefixed, "tt", true), InlineData("t", AclPattern.Prefixed, "s", false), InlineData("*", AclPattern.Prefixed, "t", false)]
    public async Task Names_are_literal_or_a_prefix_or_all(string name, object pattern, string topic, bool isAllowed) =>
        (await WithAsync(Rule(AclOperation.Read, name: name, pattern: (AclPattern)pattern))).Allows(Alice, Here, AclOperation.Read, AclResource.Topic, topic).Should().Be(isAllowed);

    [Fact]
    public async Task A_rule_that_denies_wins_however_it_names_the_topic()
    {
        var authorizer = await WithAsync(Rule(AclOperation.All, name: "*"), Rule(AclOperation.Write, name: "secret-", pattern: AclPattern.Prefixed, permission: AclPermission.Deny));

        authorizer.Allows(Alice, Here, AclOperation.Write, AclResource.Topic, "secret-1").Should().BeFalse();
        authorizer.Allows(Alice, Here, AclOperation.Read, AclResource.Topic, "secret-1").Should().BeTrue();
        authorizer.Allows(Alice, Here, AclOperation.Write, AclResource.Topic, "open").Should().BeTrue();
    }

    [Theory]
    [InlineData(AclOperation.Read, AclOperation.Describe, true), InlineData(AclOperation.Write, AclOperation.Describe, true), InlineData(AclOperation.Create, AclOperation.Describe, false)]
    [InlineData(AclOperation.AlterConfigs, AclOperation.DescribeConfigs, true), InlineData(AclOperation.Describe, AclOperation.Read, false), InlineData(AclOperation.All, AclOperation.Delete, true)]
    public async Task What_is_allowed_implies_what_it_takes(object allowed, object wanted, bool isAllowed) =>
        (await WithAsync(Rule((AclOperation)allowed))).Allows(Alice, Here, (AclOperation)wanted, AclResource.Topic, "t").Should().Be(isAllowed);

    [Fact]
    public async Task Denying_to_read_does_not_deny_to_know_of_it()
    {
        var authorizer = await WithAsync(Rule(AclOperation.Describe), Rule(AclOperation.Read, permission: AclPermission.Deny));

        authorizer.Allows(Alice, Here, AclOperation.Describe, AclResource.Topic, "t").Should().BeTrue();
    }

    [Fact]
    public async Task A_rule_is_for_its_principal_its_address_and_its_kind_of_resource()
    {
        var authorizer = await WithAsync(Rule(AclOperation.Read, host: Here), Rule(AclOperation.Write, principal: "User:*"));

        authorizer.Allows(Alice, Here, AclOperation.Read, AclResource.Topic, "t").Should().BeTrue();
        authorizer.Allows(Alice, "10.0.0.2", AclOperation.Read, AclResource.Topic, "t").Should().BeFalse();
        authorizer.Allows("User:bob", Here, AclOperation.Read, AclResource.Topic, "t").Should().BeFalse();
        authorizer.Allows("User:bob", Here, AclOperation.Write, AclResource.Topic, "t").Should().BeTrue();
        authorizer.Allows(Alice, Here, AclOperation.Read, AclResource.Group, "t").Should().BeFalse();
    }

    [Fact]
    public async Task Super_users_may_do_everything_but_touch_the_topic_of_users_and_rules()
    {
        var authorizer = await WithAsync(Rule(AclOperation.All, name: "*", principal: "User:root", permission: AclPermission.Deny));

        authorizer.Allows("User:root", Here, AclOperation.Delete, AclResource.Topic, "t").Should().BeTrue();
        authorizer.Allows("User:root", Here, AclOperation.Read, AclResource.Topic, SecurityStore.TopicName).Should().BeFalse();
    }

    [Fact]
    public async Task Whoever_may_write_somewhere_may_be_an_idempotent_producer_unless_that_is_denied()
    {
        var allowed = Rule(AclOperation.Write, name: "t-", pattern: AclPattern.Prefixed);

        (await WithAsync(allowed)).AllowsSome(Alice, Here, AclOperation.Write, AclResource.Topic).Should().BeTrue();
        (await WithAsync(allowed)).AllowsSome("User:bob", Here, AclOperation.Write, AclResource.Topic).Should().BeFalse();
        (await WithAsync(allowed, Rule(AclOperation.Write, name: "*", permission: AclPermission.Deny)))
            .AllowsSome(Alice, Here, AclOperation.Write, AclResource.Topic).Should().BeFalse();
    }

    private async Task<Authorizer> WithAsync(params AclBinding[] rules)
    {
        var store = SecurityStore.Of(_broker);
        foreach (var rule in rules)
            await store.SetAsync(rule, isKept: true);
        return new Authorizer(new KafkaEndpointOptions { Sasl = SaslMechanisms.ScramSha256, SuperUsers = { "User:root" } }, store);
    }

    private static AclBinding Rule(
        AclOperation operation, string name = "t", AclPattern pattern = AclPattern.Literal, string principal = Alice, string host = "*", AclPermission permission = AclPermission.Allow) =>
        new(AclResource.Topic, name, pattern, principal, host, operation, permission);
}
