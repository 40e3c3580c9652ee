using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Tests.Kernel.Records;

public class BatchSequenceTests
{
    private static readonly byte[] s_bytes = [.. GoldenBatch.Simple, .. GoldenBatch.Three, .. GoldenBatch.Commit];

    [Fact]
    public void Batches_follow_each_other_by_their_headers()
    {
        var seen = new List<(int Position, int Size, int Records)>();
        var sequence = new BatchSequence(s_bytes);
        while (sequence.MoveNext())
        {
            seen.Add((sequence.Position, sequence.Batch.Length, sequence.Current.RecordCount));
            BatchHeader.HasValidCrc(sequence.Batch).Should().BeTrue();
            sequence.Records.Length.Should().Be(sequence.Batch.Length - BatchHeader.Size);
        }

        seen.Should().Equal((0, 70, 1), (70, 98, 3), (168, 78, 1));
        sequence.MoveNext().Should().BeFalse();
    }

    [Fact]
    public void No_bytes_are_no_batches() => new BatchSequence([]).MoveNext().Should().BeFalse();

    [Fact]
    public void A_torn_batch_at_the_end_is_refused_at_every_length()
    {
        for (var length = 71; length < 168; length++)
        {
            var position = 0;
            var cut = s_bytes[..length];
            BatchSequence.TryReadNext(cut, ref position, out var header).Should().BeTrue();
            header.RecordCount.Should().Be(1);
            FluentActions.Invoking(() => BatchSequence.TryReadNext(cut, ref position, out _)).Should().Throw<CorruptRecordException>();
            position.Should().Be(70, "the position stays at the batch that could not be read");
        }
    }

    [Fact]
    public void What_is_no_batch_is_refused() =>
        FluentActions.Invoking(() => new BatchSequence(new byte[100]).MoveNext()).Should().Throw<CorruptRecordException>();
}
