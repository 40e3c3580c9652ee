using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using ExactlyOnce.Kernel.Groups;
using ExactlyOnce.Kernel.Groups.Classic;
using ExactlyOnce.Kernel.Groups.Consumers;
using ExactlyOnce.Kernel.Groups.Offsets;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Tests.Golden;

namespace ExactlyOnce.Tests.Kernel.Groups;

/// <summary>
/// The words of group scripts. The group is "g" unless named; partitions are topic/index, offsets topic/index:offset. Every answer names its verdict, what the
/// caller got, whose waits ended, who was fenced and, in brackets, the records: those in capitals are durable.
/// </summary>
internal sealed class GroupInterpreter
{
    private GroupWorld _world = new();
    private GoldenCommand _command = null!;

    private GroupCoordinatorState State => _world.State;

    private string Group => _command.Text("group", "g");

    private string Member => _command.Text("member");

    private string? Instance => _command.Named.GetValueOrDefault("instance");

    public string Execute(GoldenCommand command)
    {
        _command = command;
        return command.Verb switch
        {
            "broker" => Open(),
            "topics" => SetCounts(),
            "wait" => Wait(),
            "clock" => Clock(),
            "restart" => Print(command.Has("snapshot") ? _world.RestartFromSnapshot() : _world.RestartFromJournal()),
            "group" => Describe(),
            "deadline" => State.NextDeadlineMs == long.MaxValue ? "never" : $"in {State.NextDeadlineMs - _world.NowMs}",
            _ => Membership() ?? Offsets() ?? throw new InvalidDataException($"Unknown command '{command.Verb}'."),
        };
    }

    private string? Membership() => _command.Verb switch
    {
        "join" => PrintAssignment(_world.Run(State.DecideJoin(JoinRequest(), _world.Counts, _world.NowMs))),
        "reconcile" => PrintAssignment(_world.Run(State.DecideReconcile(Group, Member, Instance, _world.NowMs))),
        "beat" => PrintAssignment(_world.Run(State.DecideHeartbeat(HeartbeatRequest(), _world.Counts, _world.NowMs))),
        "leave" => Print(_world.Run(Leave())),
        "fence" => Print(_world.Run(State.DecideFence(Group, Member, _world.Counts, _world.NowMs))),
        "topic-change" => TopicChange(),
        "topic-deletion" => TopicDeletion(),
        "pending?" => State.IsChangePending(Group, Member) ? "yes" : "no",
        "classic-join" => PrintClassic(_world.Run(State.DecideClassicJoin(ClassicJoin(), _world.NowMs))),
        "classic-sync" => PrintClassic(_world.Run(State.DecideClassicSync(ClassicSync(), _world.NowMs))),
        "classic-beat" => Print(_world.Run(State.DecideClassicHeartbeat(Group, Member, Instance, _command.Int("generation"), _world.NowMs))),
        "classic-leave" => Print(_world.Run(State.DecideClassicLeave(Group, Member, Instance, _world.NowMs))),
        _ => null,
    };

    private string? Offsets() => _command.Verb switch
    {
        "commit" => PrintCommit(_world.Run(State.DecideOffsetCommit(CommitRequest(), _world.NowMs))),
        "txn-commit" => PrintCommit(_world.Run(State.DecideTransactionalOffsetCommit(Producer(), CommitRequest(), _world.NowMs))),
        "txn-end" => Print(_world.Run(State.DecideTransactionEnd(_command.Long("producer"), _command.Has("committed")))),
        "fetch" => Fetch(),
        "fetch-check" => State.CheckFetch(Group, Member, _command.Int("epoch")).ToString(),
        "expire" => Print(_world.Run(State.DecideExpiry(_world.NowMs))),
        "delete-group" => Print(_world.Run(State.DecideDeleteGroup(Group))),
        "delete-offsets" => PrintCommit(_world.Run(State.DecideDeleteOffsets(Group, Partitions(_command.Text("partitions"))))),
        _ => null,
    };

    private string Open()
    {
        _world = new GroupWorld(GroupSettings.Default with
        {
            StrictKafka = _command.Has("strict"),
            InitialRebalanceDelayMs = _command.Int("delay"),
            MembersMax = _command.Int("members", 10_000),
            OffsetsPerTransactionMax = _command.Int("transaction-offsets", 10_000),
            OffsetsPerCommitMax = _command.Int("commit-offsets", 10_000),
            OffsetMetadataCharsMax = _command.Int("metadata", 4_096),
        });
        return "ok";
    }

    private string SetCounts()
    {
        foreach (var (topic, count) in _command.Named)
            _world.Counts[Number(topic)] = Number(count);
        return "ok";
    }

    private string TopicChange()
    {
        SetCounts();
        return Print(_world.Run(State.DecideTopicChange(Number(_command.Named.Keys.First()), _world.Counts, _world.NowMs)));
    }

    private string TopicDeletion()
    {
        var topic = _command.Int("topic");
        _world.Counts.Remove(topic);
        return Print(_world.Run(State.DecideTopicDeletion(topic, _world.Counts, _world.NowMs)));
    }

    private string Wait()
    {
        _world.NowMs += _command.Long("ms");
        return Print(_world.Run(State.DecideTimeouts(_world.Counts, _world.NowMs)));
    }

    // Time passes in which everybody is heard in time.
    private string Clock()
    {
        _world.NowMs += _command.Long("ms");
        return "ok";
    }

    private GroupDecision Leave() => _command.Has("temporarily")
        ? State.DecideLeaveTemporarily(Group, Member, Instance!, _world.NowMs)
        : State.DecideLeave(Group, Member, Instance, _world.Counts, _world.NowMs);

    private ConsumerJoinRequest JoinRequest() => new()
    {
        Group = Group,
        MemberId = Member,
        InstanceId = Instance,
        Origin = _command.Has("network") ? MemberOrigin.Network : MemberOrigin.InProcess,
        Topics = Numbers(_command.Text("topics", "1")),
        Assignor = _command.Text("assignor", "uniform"),
        RebalanceTimeoutMs = _command.Int("timeout", 60_000),
    };

    private ConsumerHeartbeatRequest HeartbeatRequest() => new()
    {
        Group = Group,
        MemberId = Member,
        InstanceId = Instance,
        MemberEpoch = _command.Int("epoch"),
        Owned = _command.Named.TryGetValue("owned", out var owned) ? [.. Partitions(owned)] : null,
        Topics = _command.Named.TryGetValue("topics", out var topics) ? Numbers(topics) : null,
    };

    private ClassicJoinRequest ClassicJoin() => new()
    {
        Group = Group,
        MemberId = Member,
        NewMemberId = _command.Text("new", "unused"),
        InstanceId = Instance,
        SessionTimeoutMs = _command.Int("session", 10_000),
        RebalanceTimeoutMs = _command.Int("rebalance", 60_000),
        ProtocolType = _command.Text("type", "consumer"),
        Protocols = [.. _command.Text("protocols", "range").Split(',').Select(name => new ClassicProtocol(name, Encoding.UTF8.GetBytes(_command.Text("says", "t1"))))],
        Topics = _command.Named.TryGetValue("topics", out var topics) ? Numbers(topics) : null,
        RequiresKnownMemberId = !_command.Has("old"),
        SupportsSkippingAssignment = !_command.Has("old"),
    };

    private ClassicSyncRequest ClassicSync() => new()
    {
        Group = Group,
        MemberId = Member,
        InstanceId = Instance,
        Generation = _command.Int("generation"),
        Protocol = _command.Named.GetValueOrDefault("protocol"),
        Assignments = [.. _command.Text("gives").Split(',', StringSplitOptions.RemoveEmptyEntries).Select(pair => pair.Split(':')).Select(pair => new ClassicAssignment(pair[0], Encoding.UTF8.GetBytes(pair[1])))],
    };

    private ProducerIdentity Producer() => new(_command.Long("producer"), _command.Short("producer-epoch"));

    private OffsetCommitRequest CommitRequest() => new()
    {
        Group = Group,
        MemberId = Member,
        InstanceId = Instance,
        Generation = _command.Int("generation", -1),
        AllOrNothing = _command.Has("together"),
        Offsets = [.. _command.Text("offsets").Split(',').Select(Offset)],
    };

    private static OffsetValue Offset(string text)
    {
        var parts = text.Split(':');
        return new OffsetValue(Partition(parts[0]), Number(parts[1]), Metadata: parts.Length > 2 ? parts[2] : "");
    }

    private string Fetch()
    {
        var partitions = _command.Named.TryGetValue("partitions", out var named) ? Partitions(named) : [.. State.PartitionsWithOffsets(Group)];
        var fetched = State.Fetch(Group, partitions, requireStable: !_command.Has("unstable-too"));
        var lines = partitions.Zip(fetched, (partition, found) => found.Status switch
        {
            FetchStatus.Value => $"{partition} {found.Stored.Offset}{(found.Stored.Metadata.Length > 0 ? " " + found.Stored.Metadata : "")}",
            FetchStatus.Unstable => $"{partition} unstable",
            _ => $"{partition} none",
        });
        return partitions.Length == 0 ? "nothing" : string.Join('\n', lines);
    }

    private string Describe()
    {
        if (State.TryGetGroup(Group) is not { } group)
            return State.StateOf(Group).ToString();
        var lines = new StringBuilder($"{group.Kind} {group.State} {group.Generation}");
        if (group.Kind == GroupKind.Classic)
        {
            foreach (var member in group.Classic.Members)
                lines.Append(CultureInfo.InvariantCulture, $"\n{member.Id}{(group.Classic.LeaderId == member.Id ? " leads" : "")}{(member.IsWaiting ? " waits" : "")}");
        }
        else if (group.Kind == GroupKind.Consumer)
        {
            foreach (var member in group.Consumer!.Members.Values.OrderBy(member => member.Id, StringComparer.Ordinal))
                lines.Append(CultureInfo.InvariantCulture, $"\n{member.Id} at {member.Epoch}: owns {List(member.Owned)}; revoking {List(member.Revoking)}; target {List(member.Target)}");
        }
        return lines.ToString();
    }

    private static string List(ImmutableArray<OwnedPartition> owned) =>
        owned.IsEmpty ? "-" : string.Join(' ', owned.Select(partition => $"{partition.Partition}@{partition.SinceEpoch}"));

    private static string List(ImmutableArray<PartitionKey> partitions) => partitions.IsEmpty ? "-" : string.Join(' ', partitions);

    private static string PrintAssignment(ConsumerDecision decision) =>
        decision.Assignment is { } got
            ? $"epoch {got.MemberEpoch}: {List(got.Partitions)}{(got.IsChangePending ? " (more to come)" : "")}\n{Print(decision, "")}".TrimEnd()
            : Print(decision);

    private static string PrintClassic(ClassicDecision decision)
    {
        var own = decision.MustWait ? "waits" : Answer(decision.Own!);
        return $"{own}\n{Print(decision, "")}".TrimEnd();
    }

    private static string Answer(ClassicAnswer answer)
    {
        if (answer.Verdict != GroupVerdict.None)
            return $"{answer.MemberId}: {answer.Verdict}";
        if (answer.Wait == ClassicWait.Sync)
            return $"{answer.MemberId} gets '{Encoding.UTF8.GetString(answer.Assignment.Span)}'";
        var members = string.Join(' ', answer.Members.Select(member => $"{member.MemberId}={Encoding.UTF8.GetString(member.Metadata.Span)}"));
        return $"{answer.MemberId} is in generation {answer.Generation} by {answer.Protocol}, led by {answer.LeaderId}"
            + (members.Length > 0 ? $" [{members}]" : "") + (answer.SkipAssignment ? " (assignment stands)" : "");
    }

    private static string PrintCommit(OffsetCommitDecision decision)
    {
        var partitions = decision.PartitionVerdicts.Count > 0 ? $"{decision.Verdict}: {string.Join(' ', decision.PartitionVerdicts)}" : decision.Verdict.ToString();
        return $"{partitions}\n{Print(decision, "")}".TrimEnd();
    }

    private static string Print(GroupDecision decision) => Print(decision, decision.Verdict + "\n").TrimEnd();

    private static string Print(GroupDecision decision, string head)
    {
        var text = new StringBuilder(head);
        foreach (var answer in decision.Completed)
            text.Append("also ").Append(Answer(answer)).Append('\n');
        foreach (var fenced in decision.Fenced)
            text.Append("fenced ").Append(fenced.MemberId).Append(": ").Append(fenced.Reason).Append('\n');
        if (decision.Records.Count > 0)
            text.Append('[').AppendJoin(' ', decision.Records.Select(Name)).Append(']');
        return text.ToString();
    }

    private static string Name(GroupRecord record)
    {
        var name = record switch
        {
            ConsumerGroupChanged changed => $"epoch-{changed.Epoch}",
            ConsumerMemberChanged changed => $"member-{changed.Member.Id}",
            ConsumerMemberRemoved removed => $"removed-{removed.MemberId}",
            ClassicGroupChanged changed => $"classic-{changed.State.Generation}",
            OffsetsCommitted => "committed",
            TransactionOffsetsWritten => "pending",
            TransactionOffsetsEnded => "ended",
            OffsetsDeleted deleted => $"deleted-{string.Join('+', deleted.Partitions)}",
            TopicOffsetsDropped => "dropped",
            GroupDeleted => "forgotten",
            _ => throw new InvalidDataException(record.GetType().Name),
        };
        return record.IsDurable ? name.ToUpperInvariant() : name;
    }

    private static PartitionKey[] Partitions(string text) => [.. text.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(Partition)];

    private static PartitionKey Partition(string text)
    {
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        return new PartitionKey(Number(text[..slash]), Number(text[(slash + 1)..]));
    }

    private static ImmutableArray<int> Numbers(string text) => [.. text.Split(',').Select(Number)];

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
