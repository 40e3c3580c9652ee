namespace ExactlyOnce.Clients.Consuming;

/// <summary>What is to be said of a record beside its parts.</summary>
[Flags]
internal enum RecordTraits : byte
{
    None = 0,
    HasKey = 1,
    HasValue = 2,
    IsLogAppendTime = 4,
}
