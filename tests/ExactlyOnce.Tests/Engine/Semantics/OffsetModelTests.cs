using CsCheck;
using ExactlyOnce.Clients.Producing;
using static ExactlyOnce.Tests.Engine.Semantics.TestBroker;

namespace ExactlyOnce.Tests.Engine.Semantics;

public sealed class OffsetModelTests
{
    private enum Step
    {
        Commit,
        CommitInTransaction,
        AbortInTransaction,
        Delete,
    }

    private static readonly Gen<(Step Step, int Group, int Offset)[]> s_steps =
        Gen.Select(Gen.Enum<Step>(), Gen.Int[0, 1], Gen.Int[0, 100]).Array[0, 20];

    [Fact]
    public async Task A_groups_offset_is_a_register_that_only_commits_write() => await s_steps.SampleAsync(
        async steps =>
        {
            await using var broker = await OpenAsync();
            var registers = new long?[2];
            var producer = await SignedProducer.OpenAsync(broker, "t");
            foreach (var (step, index, offset) in steps)
            {
                var group = $"group {index}";
                if (step == Step.Commit)
                    await broker.Admin.ResetGroupOffsetAsync(group, First, offset);
                else if (step == Step.Delete)
                    await DeleteAsync(broker, group);
                else
                    await producer.EndAsync(
                        commit: step == Step.CommitInTransaction,
                        new TransactionOffsets(group, null, new Dictionary<TopicPartition, CommittedOffset> { [First] = new(offset) }));
                registers[index] = step switch
                {
                    Step.Delete => null,
                    Step.AbortInTransaction => registers[index],
                    _ => offset,
                };
                for (var i = 0; i < 2; i++)
                {
                    var stored = await broker.Admin.GetGroupOffsetsAsync($"group {i}", "orders");
                    (stored.TryGetValue(First, out var committed) ? committed.Offset : default(long?)).Should().Be(registers[i]);
                }
            }
        },
        iter: 15,
        threads: 1);

    private static async Task DeleteAsync(TestBroker broker, string group)
    {
        if (broker.Admin.ListGroups().Contains(group))
            await broker.Admin.DeleteGroupAsync(group);
    }
}
