namespace ExactlyOnce.Engine.Coordination;

/// <summary>The kinds of pieces the coordination owns in a journal frame. The numbers stand on disk.</summary>
internal enum CoordinationPiece : byte
{
    /// <summary>A <see cref="TopicRecord"/>.</summary>
    Topic = 1,

    /// <summary>A record of the transaction coordinator's state.</summary>
    Transaction = 2,

    /// <summary>A record of the group coordinator's state.</summary>
    Group = 3,

    /// <summary>Message ids accepted with a batch (<see cref="MessageIdRecord"/>).</summary>
    MessageIds = 4,
}
