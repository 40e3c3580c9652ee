namespace ExactlyOnce.Tests.Clients.Pipelines;

/// <summary>What happens around a pipeline while it runs.</summary>
public sealed class PipelineSurroundingsTests
{
    private static readonly Topic<string, string> s_orders = Topic.Create("orders", Serdes.Utf8, Serdes.Utf8);
    private static readonly TimeSpan s_soon = TimeSpan.FromSeconds(10);

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, true)]
    public async Task A_pipeline_whose_topic_is_deleted_ends_and_says_so(int workers, bool isMadeAgain)
    {
        await using var broker = Broker.CreateInMemory(options => options.CloseTimeout = TimeSpan.FromSeconds(1));
        await using var billing = broker.CreatePipeline("billing").Read(s_orders).WithWorkers(workers).Process((_, _, _) => default);
        await broker.PublishAsync(s_orders, "k", "1");
        var running = billing.RunAsync();
        await Until(async () => (await broker.Admin.GetGroupOffsetsAsync("billing", "orders")).Count > 0);

        await broker.Admin.DeleteTopicAsync("orders");
        if (isMadeAgain)
            await broker.Admin.CreateTopicAsync("orders");

        await running.Awaiting(ended => ended.WaitAsync(s_soon)).Should().ThrowAsync<UnknownTopicException>();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Whoever_waited_for_the_end_of_a_run_goes_on_under_no_lock(bool closesBroker)
    {
        await using var broker = Broker.CreateInMemory(options => options.CloseTimeout = TimeSpan.FromSeconds(1));
        await broker.Admin.CreateTopicAsync("orders");
        await using var billing = broker.CreatePipeline("billing").Read(s_orders).Process((_, _, _) => default);
        var running = billing.RunAsync();
        await Until(() => Task.FromResult(broker.Admin.ListGroups().Contains("billing")));
        await Task.Delay(50);
        var owner = running.ContinueWith(
            _ => Task.Run(() => (billing.StoppedPartitions, broker.DisposeAsync())).Wait(TimeSpan.FromSeconds(5)),
            CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);

        if (closesBroker)
            await broker.DisposeAsync();
        else
            await billing.StopAsync();

        (await owner.WaitAsync(s_soon)).Should().BeTrue("another thread may look at the pipeline meanwhile");
    }

    private static async Task Until(Func<Task<bool>> holds)
    {
        var end = DateTime.UtcNow + s_soon;
        while (!await holds())
        {
            DateTime.UtcNow.Should().BeBefore(end, "it should have come true by now");
            await Task.Delay(5);
        }
    }
}
