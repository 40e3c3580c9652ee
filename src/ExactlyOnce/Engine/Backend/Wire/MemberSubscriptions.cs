using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using ExactlyOnce.Engine.Coordination;
using ExactlyOnce.Engine.Partitions;

namespace ExactlyOnce.Engine.Backend.Wire;

/// <summary>What a member of a consumer group said it wants, in its own words.</summary>
/// <param name="Names">Topics by name; some may not exist yet.</param>
/// <param name="Regex">Its regular expression; null for none.</param>
/// <param name="Pattern">The same, ready for use.</param>
/// <param name="RackId">Where it is.</param>
internal sealed record MemberSubscription(IReadOnlyList<string> Names, string? Regex, NamePattern? Pattern, string? RackId)
{
    /// <summary>The topics it stands for now; of those that the expression matches, the ones that <paramref name="mayKnowOf"/> lets through.</summary>
    public ImmutableArray<int> Resolve(TopicCatalog topics, Func<string, bool>? mayKnowOf, TimeProvider time)
    {
        var numbers = new SortedSet<int>();
        foreach (var name in Names)
            if (topics.Find(name) is { } topic)
                numbers.Add(topic.Number);
        if (Pattern is not null)
            foreach (var topic in Pattern.Select(topics.Topics.Where(IsPublic), static topic => topic.Name, time))
                if (mayKnowOf?.Invoke(topic.Name) != false)
                    numbers.Add(topic.Number);
        return [.. numbers];
    }

    private static bool IsPublic(TopicRecord.Put topic) => !topic.IsInternal && topic.Name != InternalTopicNames.EndpointSecurity;
}

/// <summary>
/// The subscriptions of network members of consumer groups. The group itself keeps topics by number, which is all that is durable: a topic that comes later is
/// found at the member's next heartbeat, and after a restart of the broker, which forgets the words, once the member says them again. Its own lock, under which
/// no other is taken.
/// </summary>
internal sealed class MemberSubscriptions
{
    private const int PruneAtMin = 1024;

    private readonly Lock _lock = new();
    private readonly Dictionary<(string Group, string MemberId), MemberSubscription> _byMember = [];
    private int _pruneAt = PruneAtMin;

    public MemberSubscription? Find(string group, string memberId)
    {
        lock (_lock)
            return _byMember.GetValueOrDefault((group, memberId));
    }

    /// <summary>Members that ended by themselves are forgotten when there are many: <paramref name="isMember"/> tells.</summary>
    public void Set(string group, string memberId, MemberSubscription subscription, Func<string, string, bool> isMember)
    {
        KeyValuePair<(string Group, string MemberId), MemberSubscription>[] all = [];
        lock (_lock)
        {
            _byMember[(group, memberId)] = subscription;
            if (_byMember.Count > _pruneAt)
                all = [.. _byMember];
        }
        if (all.Length == 0)
            return;
        var gone = all.Where(entry => !isMember(entry.Key.Group, entry.Key.MemberId)).ToArray();
        lock (_lock)
        {
            foreach (var (member, _) in gone)
                _byMember.Remove(member);
            _pruneAt = Math.Max(PruneAtMin, 2 * _byMember.Count);
        }
    }

    public void Remove(string group, string memberId)
    {
        lock (_lock)
            _byMember.Remove((group, memberId));
    }
}
