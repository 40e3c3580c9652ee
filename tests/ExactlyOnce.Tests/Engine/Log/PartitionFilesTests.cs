using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Engine.Log;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Tests.Engine.Log;

public class PartitionFilesTests
{
    private const string Directory = "/data/t-0";
    private static readonly ProducerSnapshotRow s_row = new(0x0102030405060708, 9, 10, 11, 12, 13, 14, -1);

    [Fact]
    public void A_producer_snapshot_has_Kafkas_layout()
    {
        var bytes = ProducerSnapshot.Encode([s_row, new ProducerSnapshotRow(1, 2, -1, -1, 0, -1, -1, 77)]);

        Convert.ToHexString(bytes.AsSpan(0, 2)).Should().Be("0001", "the version");
        Convert.ToHexString(bytes.AsSpan(2, 4)).Should().Be(Crc32C.Compute(bytes.AsSpan(6)).ToString("X8"), "the checksum of all that follows");
        Convert.ToHexString(bytes.AsSpan(6)).Should().Be(
            "00000002" +
            "0102030405060708" + "0009" + "0000000A" + "000000000000000B" + "0000000C" + "000000000000000D" + "0000000E" + "FFFFFFFFFFFFFFFF" +
            "0000000000000001" + "0002" + "FFFFFFFF" + "FFFFFFFFFFFFFFFF" + "00000000" + "FFFFFFFFFFFFFFFF" + "FFFFFFFF" + "000000000000004D");
    }

    [Fact]
    public void A_producer_snapshot_survives_its_file_and_every_flipped_bit_is_noticed()
    {
        var disk = NewDisk();
        ProducerSnapshot.Write(disk, Directory, 1234, [s_row]);
        var bytes = WholeFile.Read(disk, Directory + "/00000000000000001234.snapshot");

        ProducerSnapshot.TryDecode(bytes, out var rows).Should().BeTrue();
        rows.Should().Equal(s_row);
        for (var bit = 0; bit < bytes.Length * 8; bit++)
        {
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            ProducerSnapshot.TryDecode(bytes, out _).Should().BeFalse($"bit {bit}");
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
        }
        for (var length = 0; length < bytes.Length; length++)
            ProducerSnapshot.TryDecode(bytes.AsSpan(0, length), out _).Should().BeFalse();
    }

    [Fact]
    public void Leader_epochs_are_text_as_Kafka_writes_it()
    {
        var disk = NewDisk();
        LeaderEpochFile.Read(disk, Directory).Should().BeEmpty();
        LeaderEpochFile.Write(disk, Directory, [new(0, 0), new(3, 150)]);

        System.Text.Encoding.ASCII.GetString(WholeFile.Read(disk, Directory + "/leader-epoch-checkpoint")).Should().Be("0\n2\n0 0\n3 150\n");
        LeaderEpochFile.Read(disk, Directory).Should().Equal(new LeaderEpochStart(0, 0), new LeaderEpochStart(3, 150));
        disk.List(Directory).Should().Equal(["leader-epoch-checkpoint"], "nothing is left of writing it");
    }

    [Theory]
    [InlineData("")]
    [InlineData("1\n0\n")]
    [InlineData("0\n2\n0 0\n")]
    [InlineData("0\n1\n0 x\n")]
    [InlineData("0\n1\n0\n")]
    public void A_damaged_epoch_file_is_refused(string text)
    {
        var disk = NewDisk();
        WholeFile.Replace(disk, Directory + "/leader-epoch-checkpoint", System.Text.Encoding.ASCII.GetBytes(text));
        FluentActions.Invoking(() => LeaderEpochFile.Read(disk, Directory)).Should().Throw<DamagedStorageException>();
    }

    [Fact]
    public void Partition_metadata_names_the_topic_as_Kafka_does()
    {
        var disk = NewDisk();
        var topicId = Guid.Parse("00010203-0405-0607-0809-0a0b0c0d0e0f");
        PartitionMetadataFile.Read(disk, Directory).Should().BeNull();
        PartitionMetadataFile.Write(disk, Directory, topicId);

        System.Text.Encoding.ASCII.GetString(WholeFile.Read(disk, Directory + "/partition.metadata"))
            .Should().Be("version: 0\ntopic_id: AAECAwQFBgcICQoLDA0ODw\n");
        PartitionMetadataFile.Read(disk, Directory).Should().Be(topicId);
        PartitionMetadataFile.TryParse("version: 0\ntopic_id: AAEC\n", out _).Should().BeFalse();
        PartitionMetadataFile.TryParse("version: 1\n", out _).Should().BeFalse();
    }

    private static MemoryDisk NewDisk()
    {
        var disk = new MemoryDisk();
        disk.CreateDirectory(Directory);
        return disk;
    }
}
