namespace ExactlyOnce.Engine.Journal;

/// <summary>
/// A journal file as the manifest lists it. Its groups start at <paramref name="BaseLsn"/> and end at the base of the next one listed: that is the cut, and
/// whatever stands behind it in the file never happened. Nothing but the manifest makes a file part of the journal.
/// </summary>
/// <param name="Generation">Never used twice in a directory; names the file and stands in its groups.</param>
/// <param name="BaseLsn">LSN in front of the file's first frame.</param>
/// <param name="Seed">
/// Starts the checksum of the file's groups. Drawn by chance: a group of a recycled file cannot pass for a new one, and nobody who may only send records can
/// forge one inside a payload.
/// </param>
/// <param name="Name">Name in the journal directory.</param>
internal sealed record JournalFile(long Generation, long BaseLsn, uint Seed, string Name);
