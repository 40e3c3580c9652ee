using System.Reflection;

namespace ExactlyOnce.Tests.PublicApi;

/// <summary>
/// Every public call on something that is over: its broker is closed, or it was disposed of itself. Found by reflection, as for bad arguments.
/// </summary>
public sealed class ClosedTests
{
    /// <summary>Calls that may be made on something closed, each with its reason.</summary>
    private static readonly Dictionary<string, string> s_allowed = new()
    {
        ["Transaction.AbortAsync()"] = "Aborting what is aborted is what was asked for.",
    };

    private static readonly Type[] s_living =
    [
        typeof(Broker), typeof(BrokerAdmin), typeof(Producer<string, string>), typeof(TransactionalProducer), typeof(Transaction), typeof(TransactionWriter), typeof(Consumer<string, string>),
        typeof(ConsumerBatch<string, string>), typeof(Pipeline), typeof(Subscription), typeof(ProducerBuilder<string, string>), typeof(ConsumerBuilder<string, string>),
        typeof(PipelineBuilder), typeof(PipelineBuilder<string, string>), typeof(BrokerConsuming), typeof(ProducerExtensions),
    ];

    public static TheoryData<string> OfBrokers() => [.. Living().Select(call => call.Name)];

    public static TheoryData<string> OfClients() =>
        [.. Living().Where(call => !call.Type.Name.StartsWith("Broker", StringComparison.Ordinal) && !call.Type.Name.Contains("Builder", StringComparison.Ordinal)).Select(call => call.Name)];

    [Theory]
    [MemberData(nameof(OfBrokers))]
    public async Task A_call_is_refused_when_the_broker_is_closed(string name)
    {
        await using var here = await Workplace.OpenAsync();
        var (call, target, arguments) = Prepare(here, name);

        await here.Broker.DisposeAsync();

        MustRefuse(await Calling.TryAsync(here, call, target, arguments), call);
    }

    [Theory]
    [MemberData(nameof(OfClients))]
    public async Task A_call_is_refused_when_its_client_is_over(string name)
    {
        await using var here = await Workplace.OpenAsync();
        var (call, target, arguments) = Prepare(here, name);

        await here.Transaction.AbortAsync();
        foreach (var client in new IAsyncDisposable[] { here.Producer, here.Named, here.Greeter, here.Transactional, here.Consumer, here.Idle, here.Pipeline })
            await client.DisposeAsync();
        if (target is Subscription subscription)
            await subscription.DisposeAsync();

        MustRefuse(await Calling.TryAsync(here, call, target, arguments), call);
        here.Broker.Admin.ListTopics().Should().HaveCount(2);
        (await here.Broker.PublishAsync(Workplace.Orders, "k", "v")).IsDuplicate.Should().BeFalse();
    }

    [Fact]
    public async Task Everything_can_be_disposed_of_twice_in_any_order()
    {
        await using var here = await Workplace.OpenAsync();
        IAsyncDisposable[] all =
            [here.Broker, here.Transaction, here.Busy, here.Producer, here.Named, here.Greeter, here.Transactional, here.Consumer, here.Idle, here.Pipeline];

        foreach (var one in all.Concat(all))
            await one.DisposeAsync();
    }

    [Fact]
    public void No_reason_outlives_its_call() => s_allowed.Keys.Should().BeSubsetOf(Living().Select(call => call.Name));

    private static IEnumerable<PublicCall> Living() =>
        PublicCalls.All.Where(call => s_living.Contains(call.Type) && call.Method.Name != nameof(IAsyncDisposable.DisposeAsync) && (!call.Method.IsStatic || call.Method.DeclaringType!.IsAbstract));

    private static (PublicCall Call, object? Target, object?[] Arguments) Prepare(Workplace here, string name)
    {
        var call = PublicCalls.Named(name);
        return (call, here.Target(call), Array.ConvertAll(call.Parameters, parameter => here.Argument(call, parameter)));
    }

    private static void MustRefuse(Exception? thrown, PublicCall call)
    {
        if (s_allowed.ContainsKey(call.Name))
            thrown.Should().BeNull();
        else if (thrown is not BrokerClosedException)
            thrown.Should().BeAssignableTo<InvalidOperationException>($"{call} is over{(thrown is null ? "" : ": " + thrown)}");
    }
}
