using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class DescribeUserScramCredentialsRequest : IMessage
{
    public User[]? Users;

    public void Fields(Wire wire) => wire.NullableArray(ref Users);

    internal sealed class User : IMessage
    {
        public string Name = "";

        public void Fields(Wire wire) => wire.String(ref Name);
    }
}

internal sealed class DescribeUserScramCredentialsResponse : IMessage
{
    public int ThrottleTimeMs;
    public KafkaError ErrorCode;
    public string? ErrorMessage;
    public Result[] Results = [];

    public void Fields(Wire wire)
    {
        wire.Int32(ref ThrottleTimeMs);
        wire.Error(ref ErrorCode);
        wire.NullableString(ref ErrorMessage);
        wire.Array(ref Results);
    }

    internal sealed class Result : IMessage
    {
        public string User = "";
        public KafkaError ErrorCode;
        public string? ErrorMessage;
        public Credential[] CredentialInfos = [];

        public void Fields(Wire wire)
        {
            wire.String(ref User);
            wire.Error(ref ErrorCode);
            wire.NullableString(ref ErrorMessage);
            wire.Array(ref CredentialInfos);
        }
    }

    internal sealed class Credential : IMessage
    {
        public sbyte Mechanism;
        public int Iterations;

        public void Fields(Wire wire)
        {
            wire.Int8(ref Mechanism);
            wire.Int32(ref Iterations);
        }
    }
}

/// <summary>Lists the users whom the broker keeps; those of the endpoint's options are its host's affair.</summary>
internal sealed class DescribeUserScramCredentialsApi()
    : Api<DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse>(50, "DescribeUserScramCredentials", 0, 0, flexibleFrom: 0)
{
    protected override ValueTask<DescribeUserScramCredentialsResponse?> HandleAsync(DescribeUserScramCredentialsRequest request, Call call)
    {
        if (!call.AllowsCluster(AclOperation.Describe))
            return new(new DescribeUserScramCredentialsResponse
            {
                ErrorCode = KafkaError.ClusterAuthorizationFailed,
                ErrorMessage = "Users are the affair of whoever may describe the cluster.",
            });
        var users = call.Server.Security.State.Users.ToLookup(user => user.Key.Name);
        var asked = request.Users is { Length: > 0 } some ? some.Select(user => user.Name).ToArray() : [.. users.Select(user => user.Key)];
        return new(new DescribeUserScramCredentialsResponse
        {
            Results = [.. asked.GroupBy(name => name).Select(name =>
                name.Count() > 1 ? Refused(name.Key, KafkaError.DuplicateResource, "The request names this user twice.")
                : users.Contains(name.Key) ? new() { User = name.Key, CredentialInfos = [.. users[name.Key].Select(ToWire)] }
                : Refused(name.Key, KafkaError.ResourceNotFound, "The broker keeps no such user."))],
        });
    }

    private static DescribeUserScramCredentialsResponse.Credential ToWire(KeyValuePair<StoredUser, ScramCredential> user) =>
        new() { Mechanism = user.Key.Mechanism, Iterations = user.Value.Iterations };

    private static DescribeUserScramCredentialsResponse.Result Refused(string user, KafkaError error, string message) =>
        new() { User = user, ErrorCode = error, ErrorMessage = message };
}
