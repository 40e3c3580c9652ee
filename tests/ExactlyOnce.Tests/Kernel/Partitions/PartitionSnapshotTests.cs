using System.Buffers.Binary;
using ExactlyOnce.Kernel.Partitions;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Tests.Kernel.Partitions;

/// <summary>The snapshot's bytes: what is written where, and that a broken one is refused with its reason.</summary>
public sealed class PartitionSnapshotTests
{
    [Fact]
    public void An_empty_partition_is_38_bytes()
    {
        var bytes = PartitionUnderTest.SnapshotOf(new PartitionState(PartitionRules.Default));
        Convert.ToHexString(bytes.AsSpan(0, 34)).Should().Be("0001" + new string('0', 64));
        bytes.Should().HaveCount(38);
    }

    [Fact]
    public void The_bytes_are_those_of_the_layout()
    {
        var partition = new PartitionUnderTest(PartitionRules.Default) { NowMs = 0x0A };
        partition.Produce(PartitionUnderTest.Data(7, 2, 0, 3, timestamp: 0x0B), AppendOrigin.Client);
        partition.Produce(PartitionUnderTest.Data(8, 0, 0, 1, transactional: true, timestamp: 0x0C), AppendOrigin.ClientEnrolledV2);
        partition.Produce(PartitionUnderTest.Data(9, 0, 0, 1, transactional: true, timestamp: 0x0D), AppendOrigin.ClientEnrolledV2);
        partition.Marker(8, 1, commit: false, MarkerGeneration.V2, coordinatorEpoch: 6);
        partition.MoveLogStart(1);

        var bytes = PartitionUnderTest.SnapshotOf(partition.State);
        const string none8 = "FFFFFFFFFFFFFFFF";
        Convert.ToHexString(bytes.AsSpan(0, bytes.Length - 4)).Should().Be(string.Concat(
            "0001", "0000000000000005", "0000000000000001", "0000000000000006", "00000003",
            "0000000000000007", "0002", "FFFF", "FFFFFFFF", "000000000000000A", "000000000000000B", "0000000000000001", none8, "0001",
            "00000000", "00000002", "0000000000000000", "000000000000000B", "000000000000000A", "0000000000000001",
            "0000000000000008", "0001", "FFFF", "00000006", "000000000000000A", "000000000000000A", "0000000000000004", none8, "0000",
            "0000000000000009", "0000", "0000", "FFFFFFFF", "000000000000000A", "000000000000000D", "0000000000000003", "0000000000000004", "0001",
            "00000000", "00000000", "0000000000000004", "000000000000000D", "000000000000000A", "0000000000000003",
            "00000001", "0000000000000008", "0000000000000003", "0000000000000005", "0000000000000004"));
        BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(bytes.Length - 4)).Should().Be(Crc32C.Compute(bytes.AsSpan(0, bytes.Length - 4)));
    }

    [Fact]
    public void A_snapshot_with_any_flipped_byte_is_refused()
    {
        var bytes = PartitionUnderTest.SnapshotOf(Busy().State);
        for (var at = 0; at < bytes.Length; at++)
        {
            bytes[at] ^= 0x40;
            Reading(bytes).Should().Throw<InvalidDataException>();
            bytes[at] ^= 0x40;
        }
    }

    [Fact]
    public void A_snapshot_cut_anywhere_is_refused()
    {
        var bytes = PartitionUnderTest.SnapshotOf(Busy().State);
        for (var length = 0; length < bytes.Length; length++)
            Reading(bytes[..length]).Should().Throw<InvalidDataException>();
    }

    [Theory]
    [InlineData(0, "0002", "*version 2*")]
    [InlineData(10, "0000000000000FFF", "*starts behind its end*")]
    [InlineData(10, "FFFFFFFFFFFFFFFF", "*starts behind its end*")]
    [InlineData(18, "0000000000000002", "*outside the log*")]
    [InlineData(26, "FFFFFFFF", "*negative number of producers*")]
    [InlineData(26, "7FFFFFFF", "*ends in the middle*")]
    [InlineData(30, "FFFFFFFFFFFFFFFF", "*producer -1 is not valid*")]
    [InlineData(38, "FFFE", "*producer 1 has a negative epoch*")]
    [InlineData(38, "FFFF", "*open transaction and no epoch*")]
    [InlineData(70, "7FFFFFFFFFFFFFFF", "*open transaction outside the log*")]
    [InlineData(78, "FFFF", "*batch outside the log or without sequences*")]
    [InlineData(80, "FFFFFFFF", "*batch outside the log or without sequences*")]
    [InlineData(88, "7FFFFFFFFFFFFFFF", "*batch outside the log or without sequences*")]
    public void A_snapshot_that_contradicts_itself_is_refused_with_what_is_wrong(int at, string hex, string complaint)
    {
        var bytes = PartitionUnderTest.SnapshotOf(Busy().State);
        Convert.FromHexString(hex).CopyTo(bytes.AsSpan(at));
        Seal(bytes);
        Reading(bytes).Should().Throw<InvalidDataException>().WithMessage(complaint);
    }

    [Fact]
    public void A_broken_aborted_index_is_refused()
    {
        var bytes = PartitionUnderTest.SnapshotOf(Busy().State);
        BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(bytes.Length - 4 - 16), 4_711);
        Seal(bytes);
        Reading(bytes).Should().Throw<InvalidDataException>().WithMessage("*aborted transaction 0*");
    }

    [Fact]
    public void Bytes_behind_the_last_entry_are_refused()
    {
        var bytes = PartitionUnderTest.SnapshotOf(Busy().State);
        Array.Resize(ref bytes, bytes.Length + 1);
        Seal(bytes);
        Reading(bytes).Should().Throw<InvalidDataException>().WithMessage("*bytes follow*");
    }

    [Fact]
    public void A_smaller_window_keeps_the_newest_batches()
    {
        var wide = new PartitionRules(batchWindow: 8);
        var partition = new PartitionUnderTest(wide);
        for (var sequence = 0; sequence < 8; sequence++)
            partition.Produce(PartitionUnderTest.Data(1, 0, sequence, 1));
        partition.Restart(PartitionRules.Default);
        partition.Produce(PartitionUnderTest.Data(1, 0, 3, 1)).Verdict.Should().Be(AppendVerdict.Duplicate);
        partition.Produce(PartitionUnderTest.Data(1, 0, 2, 1)).Verdict.Should().Be(AppendVerdict.OutOfOrderSequence);
        partition.Produce(PartitionUnderTest.Data(1, 0, 8, 1)).IsAppend.Should().BeTrue();
    }

    [Fact]
    public void A_smaller_limit_of_producers_takes_effect_with_the_next_new_one()
    {
        var partition = new PartitionUnderTest(PartitionRules.Default);
        for (var pid = 1; pid <= 5; pid++)
            partition.Produce(PartitionUnderTest.Data(pid, 0, 0, 1));
        partition.Restart(new PartitionRules(maximumProducers: 2));
        partition.State.ProducerCount.Should().Be(5);
        partition.Produce(PartitionUnderTest.Data(5, 0, 1, 1));
        partition.State.ProducerCount.Should().Be(5);
        partition.Produce(PartitionUnderTest.Data(6, 0, 0, 1));
        partition.State.ProducerCount.Should().Be(2);
        partition.Produce(PartitionUnderTest.Data(5, 0, 1, 1)).Verdict.Should().Be(AppendVerdict.Duplicate);
    }

    // Producer 1 has an open transaction with one batch and comes first; producer 2's transaction was aborted.
    private static PartitionUnderTest Busy()
    {
        var partition = new PartitionUnderTest(PartitionRules.Default);
        partition.Produce(PartitionUnderTest.Data(1, 0, 0, 4, transactional: true), AppendOrigin.ClientEnrolledV2);
        partition.Produce(PartitionUnderTest.Data(2, 0, 0, 1, transactional: true), AppendOrigin.ClientEnrolledV2);
        partition.Marker(2, 1, commit: false, MarkerGeneration.V2);
        return partition;
    }

    private static Action Reading(byte[] bytes) => () => PartitionState.ReadSnapshot(bytes, PartitionRules.Default);

    private static void Seal(byte[] bytes) =>
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(bytes.Length - 4), Crc32C.Compute(bytes.AsSpan(0, bytes.Length - 4)));
}
