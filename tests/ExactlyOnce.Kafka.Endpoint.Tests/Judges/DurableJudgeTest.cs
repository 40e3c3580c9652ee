namespace ExactlyOnce.Kafka.Endpoint.Tests.Judges;

/// <summary>The same over a broker on disk, which ends and begins again meanwhile and behind it.</summary>
public abstract class DurableJudgeTest(string client) : JudgeTest(client)
{
    private readonly string _folder = Directory.CreateTempSubdirectory("eo-judge-").FullName;

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private protected override ValueTask<Broker> OpenBrokerAsync() => new(Broker.OpenAsync(Path.Combine(_folder, "data")));

    /// <summary>How far the judge's groups have come, if there are any.</summary>
    private async Task<long> CommittedAsync() =>
        Broker.Admin.DescribeTopic("in") is null ? 0 : await CommittedAsync("readers") + await CommittedAsync("transformers");

    /// <summary>What the judge has done is there afterwards, as it was.</summary>
    private protected async Task OutlivesAsync(Func<Task> judged, string topic)
    {
        await judged();
        var before = await ReadAsync(topic, IsolationLevel.ReadUncommitted);
        var committed = await CommittedAsync();

        await RestartAsync();

        before.Should().NotBeEmpty();
        (await ReadAsync(topic, IsolationLevel.ReadUncommitted)).Should().Equal(before);
        (await CommittedAsync()).Should().Be(committed);
        (await Broker.Admin.ListOpenTransactionsAsync()).Should().BeEmpty();
    }
}
