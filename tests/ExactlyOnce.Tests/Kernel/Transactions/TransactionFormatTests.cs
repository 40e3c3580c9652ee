using System.Buffers;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Transactions;
using static ExactlyOnce.Tests.Kernel.Transactions.LiveCoordinator;

namespace ExactlyOnce.Tests.Kernel.Transactions;

/// <summary>The bytes: records, snapshot, Kafka's transaction log.</summary>
public sealed class TransactionFormatTests
{
    private static readonly EntryRecord s_entry = new()
    {
        TransactionalId = "ab",
        Identity = new ProducerIdentity(7, 3),
        LastEpoch = 2,
        PreviousId = 5,
        NextId = -1,
        State = TransactionState.Prepared,
        Generation = TransactionGeneration.V2,
        TimeoutMs = 60_000,
        StartMs = 1000,
        UpdateMs = 1001,
        OwnerKind = OwnerKind.Network,
        Owner = "me",
        OwnedSinceMs = 999,
        PreparedIdentity = new ProducerIdentity(7, 2),
        PreparedMs = 1002,
    };

    public static TheoryData<string, string> Records => new()
    {
        {
            "entry",
            "01 01 0002 6162 0000000000000007 0003 0002 0000000000000005 FFFFFFFFFFFFFFFF 08 02 0000EA60 00000000000003E8 " +
            "00000000000003E9 01 0002 6D65 00000000000003E7 0000000000000007 0002 00000000000003EA"
        },
        { "enrolment", "01 02 0002 6162 0000000000000007 0003 01 0000000000000009 00000002 00000001 00000000 00000002 00000005 00000001 0001 67" },
        { "outcome", "01 03 0002 6162 0000000000000007 0003 05 0000000000000009 0001 62 0003 C3BC 77" },
        { "removed", "01 04 0002 6162 0000000000000007 0003 0000000000000009" },
        { "named", "01 05 0001 6E 0000000000000007 0003 000000000000000A 0001 62 0000000000000009" },
        { "block", "01 06 00000000000003E8 000003E8" },
        { "commit", "01 07 0002 6162 0000000000000007 0003 FFFFFFFFFFFFFFFF 0001 62 0000000000000009" },
    };

    private static TransactionRecord Record(string kind) => kind switch
    {
        "entry" => s_entry,
        "enrolment" => new EnrolmentRecord("ab", new ProducerIdentity(7, 3), TransactionGeneration.V1, [new(1, 0), new(2, 5)], ["g"], 9),
        "outcome" => new OutcomeRecord("ab", new RememberedOutcome(new ProducerIdentity(7, 3), TransactionOutcome.TimedOut, 9, "b", "üw")),
        "removed" => new EntryRemovedRecord("ab", new ProducerIdentity(7, 3), 9),
        "commit" => new CommitRecord("ab", new ProducerIdentity(7, 3), ProducerIdentity.NoId, "b", 9),
        "named" => new NamedProducerRecord("n", new ProducerIdentity(7, 3), 10, "b", 9),
        _ => new ProducerIdBlockRecord(1000, 1000),
    };

    [Theory]
    [MemberData(nameof(Records))]
    public void A_record_has_exactly_the_documented_bytes_and_reads_back_equal(string kind, string hex)
    {
        var bytes = new ArrayBufferWriter<byte>();
        TransactionRecordCodec.Write(Record(kind), bytes);

        Convert.ToHexString(bytes.WrittenSpan).Should().Be(hex.Replace(" ", ""));
        TransactionRecordCodec.Read(bytes.WrittenSpan).Should().BeEquivalentTo(Record(kind), options => options.RespectingRuntimeTypes());
    }

    [Theory]
    [MemberData(nameof(Records))]
    public void A_record_that_is_cut_or_followed_by_anything_is_refused(string kind, string hex)
    {
        _ = kind;
        var whole = Convert.FromHexString(hex.Replace(" ", ""));
        for (var length = 0; length < whole.Length; length++)
            Reading(whole[..length]).Should().Throw<InvalidDataException>($"only {length} bytes are there");
        Reading([.. whole, 0]).Should().Throw<InvalidDataException>();
    }

    [Theory]
    [InlineData(0, 2)] // version
    [InlineData(1, 0)] // kind
    [InlineData(1, 8)]
    [InlineData(2, 0x80)] // negative text length
    [InlineData(4, 0xFF)] // not UTF-8
    [InlineData(34, 6)] // Dead
    [InlineData(34, 9)]
    [InlineData(35, 0)] // generation
    [InlineData(56, 2)] // owner kind
    public void An_entry_with_an_impossible_byte_is_refused(int position, byte value)
    {
        var bytes = new ArrayBufferWriter<byte>();
        TransactionRecordCodec.Write(s_entry, bytes);
        var broken = bytes.WrittenSpan.ToArray();
        broken[position] = value;

        Reading(broken).Should().Throw<InvalidDataException>();
    }

    [Fact]
    public void A_count_that_cannot_be_true_is_refused_before_room_is_made_for_it()
    {
        var enrolment = Convert.FromHexString("01 02 0001 61 0000000000000007 0003 02 0000000000000009 7FFFFFFF".Replace(" ", ""));
        Reading(enrolment).Should().Throw<InvalidDataException>();
    }

    private static Func<TransactionRecord> Reading(byte[] bytes) => () => TransactionRecordCodec.Read(bytes);

    [Fact]
    public void A_snapshot_reads_back_as_the_same_state()
    {
        var live = Busy();

        var restored = TransactionCoordinatorState.ReadSnapshot(Snapshot(live.State), TransactionRules.Default);

        Snapshot(restored).Should().Equal(Snapshot(live.State));
        restored.TryGet("open")!.Partitions.Should().Equal(P0, P1);
        restored.TryGet("open")!.Groups.Should().Equal("g");
        restored.DecideTimeouts(long.MaxValue).Should().Equal("open");
        restored.Named["import"].LastSourceSequence.Should().Be(5);
        restored.Tombstones.Should().ContainKey("gone");
    }

    [Fact]
    public void A_snapshot_that_is_cut_lengthened_or_of_another_version_is_refused()
    {
        var whole = Snapshot(Busy().State);
        for (var length = 0; length < whole.Length; length++)
            Restoring(whole[..length]).Should().Throw<InvalidDataException>();
        Restoring([.. whole, 0]).Should().Throw<InvalidDataException>();
        whole[0] = 2;
        Restoring(whole).Should().Throw<InvalidDataException>();
    }

    [Fact]
    public void A_snapshot_of_a_state_that_cannot_be_is_refused()
    {
        var live = new LiveCoordinator();
        live.Init("a", Local);
        var whole = Snapshot(live.State);
        whole[8] = 0;
        whole[7] = 0; // nextBlockFirst 0: the id's producer id belongs to no block

        Restoring(whole).Should().Throw<InvalidDataException>();
    }

    private static Func<TransactionCoordinatorState> Restoring(byte[] bytes) => () => TransactionCoordinatorState.ReadSnapshot(bytes, TransactionRules.Default);

    private static LiveCoordinator Busy()
    {
        var live = new LiveCoordinator();
        live.Init("gone", Local);
        live.Do(live.State.DecideExpiry(live.Rules.ExpiryMs, new HashSet<string>()), 0);
        var open = live.Init("open", V2).Identity;
        live.Do(live.State.DecideEnrol("open", open, [P1, P0], V2, 3), 3);
        live.Do(live.State.DecideEnrolGroup("open", open, "g", V2, 3), 3);
        var done = live.Init("done", Local).Identity;
        live.Enrol("done", done, Local);
        live.End("done", done, commit: true, Local);
        var named = live.Do(live.State.DecideOpenNamed("import", "A", 0), 0).Identity;
        live.Do(live.State.DecideNamedAppend("import", named, 5), 0);
        return live;
    }

    [Fact]
    public void The_transaction_log_holds_Kafka_bytes()
    {
        var live = new LiveCoordinator();
        var identity = live.Init("ab", V2, nowMs: 16).Identity;
        live.Do(live.State.DecideEnrol("ab", identity, [new(2, 1), new(1, 3), new(1, 0)], V2, 17), 17);
        var key = new ArrayBufferWriter<byte>();
        var value = new ArrayBufferWriter<byte>();

        TransactionLogFormat.WriteKey("ab", key);
        TransactionLogFormat.WriteValue(live.State.TryGet("ab")!, Locate, value);

        Convert.ToHexString(key.WrittenSpan).Should().Be("000000026162");
        Convert.ToHexString(value.WrittenSpan).Should().Be((
            "0000 0000000000000000 0000 0000EA60 01 00000002 0002 7431 00000002 00000000 00000003 0002 7432 00000001 00000001 " +
            "0000000000000011 0000000000000011").Replace(" ", ""));
        TransactionLogFormat.ReadKey(key.WrittenSpan).Should().Be("ab");
        var read = TransactionLogFormat.ReadValue(value.WrittenSpan);
        read.Partitions.Should().Equal(("t1", 0), ("t1", 3), ("t2", 1));
        read.Should().BeEquivalentTo(new { Identity = identity, TimeoutMs = 60_000, State = TransactionState.Ongoing, UpdateMs = 17L, StartMs = 17L });
    }

    [Fact]
    public void The_transaction_log_shows_a_prepared_transaction_as_ongoing_and_an_idle_id_without_partitions()
    {
        var live = new LiveCoordinator();
        var identity = live.Init("a", Local).Identity;
        Read().Should().BeEquivalentTo(new { State = TransactionState.Empty, Partitions = (object?)null, StartMs = -1L });
        live.Enrol("a", identity, Local, nowMs: 2);
        live.Do(live.State.DecidePrepare("a", identity, Local, 3), 3);
        Read().Should().BeEquivalentTo(new { State = TransactionState.Ongoing, StartMs = 2L, UpdateMs = 3L });
        live.End("a", identity, commit: true, Local, nowMs: 4);
        Read().Should().BeEquivalentTo(new { State = TransactionState.CompleteCommit, Partitions = (object?)null, Identity = identity with { Epoch = 1 } });

        TransactionLogValue Read()
        {
            var value = new ArrayBufferWriter<byte>();
            TransactionLogFormat.WriteValue(live.State.TryGet("a")!, Locate, value);
            return TransactionLogFormat.ReadValue(value.WrittenSpan);
        }
    }

    private static (string, int) Locate(PartitionKey partition) => ($"t{partition.Topic}", partition.Index);

    [Theory]
    [InlineData("shop", 5, 3, "shop:5:3")]
    [InlineData("a:1:2", 9_000_000_000, 32766, "a:1:2:9000000000:32766")]
    public void A_token_names_its_transaction(string id, long producer, short epoch, string token)
    {
        PreparedToken.Format(id, new ProducerIdentity(producer, epoch)).Should().Be(token);
        PreparedToken.TryParse(token, out var parsedId, out var parsed).Should().BeTrue();
        parsedId.Should().Be(id);
        parsed.Should().Be(new ProducerIdentity(producer, epoch));
    }

    [Theory]
    [InlineData("")]
    [InlineData("a")]
    [InlineData("a:1")]
    [InlineData(":1:2")]
    [InlineData("a:-1:2")]
    [InlineData("a:1:99999")]
    [InlineData("a:1:")]
    [InlineData("::")]
    public void A_text_that_is_no_token_is_refused(string text) => PreparedToken.TryParse(text, out _, out _).Should().BeFalse();
}
