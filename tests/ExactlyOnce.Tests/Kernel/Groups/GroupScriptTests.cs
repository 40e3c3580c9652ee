using ExactlyOnce.Tests.Golden;

namespace ExactlyOnce.Tests.Kernel.Groups;

/// <summary>Runs the golden scripts of consumer groups; their names are the guarantees.</summary>
public class GroupScriptTests
{
    private const string Folder = "Kernel/Groups/Scripts";

    public static TheoryData<string> Scripts => GoldenScript.Scripts(Folder);

    [Theory]
    [MemberData(nameof(Scripts))]
    public void The_script_is_answered_as_written(string script) =>
        GoldenScript.Run(GoldenScript.PathOf(Folder, script), new GroupInterpreter().Execute);
}
