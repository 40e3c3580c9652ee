using System.Diagnostics;

namespace ExactlyOnce.Tests.Engine.Disk;

/// <summary>One directory belongs to one process: shown with a real second one, the sample.</summary>
public sealed class SecondProcessTests : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    private readonly TemporaryDirectory _directory = new();
    private readonly List<Process> _started = [];

    public void Dispose()
    {
        foreach (var process in _started)
        {
            if (!process.HasExited)
                process.Kill();
            process.WaitForExit();
            process.Dispose();
        }
        _directory.Dispose();
    }

    [Fact]
    public async Task A_second_process_on_a_directory_is_refused_and_told_the_owners_process()
    {
        await using var broker = await Broker.OpenAsync(_directory.Path);

        var second = Start(pauseMs: 0);
        var complaint = await second.StandardError.ReadToEndAsync().WaitAsync(s_patience);
        await second.WaitForExitAsync().WaitAsync(s_patience);

        second.ExitCode.Should().NotBe(0);
        complaint.Should().Contain($"process {System.Environment.ProcessId}").And.Contain(_directory.Path);
        (await broker.Admin.CreateTopicAsync("unharmed")).Partitions.Should().Be(1);
    }

    [Fact]
    public async Task A_directory_is_free_again_when_the_process_that_held_it_is_killed()
    {
        var owner = Start(pauseMs: 60_000);
        // It shows its progress when it has opened the directory.
        (await owner.StandardOutput.ReadLineAsync().WaitAsync(s_patience)).Should().NotBeNull(await ComplaintOf(owner));
        var refused = await FluentActions.Awaiting(() => Broker.OpenAsync(_directory.Path)).Should().ThrowAsync<StorageException>();
        refused.Which.Code.Should().Be(ErrorCode.DirectoryInUse);
        refused.Which.Message.Should().Contain($"process {owner.Id}");

        owner.Kill();
        await owner.WaitForExitAsync().WaitAsync(s_patience);

        await using var broker = await Broker.OpenAsync(_directory.Path);
        broker.Admin.ListTopics().Should().NotBeEmpty();
    }

    private static async Task<string> ComplaintOf(Process process) => process.HasExited ? await process.StandardError.ReadToEndAsync() : "it runs and is silent";

    private Process Start(int pauseMs)
    {
        // Built with this project, into the same configuration.
        var configuration = new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name;
        var sample = Repository.PathOf($"samples/01-Invoicing/bin/{configuration}/net10.0/Invoicing.dll");
        var process = Process.Start(new ProcessStartInfo("dotnet", [sample, "--child", "--folder", _directory.Path, "--pause", $"{pauseMs}"])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        })!;
        _started.Add(process);
        return process;
    }
}
