using System.Reflection;

namespace ExactlyOnce.Tests.PublicApi;

/// <summary>
/// Makes a public call by reflection and follows it to where its outcome is known: a task is awaited, a stream asked for its first element, a builder made to
/// build.
/// </summary>
internal static class Calling
{
    public static async Task<Exception?> TryAsync(Workplace here, PublicCall call, object? target, object?[] arguments)
    {
        try
        {
            if (call.IsSetter)
                await UseOptionAsync(here, call, arguments[0]);
            else
                await FinishAsync(Invoke(call, target, arguments));
            return null;
        }
        catch (TargetInvocationException exception)
        {
            return exception.InnerException!;
        }
        catch (Exception exception)
        {
            return exception;
        }
    }

    private static object? Invoke(PublicCall call, object? target, object?[] arguments) => (call.Method.Name, target) switch
    {
        // Reflection cannot carry a span.
        ("GetKeyBytes", ConsumerBatch<string, string> batch) => batch.GetKeyBytes((int)arguments[0]!).ToArray(),
        ("GetValueBytes", ConsumerBatch<string, string> batch) => batch.GetValueBytes((int)arguments[0]!).ToArray(),
        _ when call.Method is ConstructorInfo constructor => constructor.Invoke(arguments),
        _ => call.Method.Invoke(target, arguments),
    };

    /// <summary>An option is judged by whoever is given the options.</summary>
    private static async Task UseOptionAsync(Workplace here, PublicCall call, object? value)
    {
        void Set(object options) => call.Method.Invoke(options, [value]);
        if (call.Type == typeof(BrokerOptions))
            await FinishAsync(Broker.CreateInMemory(Set));
        else if (call.Type == typeof(TopicOptions))
        {
            var created = await TryTopicAsync(() => here.Broker.Admin.CreateTopicAsync("new", Set));
            await here.Broker.Admin.AlterTopicAsync("orders", Set);
            (created is null).Should().BeTrue("what altering a topic accepts, creating one does too: {0}", created);
        }
        else if (call.Type == typeof(ConsumerOptions))
            await FinishAsync(here.Broker.CreateConsumer(Workplace.Orders).InGroup("new").With(Set).Build());
        else if (call.Type == typeof(PipelineOptions))
            await FinishAsync(here.Broker.CreatePipeline("new").Read(Workplace.Orders).With(Set).Process((_, _, _) => default));
        else if (call.Type == typeof(SubscriptionOptions))
            await FinishAsync(here.Broker.Subscribe(Workplace.Orders, _ => { }, Set));
        else if (call.Type == typeof(TransactionalProducerOptions))
        {
            var options = new TransactionalProducerOptions();
            Set(options);
            await FinishAsync(here.Broker.CreateTransactionalProducerAsync("new", options));
        }
        else
            throw new InvalidOperationException($"Say who judges {call}.");
    }

    private static async Task<Exception?> TryTopicAsync(Func<Task> create)
    {
        try
        {
            await create();
            return null;
        }
        catch (Exception exception) when (exception is BrokerException or ArgumentException)
        {
            return exception;
        }
    }

    private static async Task FinishAsync(object? outcome)
    {
        switch (outcome)
        {
            case Task task:
                await task;
                if (task.GetType().GetProperty("Result")?.GetValue(task) is { } result and not Task)
                    await FinishAsync(result);
                break;
            case ValueTask task:
                await task;
                break;
            case BrokerBuilder builder:
                await FinishAsync(await builder.OpenAsync());
                break;
            case ProducerBuilder<string, string> builder:
                await FinishAsync(builder.Build());
                break;
            case ConsumerBuilder<string, string> builder:
                await FinishAsync(builder.Build());
                break;
            case PipelineBuilder<string, string> builder:
                await FinishAsync(builder.Process((_, _, _) => default));
                break;
            case IAsyncEnumerable<ConsumerRecord<string, string>> records:
                await FirstAsync(records);
                break;
            case IAsyncEnumerable<ConsumerBatch<string, string>> batches:
                await FirstAsync(batches);
                break;
            case IAsyncDisposable client:
                await client.DisposeAsync();
                break;
            case not null when outcome.GetType() is { IsGenericType: true } type && type.GetGenericTypeDefinition() == typeof(ValueTask<>):
                await FinishAsync(type.GetMethod("AsTask")!.Invoke(outcome, null));
                break;
        }
    }

    private static async Task FirstAsync<T>(IAsyncEnumerable<T> elements)
    {
        await using var first = elements.GetAsyncEnumerator();
        await first.MoveNextAsync();
    }
}
