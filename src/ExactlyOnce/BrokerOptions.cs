using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Engine.Environment;
using Microsoft.Extensions.Logging;

namespace ExactlyOnce;

/// <summary>How a broker works. Read once, when it is opened; an invalid value is refused there with a message that says what to do.</summary>
public sealed class BrokerOptions
{
    private const long MiB = 1024 * 1024;

    /// <summary>The folder of a durable broker; null for a broker in memory. Created when it does not exist.</summary>
    public string? Directory { get; set; }

    /// <summary>
    /// What has happened to a record before it is acknowledged and seen. Null, the default, means <see cref="Durability.Flushed"/> with a directory and
    /// <see cref="Durability.Memory"/> without.
    /// </summary>
    public Durability? Durability { get; set; }

    /// <summary>
    /// How long a write may wait for others to share its sync; zero, the default, does not wait: whatever arrives during a sync shares the next one.
    /// </summary>
    public TimeSpan CommitDelay { get; set; } = TimeSpan.Zero;

    /// <summary>The clock; null for the system's.</summary>
    public TimeProvider? TimeProvider { get; set; }

    /// <summary>Where the broker logs to; null for nowhere.</summary>
    public ILoggerFactory? LoggerFactory { get; set; }

    /// <summary>Whether using a topic that does not exist creates it, with default options. Default true.</summary>
    public bool AutoCreateTopics { get; set; } = true;

    /// <summary>
    /// Follow Kafka's rules exactly, also where they are weaker than this broker's, so that tests predict production on Kafka. Default false.
    /// </summary>
    public bool StrictKafka { get; set; }

    /// <summary>The longest transaction timeout a producer may ask for. Default 15 minutes.</summary>
    public TimeSpan MaxTransactionTimeout { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>How long an idle producer's sequences are remembered in a partition. Default 24 hours.</summary>
    public TimeSpan ProducerExpiry { get; set; } = TimeSpan.FromDays(1);

    /// <summary>How long a transactional id that nobody holds is remembered. Default 7 days.</summary>
    public TimeSpan TransactionalIdExpiry { get; set; } = TimeSpan.FromDays(7);

    /// <summary>How long the offsets of a group without members are kept. Default 7 days.</summary>
    public TimeSpan OffsetsRetention { get; set; } = TimeSpan.FromDays(7);

    /// <summary>
    /// Size of a journal file, in bytes: 4 MiB to 1 GiB in whole blocks of 4,096. No change that is written in one step, a batch or a commit, can take more
    /// than a quarter of it. Default 64 MiB.
    /// </summary>
    public long JournalFileBytes { get; set; } = 64 * MiB;

    /// <summary>How old the last checkpoint may become while there is something to write; bounds the time of recovery. Default 1 minute.</summary>
    public TimeSpan CheckpointInterval { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>Bytes in memory that are not in segment files yet at which a checkpoint starts. Default 64 MiB.</summary>
    public long CheckpointBytes { get; set; } = 64 * MiB;

    /// <summary>Bytes in memory that are not in segment files yet at which producers are made to wait. Default 256 MiB.</summary>
    public long TailBytesMax { get; set; } = 256 * MiB;

    /// <summary>Bytes waiting to be written to the journal at which producers are made to wait. Default 64 MiB.</summary>
    public long JournalQueueBytesMax { get; set; } = 64 * MiB;

    /// <summary>With <see cref="Durability.Written"/>: how long written bytes stay unsynced at most. Default 1 second.</summary>
    public TimeSpan SyncInterval { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>How long disposing a producer, and the broker, waits for what is under way. Default 30 seconds.</summary>
    public TimeSpan CloseTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Compression codecs beside gzip, which is built in; side packages have them.</summary>
    public IList<ICompressionCodec> Codecs { get; } = [];

    /// <summary>Replaces clock, disk, chance and scheduling together: the seam of tests and of the simulator.</summary>
    internal BrokerEnvironment? Environment { get; set; }

    internal Durability EffectiveDurability =>
        Durability ?? (Directory is null ? ExactlyOnce.Durability.Memory : ExactlyOnce.Durability.Flushed);

    /// <summary>
    /// Takes mode, folder and durability from a connection string: <c>mode=memory</c>, <c>mode=durable;path=data/shop</c>, or the path of a folder.
    /// </summary>
    /// <param name="connectionString">The connection string.</param>
    /// <exception cref="ArgumentException">The string is not understood; the message says what to write.</exception>
    /// <exception cref="ArgumentNullException"><paramref name="connectionString"/> is null.</exception>
    public void UseConnectionString(string connectionString) => ConnectionString.Apply(connectionString, this, nameof(connectionString));

    /// <summary>Says whether a broker can be opened with these options, as opening it does.</summary>
    /// <exception cref="InvalidRequestException">A value is not valid, or two contradict each other; the message says which and what to do.</exception>
    public void Validate()
    {
        ValidatePlace();
        NotNegative(CommitDelay, nameof(CommitDelay));
        Require(CommitDelay <= TimeSpan.FromSeconds(1), nameof(CommitDelay), CommitDelay, "is at most one second: every acknowledgement waits that long");
        Wait(CloseTimeout, nameof(CloseTimeout));
        Positive(MaxTransactionTimeout, nameof(MaxTransactionTimeout));
        Wait(MaxTransactionTimeout, nameof(MaxTransactionTimeout));
        Positive(ProducerExpiry, nameof(ProducerExpiry));
        Require(
            ProducerExpiry >= MaxTransactionTimeout, nameof(ProducerExpiry), ProducerExpiry,
            $"is at least MaxTransactionTimeout ({MaxTransactionTimeout}): a producer must not be forgotten inside its transaction");
        Positive(TransactionalIdExpiry, nameof(TransactionalIdExpiry));
        Positive(OffsetsRetention, nameof(OffsetsRetention));
        Positive(CheckpointInterval, nameof(CheckpointInterval));
        Wait(CheckpointInterval, nameof(CheckpointInterval));
        Positive(SyncInterval, nameof(SyncInterval));
        Wait(SyncInterval, nameof(SyncInterval));
        ValidateSizes();
        ValidateCodecs();
    }

    private void ValidatePlace()
    {
        Require(
            Durability is null || Enum.IsDefined(Durability.Value), nameof(Durability), Durability, "is Memory, Written or Flushed");
        if (Directory is null)
            Require(
                EffectiveDurability == ExactlyOnce.Durability.Memory, nameof(Durability), Durability,
                "needs a directory: set one (UseDirectory), or leave Durability out for a broker in memory");
        else
        {
            Require(!string.IsNullOrWhiteSpace(Directory), nameof(Directory), $"'{Directory}'", "is the path of a folder, or null for a broker in memory");
            Require(
                EffectiveDurability != ExactlyOnce.Durability.Memory, nameof(Durability), Durability,
                "writes nothing to the directory that was set: choose Written or Flushed, or leave the directory out");
        }
    }

    private void ValidateSizes()
    {
        AtLeast(JournalFileBytes, 4 * MiB, nameof(JournalFileBytes));
        Require(
            JournalFileBytes <= 1024 * MiB && JournalFileBytes % 4096 == 0, nameof(JournalFileBytes), JournalFileBytes, "is at most 1 GiB, in whole blocks of 4,096 bytes");
        AtLeast(CheckpointBytes, MiB, nameof(CheckpointBytes));
        AtLeast(JournalQueueBytesMax, MiB, nameof(JournalQueueBytesMax));
        Require(
            TailBytesMax >= CheckpointBytes, nameof(TailBytesMax), TailBytesMax,
            $"is at least CheckpointBytes ({CheckpointBytes}): producers must not wait before a checkpoint has started");
    }

    private void ValidateCodecs()
    {
        for (var i = 0; i < Codecs.Count; i++)
        {
            Require(Codecs[i] is not null, nameof(Codecs), $"entry {i}", "is a codec, not null");
            for (var j = 0; j < i; j++)
                Require(Codecs[i].Type != Codecs[j].Type, nameof(Codecs), Codecs[i].Type, "is added once only");
        }
    }

    private static void Positive(TimeSpan value, string name) => Require(value > TimeSpan.Zero, name, value, "is above zero");

    private static void NotNegative(TimeSpan value, string name) => Require(value >= TimeSpan.Zero, name, value, "is not negative");

    private static void Wait(TimeSpan value, string name) =>
        Require(value >= TimeSpan.Zero && value <= SettingLimits.WaitMax, name, value, $"is not negative and at most {SettingLimits.WaitMax}");

    private static void AtLeast(long value, long least, string name) => Require(value >= least, name, value, $"is at least {least} bytes");

    private static void Require(bool holds, string name, object? value, string rule)
    {
        if (!holds)
            throw new InvalidRequestException(ErrorCode.InvalidConfig, $"BrokerOptions.{name} {rule}; it was {value ?? "null"}.");
    }
}
