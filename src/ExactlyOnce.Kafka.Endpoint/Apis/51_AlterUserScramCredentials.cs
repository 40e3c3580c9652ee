using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class AlterUserScramCredentialsRequest : IMessage
{
    public Deletion[] Deletions = [];
    public Upsertion[] Upsertions = [];

    public void Fields(Wire wire)
    {
        wire.Array(ref Deletions);
        wire.Array(ref Upsertions);
    }

    internal sealed class Deletion : IMessage
    {
        public string Name = "";
        public sbyte Mechanism;

        public void Fields(Wire wire)
        {
            wire.String(ref Name);
            wire.Int8(ref Mechanism);
        }
    }

    internal sealed class Upsertion : IMessage
    {
        public string Name = "";
        public sbyte Mechanism;
        public int Iterations;
        public byte[] Salt = [];
        public byte[] SaltedPassword = [];

        public void Fields(Wire wire)
        {
            wire.String(ref Name);
            wire.Int8(ref Mechanism);
            wire.Int32(ref Iterations);
            wire.Bytes(ref Salt);
            wire.Bytes(ref SaltedPassword);
        }
    }
}

internal sealed class AlterUserScramCredentialsResponse : IMessage
{
    public int ThrottleTimeMs;
    public Result[] Results = [];

    public void Fields(Wire wire)
    {
        wire.Int32(ref ThrottleTimeMs);
        wire.Array(ref Results);
    }

    internal sealed class Result : IMessage
    {
        public string User = "";
        public KafkaError ErrorCode;
        public string? ErrorMessage;

        public void Fields(Wire wire)
        {
            wire.String(ref User);
            wire.Error(ref ErrorCode);
            wire.NullableString(ref ErrorMessage);
        }
    }
}

/// <summary>
/// Adds, changes and removes the users whom the broker keeps. The changes of one user are made together or not at all. One who was removed is sent away
/// wherever he is connected.
/// </summary>
internal sealed class AlterUserScramCredentialsApi()
    : Api<AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse>(51, "AlterUserScramCredentials", 0, 0, flexibleFrom: 0)
{
    private const int SaltBytesMax = 1024;

    protected override async ValueTask<AlterUserScramCredentialsResponse?> HandleAsync(AlterUserScramCredentialsRequest request, Call call)
    {
        var changes = request.Deletions.Select(deletion => new Change(deletion.Name, deletion.Mechanism, null))
            .Concat(request.Upsertions.Select(upsertion => new Change(upsertion.Name, upsertion.Mechanism, upsertion)));
        var results = new List<AlterUserScramCredentialsResponse.Result>();
        foreach (var user in changes.GroupBy(change => change.User))
            results.Add(await ChangeAsync(user.Key, [.. user], call).ConfigureAwait(false));
        return new AlterUserScramCredentialsResponse { Results = [.. results] };
    }

    private static async ValueTask<AlterUserScramCredentialsResponse.Result> ChangeAsync(string user, Change[] changes, Call call)
    {
        if (!call.AllowsCluster(AclOperation.Alter))
            return Refused(user, KafkaError.ClusterAuthorizationFailed, "Users are the affair of whoever may alter the cluster.");
        if (changes.Select(change => change.Mechanism).Distinct().Count() < changes.Length)
            return Refused(user, KafkaError.DuplicateResource, "The request names this user and mechanism twice.");
        foreach (var change in changes)
            if (Refuse(change, call) is { } refused)
                return refused;
        try
        {
            await call.Server.Security.SetAsync(user, changes.ToDictionary(change => change.Mechanism, CredentialOf)).ConfigureAwait(false);
            return new AlterUserScramCredentialsResponse.Result { User = user };
        }
        catch (BrokerException exception)
        {
            return Refused(user, exception.ToKafka(), exception.Message);
        }
    }

    private static AlterUserScramCredentialsResponse.Result? Refuse(Change change, Call call)
    {
        var (user, number, upsertion) = change;
        if (user.Length == 0)
            return Refused(user, KafkaError.UnacceptableCredential, "A user has a name.");
        if (ScramMechanism.Find(number) is not { } mechanism)
            return Refused(user, KafkaError.UnsupportedSaslMechanism, "The mechanisms are SCRAM-SHA-256 and SCRAM-SHA-512.");
        if (call.Server.Credentials.IsConfigured(user))
            return Refused(user, KafkaError.UnacceptableCredential, "This user is in the endpoint's options.");
        if (upsertion is null)
            return call.Server.Security.State.Users.ContainsKey(new StoredUser(user, number))
                ? null
                : Refused(user, KafkaError.ResourceNotFound, "The broker keeps no such user.");
        if (upsertion.Iterations is < ScramMechanism.IterationsMin or > ScramMechanism.IterationsMax)
            return Refused(user, KafkaError.UnacceptableCredential, $"There are {ScramMechanism.IterationsMin} to {ScramMechanism.IterationsMax} iterations.");
        return upsertion.Salt.Length is 0 or > SaltBytesMax || upsertion.SaltedPassword.Length != mechanism.HashBytes
            ? Refused(user, KafkaError.UnacceptableCredential, "The salt, or the salted password, has a length that it cannot have.")
            : null;
    }

    private static ScramCredential? CredentialOf(Change change) => change.Upsertion is { } upsertion
        ? ScramCredential.OfSaltedPassword(ScramMechanism.Find(change.Mechanism)!, upsertion.SaltedPassword, upsertion.Salt, upsertion.Iterations)
        : null;

    private static AlterUserScramCredentialsResponse.Result Refused(string user, KafkaError error, string message) =>
        new() { User = user, ErrorCode = error, ErrorMessage = message };

    private readonly record struct Change(string User, sbyte Mechanism, AlterUserScramCredentialsRequest.Upsertion? Upsertion);
}
