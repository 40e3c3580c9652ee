namespace ExactlyOnce.Engine.Partitions;

/// <summary>Whose state a journal piece changes. The numbers stand on disk.</summary>
internal enum PieceOwner : byte
{
    Partition = 1,
    Coordination = 2,
}
