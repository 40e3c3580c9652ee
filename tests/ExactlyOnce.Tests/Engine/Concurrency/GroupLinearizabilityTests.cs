using CsCheck;
using ExactlyOnce.Engine.Backend;
using ExactlyOnce.Engine.Coordination;
using ExactlyOnce.Kernel.Groups;
using ExactlyOnce.Kernel.Groups.Consumers;
using ExactlyOnce.Kernel.Groups.Offsets;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Tests.Engine.Concurrency;

/// <summary>
/// The group coordinator under threads is one that was asked one thing after the other: one holder at a time, no commit of who is not, the last commit is what
/// is fetched.
/// </summary>
public sealed class GroupLinearizabilityTests
{
    private static readonly Gen<int> s_member = Gen.Int[0, 2];

    private static readonly Gen<int> s_offset = Gen.Int[0, 1_000];

    private static readonly Gen<GroupStep> s_join = s_member.Select(member => (GroupStep)new GroupStep.Join(member));

    private static readonly Gen<GroupStep> s_reconcile = s_member.Select(member => (GroupStep)new GroupStep.Reconcile(member));

    private static readonly Gen<GroupStep> s_leave = s_member.Select(member => (GroupStep)new GroupStep.Leave(member));

    private static readonly Gen<GroupStep> s_commit = Gen.Select(
        s_member, Gen.Int[1, 5], s_offset, (member, epoch, offset) => (GroupStep)new GroupStep.Commit(member, epoch, offset));

    private static readonly Gen<GroupStep> s_outside = s_offset.Select(offset => (GroupStep)new GroupStep.CommitOutside(offset));

    private static readonly Gen<GroupStep> s_fetch = Gen.Const(0).Select(_ => (GroupStep)new GroupStep.Fetch());

    [Theory]
    [InlineData(Durability.Memory)]
    [InlineData(Durability.Flushed)]
    public void Joins_leaves_heartbeats_and_commits_happen_one_after_the_other(Durability durability) => Linearizability.Check(
        durability,
        Gen.OneOf(s_join, s_join, s_reconcile, s_reconcile, s_leave, s_commit, s_commit, s_commit, s_outside, s_fetch),
        share => new GroupSubject(share),
        () => new GroupModel());

    private sealed class GroupSubject(EngineShare share) : Subject<GroupStep>(share)
    {
        private string _group = "";
        private PartitionKey _partition;

        private GroupCoordinator Groups => Engine.Engine.Groups;

        private long NowMs => Engine.Engine.NowMs;

        protected override void Prepare(ThreadedEngine engine)
        {
            engine.CreateTopic(partitions: 1);
            _group = $"group-{engine.Number}";
            _partition = engine.Engine.Partitions.Find(engine.Partition(0).Id)!.Key;
        }

        protected override string Answer(GroupStep step) => step switch
        {
            GroupStep.Join join => Told(Groups.Join(Request(join.Member), NowMs)),
            GroupStep.Reconcile reconcile => Told(Groups.Reconcile(_group, Name(reconcile.Member), null, NowMs)),
            GroupStep.Leave leave => Told(Groups.Leave(_group, Name(leave.Member), null, NowMs), "left"),
            GroupStep.Commit commit => Told(Groups.Commit(Positions(commit.Offset) with { MemberId = Name(commit.Member), Generation = commit.Epoch }, NowMs)),
            GroupStep.CommitOutside commit => Told(Groups.Commit(Positions(commit.Offset), NowMs)),
            GroupStep.Fetch => Fetch(),
            _ => throw new ArgumentOutOfRangeException(nameof(step)),
        };

        protected override string ReadState()
        {
            lock (Engine.Engine.State.Lock)
            {
                var members = Engine.Engine.State.Groups.TryGetGroup(_group)?.Consumer?.Members.Keys.Order(StringComparer.Ordinal) ?? Enumerable.Empty<string>();
                return $"members {string.Join(' ', members.Select(member => member[1..]))}, {Fetch()}";
            }
        }

        private ConsumerJoinRequest Request(int member) => new()
        {
            Group = _group,
            MemberId = Name(member),
            Origin = MemberOrigin.InProcess,
            Topics = [_partition.Topic],
        };

        private OffsetCommitRequest Positions(long offset) => new() { Group = _group, Offsets = [new OffsetValue(_partition, offset)], AllOrNothing = true };

        private string Told(GroupReply<ConsumerDecision> reply) => Told(
            reply, $"epoch {reply.Decision.Assignment?.MemberEpoch}, {(reply.Decision.Assignment?.Partitions.Length > 0 ? "has it" : "has nothing")}");

        private string Told(GroupReply<OffsetCommitDecision> reply) => Told(reply, "committed");

        private string Told<TDecision>(GroupReply<TDecision> reply, string answer)
            where TDecision : GroupDecision
        {
            ThreadedEngine.Wait(VisibilityWait.For(Engine.Engine, reply.Lsn));
            return reply.Decision.Verdict == GroupVerdict.None ? answer : ThreadedEngine.Refused;
        }

        private string Fetch()
        {
            var (offsets, lsn) = Groups.Fetch(_group, [_partition]);
            ThreadedEngine.Wait(VisibilityWait.For(Engine.Engine, lsn));
            return offsets[0].Status == FetchStatus.Value ? $"offset {offsets[0].Stored.Offset}" : "no offset";
        }

        private static string Name(int member) => $"m{member}";
    }
}
