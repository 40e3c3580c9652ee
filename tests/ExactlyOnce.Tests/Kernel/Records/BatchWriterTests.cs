using CsCheck;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Serialization;

namespace ExactlyOnce.Tests.Kernel.Records;

public class BatchWriterTests
{
    private const long T = GoldenBatch.T;

    [Fact]
    public void One_record_without_a_producer_is_the_bytes_of_the_format()
    {
        var writer = new BatchWriter();
        TestRecord.Of("k", "v", T).TryAppendTo(writer).Should().BeTrue();

        var header = writer.Seal(ProducerIdentity.None, Sequence.None, BatchAttributes.None, null);

        writer.Bytes.ToArray().Should().Equal(GoldenBatch.Simple);
        header.Should().Be(BatchHeader.Read(GoldenBatch.Simple));
    }

    [Fact]
    public void Nulls_headers_negative_deltas_and_a_wrapping_sequence_are_the_bytes_of_the_format()
    {
        var writer = new BatchWriter();
        new TestRecord(T, null, [0x61], []).TryAppendTo(writer);
        new TestRecord(T - 1000, [], null, [("h", null)]).TryAppendTo(writer);
        new TestRecord(T + 5, "key"u8.ToArray(), [], [("h", []), ("h", [1, 2])]).TryAppendTo(writer);

        var header = writer.Seal(new ProducerIdentity(4711, 3), 2147483646, BatchAttributes.None, null);

        writer.Bytes.ToArray().Should().Equal(GoldenBatch.Three);
        header.LastSequence.Should().Be(0);
    }

    [Fact]
    public void A_transactional_record_with_long_lengths_is_the_bytes_of_the_format()
    {
        var writer = new BatchWriter();
        new TestRecord(T, "ä"u8.ToArray(), [.. Enumerable.Range(0, 100).Select(i => (byte)i)], []).TryAppendTo(writer);

        writer.Seal(new ProducerIdentity(1L << 40, 32766), 0, BatchAttributes.Transactional, null);

        writer.Bytes.ToArray().Should().Equal(GoldenBatch.Transactional);
    }

    [Fact]
    public void Any_records_come_back_compressed_or_not() => Gen.Select(TestRecord.Batch, Gen.Bool, Gen.Int[0, int.MaxValue]).Sample(
        (records, isCompressed, baseSequence) =>
        {
            var batch = TestRecord.Encode(records, isCompressed ? GzipCodec.Instance : null, baseSequence: baseSequence);
            BatchHeader.TryRead(batch, out var header).Should().BeTrue();
            BatchHeader.HasValidCrc(batch).Should().BeTrue();
            header.SizeInBytes.Should().Be(batch.Length);
            header.RecordCount.Should().Be(records.Length);
            header.LastSequence.Should().Be(Sequence.Add(baseSequence, records.Length - 1));
            header.MaxTimestamp.Should().Be(records.Max(r => r.TimestampMs));
            header.BaseTimestamp.Should().Be(records[0].TimestampMs);
            var decompressor = new BatchDecompressor(_ => GzipCodec.Instance, 1 << 20);
            TestRecord.ReadAll(decompressor.Open(header, batch)).Should().Equal(records);
        }, iter: 300);

    [Fact]
    public void The_size_is_known_before_and_true_afterwards() => TestRecord.Batch.Sample(records =>
    {
        var alone = BatchWriter.SizeAlone(
            records[0].Key?.Length ?? 0, records[0].Key is not null, records[0].Value?.Length ?? 0, records[0].Value is not null, records[0].ToHeaders());
        TestRecord.Encode(records[..1]).Length.Should().Be((int)alone);
        var writer = new BatchWriter(64);
        foreach (var record in records)
        {
            var before = writer.SizeInBytes;
            record.TryAppendTo(writer, before).Should().BeFalse("there is no room");
            writer.SizeInBytes.Should().Be(before, "a refused record changes nothing");
            record.TryAppendTo(writer).Should().BeTrue();
        }
        var open = writer.SizeInBytes;
        writer.Seal(new ProducerIdentity(1, 0), 0, BatchAttributes.None, null);
        writer.Bytes.Length.Should().Be(open);
        TestRecord.ReadAll(BatchReader.Open(writer.Bytes.Span)).Should().Equal(records);
    }, iter: 100);

    [Fact]
    public void A_batch_is_filled_to_its_limit_and_not_beyond()
    {
        var writer = new BatchWriter();
        var record = TestRecord.Of("k", "v");
        var limit = GoldenBatch.Simple.Length + 9;

        record.TryAppendTo(writer, limit).Should().BeTrue();
        record.TryAppendTo(writer, limit).Should().BeTrue();
        record.TryAppendTo(writer, limit).Should().BeFalse();
        writer.SizeInBytes.Should().Be(limit);
        writer.RecordCount.Should().Be(2);
    }

    [Fact]
    public void A_record_too_large_for_the_limit_leaves_the_batch_empty()
    {
        var writer = new BatchWriter();

        new TestRecord(0, null, new byte[1000], []).TryAppendTo(writer, 1000).Should().BeFalse();

        writer.IsEmpty.Should().BeTrue();
        BatchWriter.SizeAlone(0, false, 1000, true, null).Should().BeGreaterThan(1000);
    }

    [Fact]
    public void A_writer_can_be_used_again_and_a_huge_buffer_is_given_up()
    {
        var writer = new BatchWriter(256, retainedBytesMax: 1024);
        new TestRecord(T + 99, null, new byte[100_000], []).TryAppendTo(writer).Should().BeTrue();
        writer.Seal(ProducerIdentity.None, Sequence.None, BatchAttributes.None, GzipCodec.Instance);
        writer.IsSealed.Should().BeTrue();

        writer.Reset();

        (writer.IsEmpty, writer.IsSealed, writer.SizeInBytes).Should().Be((true, false, BatchHeader.Size));
        TestRecord.Of("k", "v", T).TryAppendTo(writer);
        writer.Seal(ProducerIdentity.None, Sequence.None, BatchAttributes.None, null);
        writer.Bytes.ToArray().Should().Equal(GoldenBatch.Simple);
    }

    [Fact]
    public void A_batch_can_be_sealed_again_for_a_new_epoch()
    {
        var writer = new BatchWriter();
        TestRecord.Of("k", "v", T).TryAppendTo(writer);
        writer.Seal(new ProducerIdentity(1, 0), 17, BatchAttributes.None, GzipCodec.Instance);

        var header = writer.Seal(new ProducerIdentity(1, 1), 0, BatchAttributes.None, null);

        header.Producer.Epoch.Should().Be(1);
        BatchHeader.HasValidCrc(writer.Bytes.Span).Should().BeTrue();
        TestRecord.ReadAll(BatchReader.Open(writer.Bytes.Span)).Should().Equal(TestRecord.Of("k", "v", T));
    }

    [Fact]
    public void Compression_that_makes_the_batch_larger_is_left_out()
    {
        var small = BatchHeader.Read(TestRecord.Encode([TestRecord.Of("k", "v")], GzipCodec.Instance));
        var large = BatchHeader.Read(TestRecord.Encode([TestRecord.Of("k", new string('v', 1000))], GzipCodec.Instance));

        small.Compression.Should().Be(CompressionType.None);
        large.Compression.Should().Be(CompressionType.Gzip);
        large.SizeInBytes.Should().BeLessThan(200);
    }

    [Fact]
    public void A_sealed_batch_takes_no_record_and_an_empty_one_no_seal()
    {
        var writer = new BatchWriter();
        writer.Invoking(w => w.Seal(ProducerIdentity.None, Sequence.None, BatchAttributes.None, null)).Should().Throw<InvalidOperationException>();
        TestRecord.Of("k", "v").TryAppendTo(writer);
        writer.Seal(ProducerIdentity.None, Sequence.None, BatchAttributes.None, null);

        writer.Invoking(w => TestRecord.Of("k", "v").TryAppendTo(w)).Should().Throw<InvalidOperationException>();
    }

    [Fact]
    public void Appending_and_reading_allocate_nothing()
    {
        var writer = new BatchWriter(64 * 1024);
        RecordHeaders headers = [new("h", "v")];
        var key = new byte[8];
        var value = new byte[100];
        long allocated = 0;
        var headerBytes = 0;
        // The first rounds pay for tables and the headers' length, which is computed once.
        for (var round = 0; round < 10; round++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            writer.Reset();
            for (var i = 0; i < 100; i++)
                writer.TryAppend(T + i, key, true, value, true, headers, int.MaxValue);
            writer.Seal(new ProducerIdentity(1, 0), 0, BatchAttributes.None, null);
            var reader = BatchReader.Open(writer.Bytes.Span);
            while (reader.MoveNext())
                for (var each = reader.Headers; each.MoveNext();)
                    headerBytes += each.Value.Length;
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        headerBytes.Should().Be(1000);
        allocated.Should().Be(0);
    }
}
