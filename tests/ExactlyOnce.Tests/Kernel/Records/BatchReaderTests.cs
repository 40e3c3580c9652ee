using System.Buffers.Binary;
using CsCheck;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Serialization;

namespace ExactlyOnce.Tests.Kernel.Records;

public class BatchReaderTests
{
    private const long T = GoldenBatch.T;

    [Fact]
    public void Hand_written_batches_are_read_field_by_field()
    {
        var batch = GoldenBatch.Three.ToArray();
        BatchHeader.Place(batch, baseOffset: 1000, leaderEpoch: 5);
        BatchHeader.HasValidCrc(batch).Should().BeTrue("offset and leader epoch lie outside it");
        var reader = BatchReader.Open(batch);

        reader.MoveNext().Should().BeTrue();
        (reader.Offset, reader.TimestampMs, reader.Sequence, reader.HasKey, reader.HasValue).Should().Be((1000, T, 2147483646, false, true));
        reader.MoveNext().Should().BeTrue();
        (reader.Offset, reader.TimestampMs, reader.Sequence, reader.HasKey, reader.HasValue).Should().Be((1001, T - 1000, 2147483647, true, false));
        reader.Key.IsEmpty.Should().BeTrue();
        reader.MoveNext().Should().BeTrue();
        var last = reader.Current;
        (last.Offset, last.TimestampMs, last.Sequence, last.HasKey, last.HasValue).Should().Be((1002, T + 5, 0, true, true));
        last.Headers.Count.Should().Be(2);
        last.Headers.ToHeaders().Select(h => Convert.ToHexString(h.Value!.Value.Span)).Should().Equal("", "0102");
        reader.MoveNext().Should().BeFalse();
        reader.MoveNext().Should().BeFalse();
    }

    [Fact]
    public void A_batch_compressed_by_another_gzip_is_read()
    {
        var header = BatchHeader.Read(GoldenBatch.Gzip);
        var decompressor = new BatchDecompressor(type => type == CompressionType.Gzip ? GzipCodec.Instance : null, 1000);

        TestRecord.ReadAll(decompressor.Open(header, GoldenBatch.Gzip)).Should().Equal(Enumerable.Repeat(TestRecord.Of("k", new string('x', 50), T), 3));
    }

    [Fact]
    public void With_append_time_every_record_has_the_time_of_the_batch()
    {
        var batch = GoldenBatch.Three.ToArray();
        var header = BatchTimestamps.StampAppendTime(batch, T + 777);

        header.IsLogAppendTime.Should().BeTrue();
        BatchHeader.HasValidCrc(batch).Should().BeTrue();
        header.Should().Be(BatchHeader.Read(batch));
        TestRecord.ReadAll(BatchReader.Open(batch)).Select(r => r.TimestampMs).Should().Equal(T + 777, T + 777, T + 777);
    }

    [Fact]
    public void Headers_outlive_the_batch()
    {
        var batch = GoldenBatch.Three.ToArray();
        var reader = BatchReader.Open(batch);
        reader.MoveNext();
        reader.MoveNext();
        reader.MoveNext();
        var headers = reader.Headers.ToHeaders();
        Array.Clear(batch);

        headers[1].Key.Should().Be("h");
        headers[1].Value!.Value.ToArray().Should().Equal(1, 2);
    }

    [Fact]
    public void An_emptied_batch_has_no_records()
    {
        var batch = new byte[BatchHeader.Size];
        BatchHeader.WriteWithCrc(batch, new BatchHeader
        {
            BaseOffset = 5,
            SizeInBytes = BatchHeader.Size,
            LastOffsetDelta = 9,
            Producer = new ProducerIdentity(1, 0),
            BaseSequence = 3,
        });

        TestRecord.ReadAll(BatchReader.Open(batch)).Should().BeEmpty();
        BatchHeader.Read(batch).LastSequence.Should().Be(12);
    }

    [Theory]
    [MemberData(nameof(DamagedRecords))]
    public void What_no_writer_produces_is_refused(string records, string why)
    {
        var read = () => TestRecord.ReadAll(new BatchReader(
            new BatchHeader { RecordCount = 2, LastOffsetDelta = 3, BaseTimestamp = T }, Convert.FromHexString(records.Replace(" ", "", StringComparison.Ordinal))));

        read.Should().Throw<CorruptRecordException>(why).Which.Recovery.Should().Be(ErrorRecovery.Stop);
    }

    public static TheoryData<string, string> DamagedRecords => new()
    {
        { "", "no records at all" },
        { "0c 00 00 00 01 01 00", "one record of two" },
        { "0c 00 00 00 01 01 00 0c 00 00 02 01 01 00 00", "bytes behind the last record" },
        { "0c 00 00 00 01 01 00 0e 00 00 02 01 01 00", "a length beyond the buffer" },
        { "0c 00 00 00 01 01 00 01 00 00 02 01 01 00", "a negative length" },
        { "0c 00 00 00 01 01 00 00 00 00 02 01 01 00", "a record of no bytes" },
        { "0e 00 00 00 01 01 00 00 0c 00 00 02 01 01 00", "a record shorter than its length" },
        { "0a 00 00 00 01 01 00 0c 00 00 02 01 01 00", "a record longer than its length" },
        { "8c00 00 00 00 01 01 00 0c 00 00 02 01 01 00", "an overlong length" },
        { "0e 00 8000 00 01 01 00 0c 00 00 02 01 01 00", "an overlong timestamp" },
        { "0e 00 00 8000 01 01 00 0c 00 00 02 01 01 00", "an overlong offset" },
        { "0c 00 00 00 03 01 00 0c 00 00 02 01 01 00", "a key length of -2" },
        { "0c 00 00 00 01 03 00 0c 00 00 02 01 01 00", "a value length of -2" },
        { "0c 00 00 00 04 01 00 0c 00 00 02 01 01 00", "a key beyond its record" },
        { "0c 00 00 00 01 04 00 0c 00 00 02 01 01 00", "a value beyond its record" },
        { "0c 00 00 00 01 01 01 0c 00 00 02 01 01 00", "a negative header count" },
        { "0c 00 00 00 01 01 02 0c 00 00 02 01 01 00", "a header that is not there" },
        { "10 00 00 00 01 01 02 01 01 0c 00 00 02 01 01 00", "a null header key" },
        { "10 00 00 00 01 01 02 00 03 0c 00 00 02 01 01 00", "a header value length of -2" },
        { "10 00 00 00 01 01 02 04 01 0c 00 00 02 01 01 00", "a header key beyond its record" },
        { "10 00 00 00 01 01 02 00 02 0c 00 00 02 01 01 00", "a header value beyond its record" },
        { "14 00 00 00 01 01 feffffff0f 0c 00 00 02 01 01 00", "two billion headers" },
        { "0c 00 00 00 01 01 00 0c 00 00 00 01 01 00", "the same offset twice" },
        { "0c 00 00 02 01 01 00 0c 00 00 00 01 01 00", "offsets that descend" },
        { "0c 00 00 00 01 01 00 0c 00 00 08 01 01 00", "an offset behind the last" },
        { "0c 00 00 01 01 01 00 0c 00 00 02 01 01 00", "a negative offset" },
        { "14 00 00 8080808010 01 01 00 0c 00 00 02 01 01 00", "an offset beyond 32 bits" },
    };

    [Fact]
    public void The_records_that_those_damages_started_from_are_read() => TestRecord.ReadAll(new BatchReader(
        new BatchHeader { RecordCount = 2, LastOffsetDelta = 3 }, Convert.FromHexString("0c0000000101000c000002010100"))).Should().HaveCount(2);

    [Fact]
    public void A_count_that_the_bytes_cannot_hold_is_refused_before_anything_is_read()
    {
        var header = BatchHeader.Read(GoldenBatch.Simple) with { RecordCount = int.MaxValue, LastOffsetDelta = int.MaxValue };

        FluentActions.Invoking(() => new BatchReader(header, GoldenBatch.Simple.AsSpan(BatchHeader.Size)).RecordCount).Should().Throw<CorruptRecordException>();
    }

    [Fact]
    public void Every_truncation_is_noticed()
    {
        for (var length = 0; length < GoldenBatch.Three.Length; length++)
        {
            var cut = GoldenBatch.Three[..length];
            FluentActions.Invoking(() => TestRecord.ReadAll(BatchReader.Open(cut))).Should().Throw<CorruptRecordException>($"{length} bytes are no batch");
            // With a length field that was cut to match, the records themselves must give it away.
            if (length < BatchHeader.Size)
                continue;
            BinaryPrimitives.WriteInt32BigEndian(cut.AsSpan(BatchHeader.LengthAt), length - BatchHeader.LengthOverhead);
            FluentActions.Invoking(() => TestRecord.ReadAll(BatchReader.Open(cut))).Should().Throw<CorruptRecordException>();
        }
    }

    [Fact]
    public void Every_corruption_of_a_byte_is_caught()
    {
        var batch = GoldenBatch.Three.ToArray();
        for (var at = 0; at < batch.Length; at++)
            for (var flip = 1; flip < 256; flip++)
            {
                batch[at] ^= (byte)flip;
                IsCaught(batch, at).Should().BeTrue($"byte {at} was changed by {flip:X2}");
                batch[at] ^= (byte)flip;
            }
    }

    [Fact]
    public void Random_bytes_are_read_or_refused_but_never_break_the_reader() => Gen.Select(Gen.Byte.Array[0, 60], Gen.Int[0, 8], Gen.Int[0, 10]).Sample(
        (records, count, lastDelta) =>
        {
            try
            {
                TestRecord.ReadAll(new BatchReader(new BatchHeader { RecordCount = count, LastOffsetDelta = lastDelta }, records));
            }
            catch (CorruptRecordException)
            {
            }
        }, iter: 2000);

    [Fact]
    public void A_batch_with_any_bytes_changed_and_its_checksum_mended_is_read_or_refused_but_never_breaks_the_reader() =>
        Gen.Select(TestRecord.Batch, Gen.Select(Gen.Int[0, 10_000], Gen.Byte).Array[1, 4]).Sample((records, changes) =>
        {
            var batch = TestRecord.Encode(records);
            foreach (var (at, value) in changes)
                batch[BatchHeader.Size + (at % (batch.Length - BatchHeader.Size))] = value;
            try
            {
                TestRecord.ReadAll(BatchReader.Open(batch)).Count.Should().Be(records.Length);
            }
            catch (CorruptRecordException)
            {
            }
        }, iter: 500);

    [Fact]
    public void A_compressed_batch_is_not_taken_for_an_open_one() =>
        FluentActions.Invoking(() => TestRecord.ReadAll(BatchReader.Open(GoldenBatch.Gzip))).Should().Throw<InvalidOperationException>();

    /// <summary>Base offset and leader epoch are the broker's to set: a change there is a valid batch elsewhere.</summary>
    private static bool IsCaught(byte[] batch, int at)
    {
        if (at is < BatchHeader.LengthAt or >= BatchHeader.LeaderEpochAt and < BatchHeader.MagicAt)
            return true;
        return !BatchHeader.TryRead(batch, out var header) || header.SizeInBytes != batch.Length || !BatchHeader.HasValidCrc(batch);
    }
}
