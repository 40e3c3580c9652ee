using System.Text.RegularExpressions;
using ExactlyOnce.Clients;
using ExactlyOnce.Clients.Consuming;
using ExactlyOnce.Clients.Producing;

namespace ExactlyOnce.Confluent.Consuming;

/// <summary>A consumer's subscription and its membership in the group that follows from it. Used under the consumer's lock.</summary>
internal sealed class GroupMembership(Broker broker, ConsumerSettings settings, ReadSignal signal)
{
    private List<string> _joined = [];
    private bool _isSettled;

    /// <summary>Topics and patterns, as they were subscribed to; null without a subscription.</summary>
    public List<string>? Subscription { get; private set; }

    /// <summary>Null before the first call that consumes, and without a subscription.</summary>
    public GroupSession? Session { get; private set; }

    /// <summary>Topics that were subscribed to by name and do not exist.</summary>
    public List<string> Missing { get; private set; } = [];

    /// <summary>Whether <see cref="Reconcile"/> has something to do.</summary>
    public bool IsChangePending => Session is { } session ? !_isSettled || session.IsChangePending || HasNewTopics() : Subscription is not null;

    public void Subscribe(List<string> topics)
    {
        Leave();
        Subscription = topics;
    }

    public void Unsubscribe()
    {
        Leave();
        Subscription = null;
    }

    /// <summary>
    /// Joins when that has not been done, or when topics have come into being; answers the partitions that are the consumer's own now. Null when there is no
    /// topic to join with. A change stays pending until <see cref="Settle"/>: a handler that throws on the way must not keep the consumer from its partitions.
    /// </summary>
    public IReadOnlyList<ExactlyOnce.TopicPartition>? Reconcile()
    {
        if (Session is null || HasNewTopics())
            Join();
        if (Session is null)
            return null;
        _isSettled = false;
        return Session.ReconcileAsync(CancellationToken.None).AsTask().GetAwaiter().GetResult().Partitions;
    }

    /// <summary>The consumer has what <see cref="Reconcile"/> answered.</summary>
    public void Settle() => _isSettled = true;

    /// <summary>The group has put the member out.</summary>
    public void Lose()
    {
        Session = null;
        _joined = [];
    }

    public void Leave()
    {
        if (Session is { } session)
            session.DisposeAsync().AsTask().GetAwaiter().GetResult();
        Lose();
    }

    private void Join()
    {
        Leave();
        _joined = ExistingTopics();
        if (_joined.Count == 0)
            return;
        Session = broker.Backend.JoinGroupAsync(
            new GroupJoinRequest { Group = settings.Group, InstanceId = settings.InstanceId, Topics = _joined, Assignor = settings.Assignor },
            CancellationToken.None).AsTask().GetAwaiter().GetResult();
        Session.Attach(signal);
        _isSettled = false;
    }

    private bool HasNewTopics() => (Missing.Count > 0 || Subscription!.Exists(IsPattern)) && !ExistingTopics().SequenceEqual(_joined);

    private List<string> ExistingTopics()
    {
        var backend = broker.Backend;
        if (settings.MayCreateTopics && broker.Options.AutoCreateTopics)
            foreach (var topic in Subscription!.Where(topic => !IsPattern(topic)))
                _ = TopicResolution.ResolveAsync(backend, topic, mayCreate: true, CancellationToken.None).AsTask().GetAwaiter().GetResult();
        var topics = backend.ListTopics().Where(topic => !topic.IsInternal).Select(topic => topic.Name).ToList();
        Missing = [.. Subscription!.Where(topic => !IsPattern(topic) && !topics.Contains(topic))];
        return [.. topics.Where(topic => Subscription!.Exists(each => IsPattern(each) ? Regex.IsMatch(topic, each) : each == topic))];
    }

    private static bool IsPattern(string topic) => topic.StartsWith('^');
}
