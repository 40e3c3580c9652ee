namespace ExactlyOnce.Engine.Partitions;

/// <summary>
/// The complete visible state of a partition after one frame. A reader that knows the visible LSN takes the last mark at or below it and has log start, log end
/// and last stable offset of one and the same moment.
/// </summary>
/// <param name="Lsn">The frame's LSN.</param>
/// <param name="LogStart">The log start offset after it.</param>
/// <param name="LogEnd">The log end offset after it: the high watermark once the frame is visible.</param>
/// <param name="LastStable">The last stable offset after it.</param>
internal readonly record struct Mark(long Lsn, long LogStart, long LogEnd, long LastStable);
