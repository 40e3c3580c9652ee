using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Tests.Kernel.Records;

public class ControlBatchTests
{
    private static readonly TransactionMarker s_commit = new(true, new ProducerIdentity(4711, 4), 7, GoldenBatch.T);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_marker_is_the_78_bytes_of_the_format(bool isCommit)
    {
        var bytes = new byte[100];

        var header = ControlBatch.WriteMarker(bytes, s_commit with { IsCommit = isCommit });

        var golden = isCommit ? GoldenBatch.Commit : GoldenBatch.Abort;
        golden.Should().HaveCount(ControlBatch.MarkerSize);
        bytes[..78].Should().Equal(golden);
        bytes[78..].Should().OnlyContain(b => b == 0);
        header.Should().Be(BatchHeader.Read(golden));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_marker_comes_back(bool isCommit)
    {
        ControlBatch.TryReadMarker(isCommit ? GoldenBatch.Commit : GoldenBatch.Abort, out var marker).Should().BeTrue();
        marker.Should().Be(s_commit with { IsCommit = isCommit });
    }

    [Fact]
    public void Other_control_types_and_data_are_no_markers()
    {
        ControlBatch.TryReadMarker(GoldenBatch.LeaderChange, out _).Should().BeFalse();
        ControlBatch.TryReadMarker(GoldenBatch.Simple, out _).Should().BeFalse();
        ControlBatch.TryReadMarker(GoldenBatch.Gzip, out _).Should().BeFalse();
        var unknown = GoldenBatch.Commit.ToArray();
        unknown[69] = 99;
        ControlBatch.TryReadMarker(unknown, out _).Should().BeFalse();
    }

    [Fact]
    public void A_marker_emptied_by_compaction_is_no_marker()
    {
        var empty = GoldenBatch.Commit[..BatchHeader.Size];
        BatchHeader.WriteWithCrc(empty, BatchHeader.Read(GoldenBatch.Commit) with { SizeInBytes = BatchHeader.Size, RecordCount = 0 });

        ControlBatch.TryReadMarker(empty, out _).Should().BeFalse();
    }

    [Fact]
    public void A_later_version_with_more_fields_is_still_read()
    {
        var writer = new BatchWriter();
        writer.TryAppend(5, [0, 1, 0, 1, 9], true, [0, 1, 0, 0, 0, 8, 1, 2, 3], true, null, 1000);
        writer.Seal(new ProducerIdentity(1, 2), 0, BatchAttributes.Transactional, null);
        var batch = writer.Bytes.ToArray();
        batch[BatchHeader.AttributesAt + 1] |= (byte)BatchAttributes.Control;

        ControlBatch.TryReadMarker(batch, out var marker).Should().BeTrue();
        marker.Should().Be(new TransactionMarker(true, new ProducerIdentity(1, 2), 8, 5));
    }

    [Theory]
    [InlineData("000000", "000000000007")]
    [InlineData("FFFF0001", "000000000007")]
    [InlineData("00000001", "0000000000")]
    [InlineData("00000001", "FFFF00000007")]
    [InlineData("00000001", null)]
    [InlineData(null, "000000000007")]
    public void A_damaged_marker_is_refused(string? key, string? value)
    {
        var writer = new BatchWriter();
        writer.TryAppend(5, Convert.FromHexString(key ?? ""), key is not null, Convert.FromHexString(value ?? ""), value is not null, null, 1000);
        writer.Seal(new ProducerIdentity(1, 2), 0, BatchAttributes.Transactional, null);
        var batch = writer.Bytes.ToArray();
        batch[BatchHeader.AttributesAt + 1] |= (byte)BatchAttributes.Control;

        FluentActions.Invoking(() => ControlBatch.TryReadMarker(batch, out _)).Should().Throw<CorruptRecordException>();
    }

    [Fact]
    public void A_compressed_control_batch_is_damage()
    {
        var batch = GoldenBatch.Commit.ToArray();
        batch[BatchHeader.AttributesAt + 1] |= (byte)CompressionType.Gzip;

        FluentActions.Invoking(() => ControlBatch.TryReadMarker(batch, out _)).Should().Throw<CorruptRecordException>();
    }

    [Fact]
    public void Every_truncation_of_a_marker_is_refused()
    {
        for (var length = 0; length < ControlBatch.MarkerSize; length++)
        {
            var cut = GoldenBatch.Commit[..length];
            FluentActions.Invoking(() => ControlBatch.TryReadMarker(cut, out _)).Should().Throw<CorruptRecordException>();
        }
    }
}
