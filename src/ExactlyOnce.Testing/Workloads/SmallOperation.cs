using System.Collections.Immutable;

namespace ExactlyOnce.Testing.Workloads;

/// <summary>One letter of the alphabet that small workloads are written in.</summary>
/// <param name="Name">As scripts and failures call it.</param>
/// <param name="IsUpkeep">The broker does it for itself; when the disk fails it may be refused, and tried again later, without harm to the journal.</param>
/// <param name="Do">Does it, whatever was done before.</param>
internal sealed record SmallOperation(string Name, bool IsUpkeep, Action<Stage> Do)
{
    /// <summary>Every kind of thing that makes the broker write.</summary>
    public static ImmutableArray<SmallOperation> Alphabet { get; } =
    [
        Client("send", life => life.SendAsync(Life.Plain, 0)),
        Client("send-large", SendLargeAsync),
        Client("send-signed", life => life.SendSignedAsync()),
        Client("import", life => life.ImportAsync(2)),
        Client("commit", life => life.TransactAsync(commit: true)),
        Client("abort", life => life.TransactAsync(commit: false)),
        Client("open", life => life.SendInOpenTransactionAsync()),
        Client("commit-open", life => life.EndOpenTransactionAsync(commit: true)),
        Client("take-over", life => life.TakeOverAsync()),
        Client("prepare", life => life.PrepareAsync()),
        Client("decide", life => life.DecideAsync(commit: true)),
        Client("pipeline", PipelineAsync),
        Client("note-offset", life => life.NoteOffsetAsync()),
        Client("create-topic", life => life.CreatePassingTopicAsync()),
        Client("delete-topic", life => life.DeletePassingTopicAsync()),
        Client("grow-topic", life => life.GrowTopicAsync()),
        Client("delete-records", life => life.DeleteRecordsAsync()),
        Client("send-keyed", life => life.SendKeyedAsync()),
        Upkeep("compact", life => life.CompactAsync()),
        Upkeep("retain", life => life.RetainAsync()),
        Upkeep("expire", life => life.ExpireAsync()),
        Upkeep("checkpoint", Step(static life => life.Engine.Checkpoint())),
        Upkeep("vouch", Step(static life => life.Engine.Journal.VouchIfIdle())),
        new("reopen", IsUpkeep: true, Reopen),
    ];

    public static SmallOperation Named(string name) =>
        Alphabet.FirstOrDefault(operation => operation.Name == name) ?? throw new ArgumentException($"There is no operation '{name}'.", nameof(name));

    public override string ToString() => Name;

    private static SmallOperation Client(string name, Func<Life, Task> work) => new(name, IsUpkeep: false, stage => stage.Run(work));

    private static SmallOperation Upkeep(string name, Func<Life, Task> work) => new(name, IsUpkeep: true, stage => stage.Run(work));

    private static Func<Life, Task> Step(Action<Life> work) => life =>
    {
        work(life);
        return Task.CompletedTask;
    };

    /// <summary>More than what is left of a journal file.</summary>
    private static async Task SendLargeAsync(Life life)
    {
        for (var record = 0; record < 8; record++)
            await life.SendAsync(Life.Output, 0, 3000);
    }

    private static async Task PipelineAsync(Life life)
    {
        await life.SendAsync(Life.Input, 0);
        await life.SendAsync(Life.Input, 1);
        await life.RunPipelineAsync();
    }

    private static void Reopen(Stage stage)
    {
        stage.Close();
        stage.Open();
    }
}
