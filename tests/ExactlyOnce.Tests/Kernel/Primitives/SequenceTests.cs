using CsCheck;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Tests.Kernel.Primitives;

public class SequenceTests
{
    [Theory]
    [InlineData(0, 0, 0)]
    [InlineData(0, 4, 4)]
    [InlineData(int.MaxValue, 0, int.MaxValue)]
    [InlineData(int.MaxValue, 1, 0)]
    [InlineData(2147483645, 4, 1)]
    [InlineData(int.MaxValue, int.MaxValue, int.MaxValue - 1)]
    public void Sequences_wrap_from_the_largest_int_to_zero(int sequence, int delta, int expected) =>
        Sequence.Add(sequence, delta).Should().Be(expected);

    [Fact]
    public void Five_records_from_2147483645_end_at_1_and_the_next_batch_begins_at_2()
    {
        var header = new BatchHeader { BaseSequence = 2147483645, LastOffsetDelta = 4, RecordCount = 5 };

        header.LastSequence.Should().Be(1);
        Sequence.Next(header.LastSequence).Should().Be(2);
    }

    [Fact]
    public void Next_is_adding_one() => Gen.Int[0, int.MaxValue].Sample(sequence => Sequence.Next(sequence) == Sequence.Add(sequence, 1));

    [Fact]
    public void Adding_is_addition_modulo_two_to_the_31() => Gen.Select(Gen.Int[0, int.MaxValue], Gen.Int[0, int.MaxValue])
        .Sample((sequence, delta) => Sequence.Add(sequence, delta) == (int)(((long)sequence + delta) % (1L << 31)));

    [Fact]
    public void A_batch_without_sequence_has_no_last_sequence() =>
        new BatchHeader { BaseSequence = Sequence.None, LastOffsetDelta = 4 }.LastSequence.Should().Be(Sequence.None);
}
