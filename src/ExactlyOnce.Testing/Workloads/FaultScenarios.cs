using System.Collections.Immutable;

namespace ExactlyOnce.Testing.Workloads;

/// <summary>What is played while the disk fails: each a name for the test report, and operations of the alphabet.</summary>
internal static class FaultScenarios
{
    public static ImmutableArray<(string Name, SmallWorkload Workload)> All { get; } =
    [
        .. Read("""
            first record: send
            records in a row: send send send send
            journal rolls: send-large send
            journal rolls twice: send-large send-large send
            retry of an acknowledged batch: send-signed send-signed
            retry over a restart: send-signed reopen send-signed
            retry behind a checkpoint: send-signed checkpoint send-signed
            import: import import
            import over a restart: import reopen import
            import over a checkpoint: import checkpoint import
            import after its producer expired: import expire import
            one commit: commit
            commits in a row: commit commit commit
            one abort: abort
            abort and commit: abort commit
            commit behind a checkpoint: checkpoint commit
            checkpoint behind a commit: commit checkpoint
            checkpoint behind an abort: abort checkpoint send
            open transaction: open open
            open transaction committed: open commit-open
            open transaction over a checkpoint: open checkpoint commit-open
            open transaction in the way of others: open send commit commit-open
            open transaction over a journal roll: open send-large commit-open
            open transaction that times out: open expire commit-open
            open transaction at a clean close: open reopen send
            take-over: open take-over
            take-over and a commit of the next: take-over open commit-open
            take-over over a checkpoint: open checkpoint take-over
            prepared: prepare
            prepared and decided: prepare decide
            prepared over a restart: prepare reopen decide
            prepared over a checkpoint: prepare checkpoint decide
            prepared over expiry: prepare expire decide
            two prepared: prepare prepare decide
            pipeline: pipeline
            pipeline twice: pipeline pipeline
            pipeline over a checkpoint: pipeline checkpoint pipeline
            pipeline over a restart: pipeline reopen pipeline
            pipeline reads from files: pipeline checkpoint reopen pipeline
            offset: note-offset
            offsets over a checkpoint: note-offset checkpoint note-offset
            offsets over a restart: note-offset reopen note-offset
            topic created: create-topic
            topic created, kept: create-topic checkpoint create-topic
            topic deleted: delete-topic
            topic deleted behind a checkpoint: create-topic checkpoint delete-topic checkpoint
            topic made again: delete-topic create-topic checkpoint
            topic made again over a restart: delete-topic reopen create-topic
            topic grows: grow-topic grow-topic
            topic grows over a checkpoint: grow-topic checkpoint grow-topic
            records deleted: delete-records
            records deleted behind a checkpoint: delete-records checkpoint delete-records checkpoint
            records deleted over a restart: delete-records reopen delete-records
            compaction: send-keyed compact
            compaction twice: send-keyed compact send-keyed compact
            compaction over a restart: send-keyed compact reopen compact
            compaction and a checkpoint: compact checkpoint send-keyed
            retention: retain
            retention twice: retain retain
            retention and a checkpoint: retain checkpoint checkpoint
            retention over a restart: retain reopen retain
            checkpoint of nothing: checkpoint checkpoint
            checkpoints between records: send checkpoint send checkpoint send
            segments roll: send-keyed checkpoint send-keyed checkpoint
            clean close and opening: reopen reopen
            idle: send vouch send
            expiry of everything: commit prepare expire expire checkpoint
            one of each: send import commit pipeline note-offset checkpoint reopen
            one of each, the other way round: reopen checkpoint note-offset pipeline commit import send
            upkeep of everything: send-keyed delete-topic delete-records retain compact expire checkpoint
            """),
    ];

    private static IEnumerable<(string, SmallWorkload)> Read(string script) =>
        from line in script.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
        let colon = line.IndexOf(':', StringComparison.Ordinal)
        select (line[..colon], SmallWorkload.Of(line[(colon + 1)..]));
}
