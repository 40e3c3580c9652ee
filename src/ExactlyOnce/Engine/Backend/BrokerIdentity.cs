using System.Buffers.Text;
using ExactlyOnce.Engine.Environment;
using ExactlyOnce.Engine.Journal;

namespace ExactlyOnce.Engine.Backend;

/// <summary>
/// What tells this broker's directory from others. Made when somebody first asks, because only network clients do, and kept in the manifest; in memory it lives
/// as long as the broker.
/// </summary>
internal sealed class BrokerIdentity(ManifestStore? manifests, BrokerEnvironment environment)
{
    private readonly Lock _lock = new();
    private Guid _id;

    /// <summary>22 characters, as Kafka writes the id of a cluster. The first call in the life of a directory writes to the disk.</summary>
    /// <exception cref="StorageException">It could not be kept.</exception>
    public string Read()
    {
        lock (_lock)
        {
            if (_id == Guid.Empty)
                _id = manifests is null ? environment.NextGuid() : Keep(manifests);
            Span<byte> bytes = stackalloc byte[16];
            _id.TryWriteBytes(bytes, bigEndian: true, out _);
            return Base64Url.EncodeToString(bytes);
        }
    }

    private Guid Keep(ManifestStore store)
    {
        if (store.Current.Id != Guid.Empty)
            return store.Current.Id;
        var fresh = environment.NextGuid();
        return store.Update(manifest => manifest.Id == Guid.Empty ? manifest with { Id = fresh } : manifest).Id;
    }
}
