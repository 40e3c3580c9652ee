using ExactlyOnce.Clients.Consuming;
using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Torture.Hammering;

/// <summary>
/// A member of a group that reads what it is given and commits where it stands. It joins and leaves; and now and then it is lost: it neither reads nor gives up
/// anything until the group has put it out, and then comes back as a zombie that commits what it believes to be its own.
/// </summary>
internal sealed class MemberActor(HammeredBroker broker, Random random) : HammerActor(broker, random)
{
    private readonly Dictionary<TopicPartition, (int Consumer, long Position)> _places = [];
    private GroupSession? _session;
    private bool _willBeLost;

    private GroupMembership Self => new(_session!.MemberId, _session.Assignment.MemberEpoch);

    protected override async Task TurnAsync(CancellationToken stop)
    {
        try
        {
            if (_session is null)
                await JoinAsync();
            else if (_session.IsChangePending)
                await ReconcileAsync();
            else
                await GoOnAsync(stop);
        }
        catch (BrokerException exception) when (IsExpected(exception.Code))
        {
            // Put out; whoever has its partitions now was told so.
            _places.Clear();
            _session = null;
            History.Count("put out");
        }
    }

    protected override async ValueTask EndAsync()
    {
        if (_session is not null)
            await LeaveAsync();
    }

    private async Task GoOnAsync(CancellationToken stop)
    {
        switch (Random.Next(100))
        {
            case < 3:
                await LeaveAsync();
                // The others share what it had, and will have to give it back.
                await Task.Delay(Random.Next(500), stop);
                break;
            case < 8 when _willBeLost:
                await Task.Delay(Random.Next(1_000, 4_000), stop);
                await CommitAsync();
                break;
            case < 20:
                await CommitAsync();
                break;
            default:
                await PollAsync(stop);
                break;
        }
    }

    // Who means to stay has a minute: a thread that is not run for a while must not be put out between an answer and its note in the history.
    private async Task JoinAsync()
    {
        _willBeLost = Random.Next(2) == 0;
        _session = await Hammered.Backend.JoinGroupAsync(
            new GroupJoinRequest { Group = HammerTopics.ReadersGroup, Topics = [HammerTopics.Plain.Name], RebalanceTimeout = _willBeLost ? TimeSpan.FromSeconds(1) : TimeSpan.FromMinutes(1) },
            CancellationToken.None);
        History.Count("joins");
        await TakeAsync(_session.Assignment.Partitions);
    }

    private async Task ReconcileAsync()
    {
        // It stops reading and committing before it says so.
        var kept = new Dictionary<TopicPartition, (int, long)>(_places);
        Release();
        var assignment = await _session!.ReconcileAsync(CancellationToken.None);
        foreach (var partition in assignment.Partitions)
            if (kept.TryGetValue(partition, out var place))
                _places[partition] = place;
        await TakeAsync(assignment.Partitions);
    }

    private async Task LeaveAsync()
    {
        var session = _session!;
        Release();
        _session = null;
        await session.DisposeAsync();
    }

    private void Release()
    {
        if (_places.Count > 0)
            History.Observe(new Revoked(HammerTopics.ReadersGroup, Self, [.. _places.Keys]), Process);
        _places.Clear();
    }

    private async Task TakeAsync(IReadOnlyList<TopicPartition> partitions)
    {
        if (partitions.Count > 0)
            History.Observe(new Assigned(HammerTopics.ReadersGroup, Self, partitions), Process);
        var gained = partitions.Where(partition => !_places.ContainsKey(partition)).ToArray();
        if (gained.Length == 0)
            return;
        var fetch = Invoke(new FetchOffsets(HammerTopics.ReadersGroup, gained));
        var committed = await Hammered.Backend.FetchOffsetsAsync(HammerTopics.ReadersGroup, gained, CancellationToken.None);
        Complete(fetch, new OffsetsAnswer(committed.ToDictionary(pair => pair.Key, pair => pair.Value.Offset)));
        foreach (var partition in gained)
            _places[partition] = (History.NewNumber(), committed.TryGetValue(partition, out var offset) ? offset.Offset : LogStartOf(partition));
    }

    private async Task PollAsync(CancellationToken stop)
    {
        if (_places.Count == 0)
        {
            await Task.Delay(2, stop);
            return;
        }
        var partition = Pick(_places.Keys.ToArray());
        var (consumer, position) = _places[partition];
        var poll = Invoke(new Poll(consumer, IsCommitted: true));
        try
        {
            var read = Hammered.Read(Hammered.Partition(partition), partition, position, isCommitted: true, Random.Next(1, 8 << 10));
            Complete(poll, new RecordsAnswer([read]));
            _places[partition] = (consumer, read.End);
            if (read.Records.Count == 0)
                await Task.Delay(1, stop);
        }
        catch (BrokerException exception) when (exception.Code == ErrorCode.OffsetOutOfRange)
        {
            Fail(poll, exception);
            _places[partition] = (History.NewNumber(), LogStartOf(partition));
        }
    }

    private async Task CommitAsync()
    {
        if (_places.Count == 0)
            return;
        var positions = _places.ToDictionary(place => place.Key, place => place.Value.Position);
        var commit = Invoke(new CommitOffsets(HammerTopics.ReadersGroup, positions, Member: Self));
        try
        {
            await _session!.CommitAsync(positions.ToDictionary(pair => pair.Key, pair => new CommittedOffset(pair.Value)), CancellationToken.None);
        }
        catch (BrokerException exception)
        {
            Fail(commit, exception);
            throw;
        }
        Complete(commit);
        History.Count("commits");
    }

    private long LogStartOf(TopicPartition partition)
    {
        var start = Hammered.Partition(partition).ReadableFrom;
        History.NoteLogStart(partition, start);
        return start;
    }

    private static bool IsExpected(ErrorCode code) =>
        code is ErrorCode.UnknownMemberId or ErrorCode.StaleMemberEpoch or ErrorCode.FencedMemberEpoch or ErrorCode.IllegalGeneration;
}
