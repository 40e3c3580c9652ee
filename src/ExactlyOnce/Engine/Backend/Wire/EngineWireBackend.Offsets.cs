using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Kernel.Groups;
using ExactlyOnce.Kernel.Groups.Offsets;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Engine.Backend.Wire;

/// <content>Committed offsets, plain and in transactions. Partitions that do not exist are answered here; the group hears of the others.</content>
internal sealed partial class EngineWireBackend
{
    public override async ValueTask<ErrorCode[]> CommitOffsetsAsync(OffsetCommitCall call)
    {
        ThrowIfUnable();
        var request = ToRequest(call, isTransactional: false, out var places);
        var reply = _engine.Groups.Commit(request, _engine.NowMs);
        await VisibilityWait.For(_engine, reply.Lsn);
        return Answer(call, reply.Decision, places, verdict => ToCommitError(verdict, call));
    }

    public override async ValueTask<ErrorCode[]> CommitTransactionOffsetsAsync(TransactionCaller caller, OffsetCommitCall call)
    {
        ThrowIfUnable();
        var request = ToRequest(call, isTransactional: true, out var places);
        var reply = _engine.Transactions.AddOffsets(caller.TransactionalId, caller.Identity, request, Client(caller), _engine.NowMs, out var judged, out var deadlineMs);
        _engine.Deadlines.RearmFor(deadlineMs);
        await VisibilityWait.For(_engine, reply.Lsn);
        if (judged is not null)
            return Answer(call, judged, places, ToTransactionalCommitError);
        var refused = ToError(reply.Decision.Verdict);
        // Kafka meets an old epoch where the offsets are appended, as with any batch.
        return Every(call.Offsets.Count, Note(refused == ErrorCode.ProducerFenced ? ErrorCode.InvalidProducerEpoch : refused));
    }

    public override async ValueTask<OffsetFetchAnswer> FetchOffsetsAsync(OffsetFetchCall call)
    {
        _engine.ThrowIfClosed();
        int[] places = [];
        var keys = call.Partitions is { } named ? Resolve(named, out places) : null;
        var (verdict, partitions, found, lsn) = _engine.Groups.FetchFor(call.Group, call.MemberId, call.MemberEpoch, keys, call.RequireStable);
        await VisibilityWait.For(_engine, lsn);
        if (verdict != GroupVerdict.None)
            return new OffsetFetchAnswer((ErrorCode)verdict, []);
        return new OffsetFetchAnswer(ErrorCode.None, call.Partitions is { } asked ? InOrder(asked, places, found) : AllOf(partitions, found));
    }

    public override async ValueTask<OffsetDeleteAnswer> DeleteOffsetsAsync(string group, IReadOnlyList<TopicPartition> partitions)
    {
        ThrowIfUnable();
        var keys = Resolve(partitions, out var places);
        var reply = _engine.Groups.DeleteOffsets(group, keys, _engine.NowMs);
        await VisibilityWait.For(_engine, reply.Lsn);
        if (reply.Decision.Verdict != GroupVerdict.None)
            return new OffsetDeleteAnswer((ErrorCode)reply.Decision.Verdict, []);
        return new OffsetDeleteAnswer(ErrorCode.None, Array.ConvertAll(
            places, place => place < 0 ? ErrorCode.UnknownTopicOrPartition : (ErrorCode)VerdictOf(reply.Decision, place)));
    }

    /// <summary>The request as the group sees it, and where in it each offset of the call stands; −1 for a partition that does not exist.</summary>
    private OffsetCommitRequest ToRequest(OffsetCommitCall call, bool isTransactional, out int[] places)
    {
        var values = new List<OffsetValue>(call.Offsets.Count);
        places = new int[call.Offsets.Count];
        for (var i = 0; i < places.Length; i++)
        {
            var offset = call.Offsets[i];
            places[i] = -1;
            if (KeyOf(offset.Partition) is not { } key)
                continue;
            places[i] = values.Count;
            values.Add(new OffsetValue(key, offset.Offset, offset.LeaderEpoch, offset.Metadata ?? ""));
        }
        return new OffsetCommitRequest
        {
            Group = call.Group,
            Generation = call.Generation,
            MemberId = call.MemberId,
            InstanceId = call.InstanceId,
            Offsets = values,
            KnowsMissingGroups = call.KnowsMemberEpochs,
            MayLackMembership = isTransactional,
        };
    }

    private static ErrorCode[] Answer(OffsetCommitCall call, OffsetCommitDecision decision, int[] places, Func<GroupVerdict, ErrorCode> toError)
    {
        var errors = new ErrorCode[call.Offsets.Count];
        for (var i = 0; i < errors.Length; i++)
            errors[i] = places[i] < 0 ? ErrorCode.UnknownTopicOrPartition : toError(VerdictOf(decision, places[i]));
        return errors;
    }

    private static GroupVerdict VerdictOf(OffsetCommitDecision decision, int place) =>
        decision.Verdict != GroupVerdict.None || decision.PartitionVerdicts.Count == 0 ? decision.Verdict : decision.PartitionVerdicts[place];

    // A client that has never heard of member epochs is in a group of another kind than it believes.
    private static ErrorCode ToCommitError(GroupVerdict verdict, OffsetCommitCall call) =>
        verdict == GroupVerdict.StaleMemberEpoch && !call.KnowsMemberEpochs ? ErrorCode.UnsupportedVersion : (ErrorCode)verdict;

    private static ErrorCode ToTransactionalCommitError(GroupVerdict verdict) =>
        verdict == GroupVerdict.StaleMemberEpoch ? ErrorCode.IllegalGeneration : (ErrorCode)verdict;

    /// <summary>The partitions that exist, and where among them each of the call's stands; −1 for one that does not.</summary>
    private List<PartitionKey> Resolve(IReadOnlyList<TopicPartition> partitions, out int[] places)
    {
        var keys = new List<PartitionKey>(partitions.Count);
        places = new int[partitions.Count];
        for (var i = 0; i < places.Length; i++)
        {
            places[i] = -1;
            if (KeyOf(partitions[i]) is not { } key)
                continue;
            places[i] = keys.Count;
            keys.Add(key);
        }
        return keys;
    }

    private static FetchedPartitionOffset[] InOrder(IReadOnlyList<TopicPartition> asked, int[] places, FetchedOffset[] found)
    {
        var offsets = new FetchedPartitionOffset[places.Length];
        for (var i = 0; i < offsets.Length; i++)
            offsets[i] = ToOffset(asked[i], places[i] < 0 ? default : found[places[i]]);
        return offsets;
    }

    private List<FetchedPartitionOffset> AllOf(IReadOnlyList<PartitionKey> partitions, FetchedOffset[] found)
    {
        var offsets = new List<FetchedPartitionOffset>(found.Length);
        for (var i = 0; i < found.Length; i++)
            if (_engine.Partitions.Find(partitions[i]) is { } partition)
                offsets.Add(ToOffset(partition.Name, found[i]));
        return offsets;
    }

    private static FetchedPartitionOffset ToOffset(TopicPartition partition, in FetchedOffset found) => found.Status switch
    {
        FetchStatus.Value => new FetchedPartitionOffset(partition, ErrorCode.None, found.Stored.Offset, found.Stored.LeaderEpoch, found.Stored.Metadata),
        FetchStatus.Unstable => new FetchedPartitionOffset(partition, ErrorCode.UnstableOffsetCommit, -1, -1, ""),
        _ => new FetchedPartitionOffset(partition, ErrorCode.None, -1, -1, ""),
    };
}
