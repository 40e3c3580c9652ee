using ExactlyOnce.Tests.Golden;

namespace ExactlyOnce.Tests.Kernel.Partitions;

/// <summary>The rules of a partition as scripts; the name of a script is the guarantee it shows.</summary>
public sealed class PartitionScriptTests
{
    private const string Folder = "Kernel/Partitions/Scripts";

    public static TheoryData<string> Scripts => GoldenScript.Scripts(Folder);

    [Theory]
    [MemberData(nameof(Scripts))]
    public void A_partition_keeps_its_rules(string script) =>
        GoldenScript.Run(GoldenScript.PathOf(Folder, script), new PartitionScript(restartsAfterEveryStep: false).Execute);

    [Theory]
    [MemberData(nameof(Scripts))]
    public void A_partition_that_restarts_after_every_step_answers_the_same(string script) =>
        GoldenScript.Run(GoldenScript.PathOf(Folder, script), new PartitionScript(restartsAfterEveryStep: true).Execute);
}
