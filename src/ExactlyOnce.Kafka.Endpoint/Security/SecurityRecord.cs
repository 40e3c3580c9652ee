using System.Text;

namespace ExactlyOnce.Kafka.Endpoint.Security;

/// <summary>
/// The records of the topic that keeps users and rules. The key says which: a kind, then a user's name, or a rule in full. The value of a user is a count and
/// his credentials, each behind its mechanism's number, so that a record changes all of them or none; that of a rule is one byte; no value: it is gone. Strings
/// as <see cref="BinaryWriter"/> writes them.
/// </summary>
internal static class SecurityRecord
{
    private const byte RuleKind = 2;
    private const byte UserKind = 3;

    public static byte[] KeyOf(string user) => Write(writer =>
    {
        writer.Write(UserKind);
        writer.Write(user);
    });

    public static byte[] KeyOf(AclBinding rule) => Write(writer =>
    {
        writer.Write(RuleKind);
        writer.Write((sbyte)rule.Resource);
        writer.Write(rule.Name);
        writer.Write((sbyte)rule.Pattern);
        writer.Write(rule.Principal);
        writer.Write(rule.Host);
        writer.Write((sbyte)rule.Operation);
        writer.Write((sbyte)rule.Permission);
    });

    /// <summary>Null when there are none.</summary>
    public static byte[]? ValueOf(IReadOnlyDictionary<sbyte, ScramCredential> credentials) => credentials.Count == 0 ? null : Write(writer =>
    {
        writer.Write((byte)credentials.Count);
        foreach (var (mechanism, credential) in credentials)
        {
            writer.Write(mechanism);
            writer.Write(credential.Iterations);
            foreach (var part in new[] { credential.Salt, credential.StoredKey, credential.ServerKey })
            {
                writer.Write((ushort)part.Length);
                writer.Write(part);
            }
        }
    });

    public static byte[] RuleValue { get; } = [1];

    /// <summary>The state behind a record. A kind that is not known is a later version's, and passed over.</summary>
    /// <param name="state">The state in front of it.</param>
    /// <param name="key">The key.</param>
    /// <param name="value">The value; null where there is none.</param>
    public static SecurityState Apply(SecurityState state, byte[] key, byte[]? value)
    {
        using var reader = new BinaryReader(new MemoryStream(key), Encoding.UTF8);
        return reader.ReadByte() switch
        {
            UserKind => ApplyUser(state, reader.ReadString(), value),
            RuleKind => state.With(
                new AclBinding(
                    (AclResource)reader.ReadSByte(), reader.ReadString(), (AclPattern)reader.ReadSByte(), reader.ReadString(), reader.ReadString(),
                    (AclOperation)reader.ReadSByte(), (AclPermission)reader.ReadSByte()),
                isKept: value is not null),
            _ => state,
        };
    }

    private static SecurityState ApplyUser(SecurityState state, string user, byte[]? value)
    {
        var credentials = new Dictionary<sbyte, ScramCredential>();
        if (value is null)
            return state.With(user, credentials);
        using var reader = new BinaryReader(new MemoryStream(value), Encoding.UTF8);
        for (var left = reader.ReadByte(); left > 0; left--)
        {
            var mechanism = reader.ReadSByte();
            var iterations = reader.ReadInt32();
            credentials[mechanism] = new ScramCredential(iterations, Part(reader), Part(reader), Part(reader));
        }
        return state.With(user, credentials);
    }

    private static byte[] Part(BinaryReader reader) => reader.ReadBytes(reader.ReadUInt16());

    private static byte[] Write(Action<BinaryWriter> write)
    {
        using var bytes = new MemoryStream();
        using (var writer = new BinaryWriter(bytes, Encoding.UTF8, leaveOpen: true))
            write(writer);
        return bytes.ToArray();
    }
}
