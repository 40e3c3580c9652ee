using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

/// <summary>Who may see and change the access rules.</summary>
internal static class AclAccess
{
    public static KafkaError Refuse(Call call, AclOperation operation) =>
        !call.Server.Authorizer.IsOn ? KafkaError.SecurityDisabled
        : call.AllowsCluster(operation) ? KafkaError.None
        : KafkaError.ClusterAuthorizationFailed;

    public static string MessageOf(KafkaError error) => error == KafkaError.SecurityDisabled
        ? "There are no access rules where nobody logs in."
        : "Access rules are the affair of whoever may describe or alter the cluster.";
}
