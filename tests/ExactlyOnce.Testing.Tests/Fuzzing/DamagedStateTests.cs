using System.Buffers;
using System.Buffers.Binary;
using ExactlyOnce.Engine.Coordination;
using ExactlyOnce.Engine.Journal;
using ExactlyOnce.Engine.Log;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Testing.Disks;

namespace ExactlyOnce.Testing.Tests.Fuzzing;

/// <summary>
/// Bytes whose checksum is right and whose meaning is not: refused in the one way that parsers of state have, before anything is sized or named by them.
/// </summary>
public sealed class DamagedStateTests
{
    [Theory]
    [InlineData("../../etc", 1)]
    [InlineData("", 1)]
    [InlineData("orders", 0)]
    [InlineData("orders", int.MaxValue)]
    public void A_topic_that_could_not_have_been_created_is_not_read(string name, int partitions)
    {
        var read = () => TopicRecord.Read(TopicBytes(name, partitions));
        read.Should().Throw<InvalidDataException>();
    }

    [Fact]
    public void A_time_that_does_not_fit_is_not_read()
    {
        var bytes = TopicBytes("orders", 1);
        // The last field: how long message ids are remembered.
        BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(bytes.Length - sizeof(long)), long.MaxValue);

        var read = () => TopicRecord.Read(bytes);
        read.Should().Throw<InvalidDataException>();
    }

    [Fact]
    public void Text_that_is_not_UTF8_is_not_read_as_other_text()
    {
        var read = () => new FieldReader([0, 0, 0, 1, 0xFF]).Text();
        read.Should().Throw<InvalidDataException>();
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(1, 60)]
    [InlineData(2, 9)]
    [InlineData(2, 11)]
    [InlineData(3, 7)]
    [InlineData(4, 12)]
    [InlineData(9, 8)]
    public void A_partition_piece_of_another_length_is_refused(byte kind, int length)
    {
        var read = () => PartitionPieces.Read((PartitionPiece)kind, new byte[length], 0);
        read.Should().Throw<InvalidDataException>();
    }

    [Fact]
    public void A_marker_without_a_marker_in_it_is_refused_like_any_other_piece()
    {
        var batch = new byte[ControlBatch.MarkerSize];
        ControlBatch.WriteMarker(batch, new TransactionMarker(true, new ProducerIdentity(1, 0), 0, 0));
        batch[BatchHeader.Size] ^= 0x40;

        var read = () => PartitionPieces.Read(PartitionPiece.Batch, batch, 0);
        read.Should().Throw<InvalidDataException>();
    }

    [Theory]
    [InlineData(28)]
    [InlineData(32)]
    [InlineData(36)]
    public void A_segment_with_a_negative_length_is_refused(int at)
    {
        var bytes = new byte[6 + 97];
        BinaryPrimitives.WriteInt16BigEndian(bytes, 1);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(2), 1);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(6 + at), int.MinValue);

        var read = () => SegmentList.Read(bytes, out _);
        read.Should().Throw<InvalidDataException>();
    }

    [Theory]
    [InlineData("../other.journal")]
    [InlineData("/etc/passwd")]
    [InlineData("..")]
    public void A_manifest_that_names_a_file_elsewhere_is_refused(string name)
    {
        var manifest = new Manifest { NextGeneration = 2, JournalFiles = [new JournalFile(1, 0, 7, name)] };

        var read = () => Manifest.Read(new ImageDisk(DirectoryImage.Single("/data", "/data/manifest", manifest.Encode())), "/data");
        read.Should().Throw<DamagedStorageException>();
    }

    private static byte[] TopicBytes(string name, int partitions)
    {
        var bytes = new ArrayBufferWriter<byte>();
        new TopicRecord.Put(1, name, Guid.Empty, partitions, false, 0, new TopicOptions()).Write(bytes);
        return bytes.WrittenSpan.ToArray();
    }
}
