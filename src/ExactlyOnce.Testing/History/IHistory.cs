namespace ExactlyOnce.Testing.History;

/// <summary>Takes a history, event by event, in order. Implemented by what checks it, keeps it or writes it to a file.</summary>
public interface IHistory
{
    /// <summary>Takes the next event.</summary>
    void Add(HistoryEvent next);
}
