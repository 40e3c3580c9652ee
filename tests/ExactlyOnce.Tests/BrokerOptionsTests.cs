namespace ExactlyOnce.Tests;

public sealed class BrokerOptionsTests
{
    public static TheoryData<string, Action<BrokerOptions>> Invalid => new()
    {
        { "*Durability needs a directory*", options => options.Durability = Durability.Flushed },
        { "*writes nothing to the directory*", options => (options.Directory, options.Durability) = ("d", Durability.Memory) },
        { "*Directory is the path of a folder*", options => options.Directory = " " },
        { "*Durability is Memory, Written or Flushed*", options => options.Durability = (Durability)9 },
        { "*CommitDelay is not negative*", options => options.CommitDelay = TimeSpan.FromSeconds(-1) },
        { "*CommitDelay is at most one second*", options => options.CommitDelay = TimeSpan.FromSeconds(2) },
        { "*MaxTransactionTimeout is above zero*", options => options.MaxTransactionTimeout = TimeSpan.Zero },
        { "*ProducerExpiry is at least MaxTransactionTimeout*", options => options.ProducerExpiry = TimeSpan.FromMinutes(1) },
        { "*TransactionalIdExpiry is above zero*", options => options.TransactionalIdExpiry = TimeSpan.Zero },
        { "*OffsetsRetention is above zero*", options => options.OffsetsRetention = TimeSpan.Zero },
        { "*CheckpointInterval is above zero*", options => options.CheckpointInterval = TimeSpan.Zero },
        { "*SyncInterval is above zero*", options => options.SyncInterval = TimeSpan.Zero },
        { "*CloseTimeout is not negative*", options => options.CloseTimeout = TimeSpan.FromSeconds(-1) },
        { "*JournalFileBytes is at least*", options => options.JournalFileBytes = 1 },
        { "*CheckpointBytes is at least*", options => options.CheckpointBytes = 1 },
        { "*JournalQueueBytesMax is at least*", options => options.JournalQueueBytesMax = 1 },
        { "*TailBytesMax is at least CheckpointBytes*", options => options.TailBytesMax = 1 },
        { "*Codecs entry*null*", options => options.Codecs.Add(null!) },
    };

    [Theory]
    [MemberData(nameof(Invalid))]
    public void An_invalid_option_is_refused_with_what_to_do(string message, Action<BrokerOptions> spoil)
    {
        var options = new BrokerOptions();
        spoil(options);

        options.Invoking(o => o.Validate()).Should().Throw<InvalidRequestException>()
            .WithMessage(message.Replace("entry*null", "*", StringComparison.Ordinal)).Which.Code.Should().Be(ErrorCode.InvalidConfig);
    }

    [Fact]
    public void The_defaults_are_valid_in_memory_and_with_a_directory()
    {
        new BrokerOptions().Validate();
        var durable = new BrokerOptions { Directory = "d" };
        durable.Validate();

        new BrokerOptions().EffectiveDurability.Should().Be(Durability.Memory);
        durable.EffectiveDurability.Should().Be(Durability.Flushed);
    }

    [Theory]
    [InlineData("mode=memory", null, null)]
    [InlineData("data/shop", "data/shop", null)]
    [InlineData("data/shop;v2", "data/shop;v2", null)]
    [InlineData("mode=durable;path=data/shop", "data/shop", null)]
    [InlineData("path=data/shop;mode=durable", "data/shop", null)]
    [InlineData("/data/a=b", "/data/a=b", null)]
    [InlineData("./memory", "./memory", null)]
    [InlineData(" ;mode = memory;", null, null)]
    [InlineData("Mode=Durable; Path=data/a=b ; durability=written", "data/a=b", Durability.Written)]
    public void A_connection_string_names_mode_folder_and_durability(string text, string? directory, Durability? durability)
    {
        var options = new BrokerOptions();

        ConnectionString.Apply(text, options, "text");

        (options.Directory, options.Durability).Should().Be((directory, durability));
    }

    [Theory]
    [InlineData("mode=durable", "*needs a folder*")]
    [InlineData("mode=memory;path=x", "*takes no path*")]
    [InlineData("mode=kafka;path=x", "*ExactlyOnce.Kafka*")]
    [InlineData("mode=cloud", "*'cloud' is not known*")]
    [InlineData("mode=memory;speed=9", "*unknown key 'speed'*")]
    [InlineData("mode=memory;fast", "*key=value*")]
    [InlineData("mode=durable;path=x;durability=none", "*not a durability*")]
    [InlineData("mode=durable;path=x;durability=memory", "*durability=flushed*")]
    [InlineData("mode=memory;durability=written", "*leave durability out*")]
    [InlineData("path=data/shop", "*Write mode=durable;path=data/shop.*")]
    [InlineData("mode=memory;mode=durable", "*'mode' twice*")]
    [InlineData("memory", "*Write mode=memory*./memory*")]
    [InlineData("mod=memory", "*unknown key 'mod'*Write mode=memory*")]
    [InlineData("mode=durable;path=x;durability=2", "*not a durability. Write durability=flushed*")]
    [InlineData(" ", "*")]
    public void A_connection_string_that_is_not_understood_says_why(string text, string message) =>
        text.Invoking(t => ConnectionString.Apply(t, new BrokerOptions(), "text")).Should().Throw<ArgumentException>().WithMessage(message);

    [Fact]
    public void A_connection_string_that_is_not_understood_changes_nothing()
    {
        var options = new BrokerOptions { Directory = "before", Durability = Durability.Written };

        options.Invoking(o => o.UseConnectionString("mode=durable;path=after;durability=maybe")).Should().Throw<ArgumentException>();

        (options.Directory, options.Durability).Should().Be(("before", Durability.Written));
    }
}
