namespace ExactlyOnce.Tests;

public class RecordHeadersTests
{
    [Fact]
    public void Order_and_duplicates_are_kept_and_the_last_of_a_name_counts()
    {
        RecordHeaders headers = [new("trace", "1"), new("tenant", "acme"), new("trace", "2")];

        headers.Select(h => h.ToString()).Should().Equal("trace=1", "tenant=acme", "trace=2");
        headers.GetText("trace").Should().Be("2");
        headers.TryGetLast("Trace", out _).Should().BeFalse("names are compared ordinally");
    }

    [Fact]
    public void Adding_leaves_the_list_as_it_was()
    {
        var one = RecordHeaders.Empty.With("a", "1");
        var two = one.With("b", null);

        RecordHeaders.Empty.Count.Should().Be(0);
        one.Count.Should().Be(1);
        two.Count.Should().Be(2);
        two[1].Value.Should().BeNull();
    }

    [Fact]
    public void A_null_array_is_a_null_value_and_an_empty_one_is_not()
    {
        new RecordHeader("k", (byte[]?)null).Value.Should().BeNull();
        new RecordHeader("k", Array.Empty<byte>()).Value.Should().NotBeNull();
        new RecordHeader("k", "").GetText().Should().Be("");
        new RecordHeader("k", (string?)null).GetText().Should().BeNull();
    }

    [Fact]
    public void A_header_needs_a_name()
    {
        FluentActions.Invoking(() => new RecordHeader(null!, "v")).Should().Throw<ArgumentNullException>();
        FluentActions.Invoking(() => RecordHeaders.Empty.With(null!, "v")).Should().Throw<ArgumentNullException>();
        FluentActions.Invoking(() => RecordHeaders.Empty.TryGetLast(null!, out _)).Should().Throw<ArgumentNullException>();
        default(RecordHeader).Key.Should().BeEmpty();
    }

    [Fact]
    public void The_list_copies_what_it_is_made_of()
    {
        var source = new[] { new RecordHeader("a", "1") };
        var headers = RecordHeaders.Create(source);
        source[0] = new RecordHeader("b", "2");

        headers[0].Key.Should().Be("a");
    }

    [Fact]
    public void Writing_takes_exactly_the_length_foretold()
    {
        RecordHeaders headers = [new("ключ", "значение"), new("", (byte[]?)null), new(new string('k', 100), new byte[70]), new("half \ud800", "x")];
        var buffer = new byte[1000];

        headers.Write(buffer).Should().Be(headers.EncodedLength);
    }
}
