using ExactlyOnce.Clients.Consuming;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Testing.Simulation.Clients;

/// <summary>The half of a client that is a member of a group: its membership, and where it stands in each of its partitions.</summary>
internal sealed class GroupReading(SimulatedBroker broker, string group)
{
    private readonly Dictionary<TopicPartition, Place> _places = [];

    public GroupSession? Session { get; private set; }

    public bool IsMember => Session is not null;

    public bool IsChangePending => Session!.IsChangePending;

    public string Group => group;

    private GroupMembership Self => new(Session!.MemberId, Session.Assignment.MemberEpoch);

    public async Task JoinAsync(int process, IReadOnlyList<string> topics, TimeSpan rebalanceTimeout)
    {
        Session = await broker.Backend.JoinGroupAsync(
            new GroupJoinRequest { Group = group, Topics = topics, RebalanceTimeout = rebalanceTimeout }, CancellationToken.None);
        await TakeAsync(process, Session.Assignment.Partitions);
    }

    /// <summary>Gives up what it has to, takes what it may, and goes on where the group stands.</summary>
    public async Task ReconcileAsync(int process)
    {
        // It stops reading and committing before it says so.
        var before = Self;
        var had = _places.Values.Select(place => place.Name).ToArray();
        if (had.Length > 0)
            broker.Observe(new Revoked(group, before, had), process);
        var kept = new Dictionary<TopicPartition, Place>(_places);
        _places.Clear();
        var assignment = await Session!.ReconcileAsync(CancellationToken.None);
        foreach (var name in assignment.Partitions)
            if (kept.TryGetValue(name, out var place) && !place.Partition.IsRetired)
                _places[name] = place;
        await TakeAsync(process, assignment.Partitions);
    }

    public async Task LeaveAsync(int process)
    {
        var session = Session!;
        if (_places.Count > 0)
            broker.Observe(new Revoked(group, Self, [.. _places.Values.Select(place => place.Name)]), process);
        Forget();
        await session.DisposeAsync();
    }

    public void Forget()
    {
        Session = null;
        _places.Clear();
    }

    /// <summary>Reads on in one of its partitions. Null when there is nothing.</summary>
    public (Partition Partition, PartitionRead Read)? Poll(int process, int bytesMax, long? transaction, SimulationRandom random)
    {
        if (_places.Count == 0)
            return null;
        var place = random.Pick(_places.Values.ToArray());
        var poll = broker.Invoke(process, new Poll(place.Consumer, IsCommitted: true, Transaction: transaction));
        try
        {
            var read = broker.Read(place.Partition, place.Position, isCommitted: true, bytesMax);
            place.Position = read.End;
            broker.Complete(process, poll, Outcome.Ok, new RecordsAnswer([read]));
            return (place.Partition, read);
        }
        catch (BrokerException exception)
        {
            broker.Complete(process, poll, Outcome.Failed, error: exception.Code.ToString());
            // Overtaken by retention, or gone with its topic.
            place.Consumer = broker.NewNumber();
            place.Position = place.Partition.View.LogStart;
            return null;
        }
    }

    /// <summary>Where it stands: what a commit says.</summary>
    public Dictionary<TopicPartition, long> Positions()
    {
        var positions = new Dictionary<TopicPartition, long>();
        foreach (var (name, place) in _places)
            if (!place.Partition.IsRetired)
                positions.Add(name, place.Position);
        return positions;
    }

    public (CommitOffsets Call, Dictionary<TopicPartition, CommittedOffset> Offsets) Commit(Dictionary<TopicPartition, long> positions, long? transaction)
    {
        var named = positions.ToDictionary(position => _places[position.Key].Name, position => position.Value);
        return (new CommitOffsets(group, named, transaction, Self), positions.ToDictionary(position => position.Key, position => new CommittedOffset(position.Value)));
    }

    private async Task TakeAsync(int process, IReadOnlyList<TopicPartition> partitions)
    {
        var session = Session;
        var gained = partitions.Where(name => !_places.ContainsKey(name)).ToArray();
        var committed = gained.Length == 0 ? null : await FetchAsync(process, gained);
        if (session != Session)
            return;
        foreach (var name in gained)
            if (broker.Engine.Partitions.Find(name) is { } partition)
                _places[name] = new Place(partition, broker.NameOf(partition))
                {
                    Consumer = broker.NewNumber(),
                    Position = committed!.TryGetValue(name, out var offset) ? offset.Offset : partition.View.LogStart,
                };
        // Who was put out while he asked for the offsets is a zombie before he begins; that what he commits is refused is seen when he does.
        if (_places.Count > 0 && broker.Engine.State.Groups.TryGetGroup(group)?.Consumer?.TryGetMember(Session!.MemberId) is not null)
            broker.Observe(new Assigned(group, Self, [.. _places.Values.Select(place => place.Name)]), process);
    }

    private async Task<IReadOnlyDictionary<TopicPartition, CommittedOffset>> FetchAsync(int process, TopicPartition[] partitions)
    {
        var names = new Dictionary<TopicPartition, TopicPartition>();
        foreach (var partition in partitions)
            if (broker.Engine.Partitions.Find(partition) is { } found)
                names.Add(partition, broker.NameOf(found));
        var fetch = broker.Invoke(process, new FetchOffsets(group, [.. names.Values]));
        try
        {
            var offsets = await broker.Backend.FetchOffsetsAsync(group, names.Keys, CancellationToken.None);
            broker.Complete(process, fetch, Outcome.Ok, new OffsetsAnswer(offsets.ToDictionary(pair => names[pair.Key], pair => pair.Value.Offset)));
            return offsets;
        }
        catch (BrokerException exception)
        {
            broker.Complete(process, fetch, SimulatedBroker.OutcomeOf(exception), error: exception.Code.ToString());
            throw;
        }
    }

    private sealed class Place(Partition partition, TopicPartition name)
    {
        public Partition Partition => partition;

        public TopicPartition Name => name;

        public int Consumer { get; set; }

        public long Position { get; set; }
    }
}
