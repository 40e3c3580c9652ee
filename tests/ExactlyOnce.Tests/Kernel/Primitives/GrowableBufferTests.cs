using System.Buffers;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Tests.Kernel.Primitives;

public class GrowableBufferTests
{
    [Fact]
    public void What_was_written_survives_growing()
    {
        var buffer = new GrowableBuffer(4);
        for (var i = 0; i < 1000; i++)
            buffer.Write([(byte)i, (byte)(i >> 8)]);

        buffer.Length.Should().Be(2000);
        buffer.WrittenSpan[1998].Should().Be(999 & 0xFF);
        buffer.WrittenMemory.Span[0].Should().Be(0);
    }

    [Fact]
    public void A_span_asked_for_without_a_size_is_never_empty() => new GrowableBuffer().GetSpan().Length.Should().BePositive();

    [Fact]
    public void Writing_beyond_the_limit_throws_and_writing_up_to_it_does_not()
    {
        var buffer = new GrowableBuffer();
        buffer.Clear(bytesMax: 10);
        buffer.GetSpan(100).Length.Should().BeGreaterThanOrEqualTo(100);
        buffer.Advance(10);

        buffer.Invoking(b => b.Advance(1)).Should().Throw<InvalidOperationException>();
        buffer.Length.Should().Be(10);
    }

    [Fact]
    public void Growth_stops_at_the_limit_and_the_room_that_is_asked_for_there()
    {
        const int Limit = 10_000;
        var buffer = new GrowableBuffer();
        buffer.Clear(Limit);
        while (buffer.Length < Limit)
        {
            buffer.GetSpan(100);
            buffer.Advance(Math.Min(100, Limit - buffer.Length));
            buffer.Capacity.Should().BeLessThanOrEqualTo(Limit + 100);
        }
        var before = buffer.Capacity;

        buffer.GetSpan(100).Length.Should().BeGreaterThanOrEqualTo(100);
        buffer.Capacity.Should().Be(before, "the last growth has left the room already");
    }

    [Fact]
    public void Advancing_beyond_the_span_handed_out_throws() =>
        new GrowableBuffer(8).Invoking(b => b.Advance(9)).Should().Throw<ArgumentOutOfRangeException>();

    [Fact]
    public void Clearing_keeps_a_small_array_and_gives_up_a_huge_one()
    {
        var buffer = new GrowableBuffer(16, retainedBytesMax: 1024);
        buffer.Write(new byte[1000]);
        buffer.Clear();
        buffer.Capacity.Should().BeGreaterThanOrEqualTo(1000);

        buffer.Write(new byte[5000]);
        buffer.Clear();
        buffer.Capacity.Should().BeLessThanOrEqualTo(1024);
        buffer.Length.Should().Be(0);
    }
}
