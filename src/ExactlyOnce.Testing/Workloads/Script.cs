using ExactlyOnce.Engine.Disk;

namespace ExactlyOnce.Testing.Workloads;

/// <summary>
/// What the broker does while the disk is being tormented: every kind of write there is, checkpoints in between, segment and journal rolls, a clean close and
/// opening in the middle, and a transaction that is still open when the end comes. The same disk operations every time.
/// </summary>
internal static class Script
{
    private const int Rounds = 4;
    private const int BulkBytes = 11_000;

    /// <summary>Plays it to its end, or until it throws. The broker stays open, as it is when a machine dies.</summary>
    public static Life Play(IDisk disk, Promises promises, Action<Life>? opened = null, Func<Life, Task>? checkpoint = null, LifeScale? scale = null)
    {
        var take = checkpoint ?? (static life => { life.Engine.Checkpoint(); return Task.CompletedTask; });
        var life = Life.Open(disk, promises, scale);
        opened?.Invoke(life);
        life.Run(first => first.CreateTopicsAsync());
        for (var round = 0; round < Rounds; round++)
        {
            life.Run(now => RoundAsync(now, take, withCheckpoint: round % 2 == 1));
            if (round != Rounds / 2)
                continue;
            life.Run(now => now.CloseAsync());
            life = Life.Open(disk, promises, scale);
            opened?.Invoke(life);
        }
        life.Run(async last =>
        {
            await last.LeaveTransactionOpenAsync();
            await take(last);
            await last.SendAsync(Life.Plain, 0);
            await last.SendAsync(Life.Plain, 2);
        });
        return life;
    }

    /// <summary>The life after: everything can be written again.</summary>
    public static async Task GoOnAsync(Life life)
    {
        await life.CreateTopicsAsync();
        await life.DecideAsync(commit: true);
        await life.RetrySignedAsync();
        for (var partition = 0; partition < 3; partition++)
            await life.SendAsync(Life.Plain, partition);
        await life.SendAsync(Life.Input, 0);
        await life.ImportAsync(2);
        await life.TransactAsync(commit: false);
        await life.TransactAsync(commit: true);
        await life.RunPipelineAsync();
    }

    private static async Task RoundAsync(Life life, Func<Life, Task> checkpoint, bool withCheckpoint)
    {
        for (var partition = 0; partition < 3; partition++)
            await life.SendAsync(Life.Plain, partition);
        for (var record = 0; record < 4; record++)
            await life.SendAsync(Life.Bulk, 0, BulkBytes);
        await life.ImportAsync(3);
        await life.TransactAsync(commit: true);
        for (var record = 0; record < 3; record++)
            await life.SendAsync(Life.Input, record % 2);
        await life.TransactAsync(commit: false);
        if (withCheckpoint)
            await checkpoint(life);
        await life.RunPipelineAsync();
        await life.TransactAsync(commit: true);
    }
}
