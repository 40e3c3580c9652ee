using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Testing.Workloads;

/// <content>Topics that come and go, log starts that move, offsets that a group has noted, and the batch that is sent again.</content>
internal sealed partial class Promises
{
    private readonly Dictionary<string, TopicPromise> _topics = [];
    private readonly HashSet<string> _leftAlone = [];
    private readonly Dictionary<TopicPartition, (long Min, long Max)> _starts = [];
    private readonly Dictionary<TopicPartition, List<long>> _noted = [];

    private enum Standing
    {
        Creating,
        There,
        Deleting,
        Gone,
    }

    /// <summary>The last batch of the producer that counts for itself.</summary>
    public SignedPromise? Signed { get; private set; }

    /// <summary>A test looks after the topic by itself: its records are not read, and nothing about it is checked.</summary>
    public void LeaveAlone(string topic) => _leftAlone.Add(topic);

    public bool LeavesAlone(string topic) => _leftAlone.Contains(topic);

    /// <summary>It is asked for, or answered, that a topic with so many partitions is there.</summary>
    public void NoteTopic(string topic, int partitions, bool isAnswer)
    {
        Note(isAnswer);
        var known = _topics.GetValueOrDefault(topic, new TopicPromise(Standing.Gone, 0, 0));
        // Nobody knows whether the old topic is deleted; it is only seen that there is room for a new one.
        if (known.Standing == Standing.Deleting)
            _mayVanish.UnionWith(_acknowledged.Where(pair => pair.Key.Topic == topic).Select(pair => pair.Value));
        // And now it is a new one, with offsets of its own.
        if (isAnswer && known.Standing != Standing.There)
            Forget(topic);
        if (isAnswer)
            _topics[topic] = new TopicPromise(Standing.There, partitions, partitions);
        else
            _topics[topic] = known with { Standing = known.Standing == Standing.There ? Standing.There : Standing.Creating, PartitionsMax = partitions };
    }

    public void NoteDeletion(string topic, bool isAnswer)
    {
        Note(isAnswer);
        _topics[topic] = _topics[topic] with { Standing = isAnswer ? Standing.Gone : Standing.Deleting };
        if (isAnswer)
            Forget(topic);
    }

    /// <summary>It is asked for, or answered, that a log starts here; or, without an answer, at most here.</summary>
    public void NoteStart(TopicPartition partition, long start, bool isAnswer)
    {
        Note(isAnswer);
        var (min, max) = _starts.GetValueOrDefault(partition);
        _starts[partition] = (isAnswer ? start : min, Math.Max(start, max));
    }

    public void NoteOffset(TopicPartition partition, long offset, bool isAnswer)
    {
        Note(isAnswer);
        if (isAnswer)
            _noted[partition] = [offset];
        else if (_noted.TryGetValue(partition, out var possible))
            possible.Add(offset);
        else
            _noted[partition] = [-1, offset];
    }

    /// <summary>A batch is sent by a producer that counts for itself.</summary>
    public void NoteSigned(SignedPromise? signed, bool isAnswer)
    {
        Note(isAnswer);
        Signed = signed;
    }

    /// <summary>A topic's creation may be taken back too.</summary>
    private void WeakenTopics()
    {
        foreach (var (name, topic) in _topics)
            if (topic.Standing == Standing.There)
                _topics[name] = topic with { Standing = Standing.Creating };
    }

    private void CopyTopics(Promises copy)
    {
        foreach (var (name, topic) in _topics)
            copy._topics.Add(name, topic);
        copy._leftAlone.UnionWith(_leftAlone);
        foreach (var (partition, start) in _starts)
            copy._starts.Add(partition, start);
        foreach (var (partition, possible) in _noted)
            copy._noted.Add(partition, [.. possible]);
    }

    private void CheckTopics(LogImage image)
    {
        foreach (var (name, topic) in _topics)
        {
            var isThere = image.Topics.TryGetValue(name, out var partitions);
            Require(topic.Standing is not Standing.There || isThere, $"Topic '{name}' was created and is lost.");
            Require(topic.Standing is not Standing.Gone || !isThere, $"Topic '{name}' was deleted and is there again.");
            Require(!isThere || (partitions >= topic.PartitionsMin && partitions <= topic.PartitionsMax), $"Topic '{name}' has {partitions} partitions instead of {topic.PartitionsMin} to {topic.PartitionsMax}.");
        }
        foreach (var (partition, start) in image.Starts)
        {
            var (min, max) = _starts.GetValueOrDefault(partition);
            Require(start >= min && start <= max, $"The log of {partition} starts at {start} instead of {min} to {max}.");
        }
        foreach (var (partition, possible) in _noted)
        {
            var noted = image.Noted.GetValueOrDefault(partition, -1);
            Require(possible.Contains(noted), $"The offset noted for {partition} is {noted} instead of {string.Join(" or ", possible)}.");
        }
    }

    private bool IsDeleted((string Topic, int Partition, long Offset) at, LogImage image) =>
        (_topics.TryGetValue(at.Topic, out var topic) && topic.Standing == Standing.Deleting && !image.Topics.ContainsKey(at.Topic)) ||
        (_starts.TryGetValue(new TopicPartition(at.Topic, at.Partition), out var start) && at.Offset < start.Max &&
            image.Starts.GetValueOrDefault(new TopicPartition(at.Topic, at.Partition)) > at.Offset);

    private void AdoptTopics(LogImage image)
    {
        foreach (var (name, topic) in _topics.ToList())
        {
            if (image.Topics.TryGetValue(name, out var partitions))
                _topics[name] = new TopicPromise(Standing.There, partitions, partitions);
            else
                _topics[name] = topic with { Standing = Standing.Gone };
            if (topic.Standing == Standing.Deleting && partitions == 0)
                Forget(name);
        }
        foreach (var (partition, start) in image.Starts)
            _starts[partition] = (start, start);
        foreach (var partition in _noted.Keys)
            _noted[partition] = [image.Noted.GetValueOrDefault(partition, -1)];
    }

    private void Forget(string topic)
    {
        foreach (var at in _acknowledged.Keys.Where(at => at.Topic == topic).ToList())
        {
            _attempted.Remove(_acknowledged[at]);
            _acknowledged.Remove(at);
        }
        foreach (var partition in _starts.Keys.Where(partition => partition.Topic == topic).ToList())
            _starts.Remove(partition);
    }

    private sealed record TopicPromise(Standing Standing, int PartitionsMin, int PartitionsMax);
}

/// <summary>A batch as its producer keeps it until it is acknowledged.</summary>
internal sealed record SignedPromise(ProducerIdentity Identity, int Sequence, SignedBatch Batch, string Value)
{
    /// <summary>Where it was acknowledged.</summary>
    public long? Offset { get; init; }
}
