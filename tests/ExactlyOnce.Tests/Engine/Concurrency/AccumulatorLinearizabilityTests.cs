using CsCheck;
using ExactlyOnce.Clients.Producing;

namespace ExactlyOnce.Tests.Engine.Concurrency;

/// <summary>A producer that many threads share is one that was called one call after the other: every record once, in order, where it was said to be.</summary>
public sealed class AccumulatorLinearizabilityTests
{
    private static readonly Gen<AccumulatorStep> s_send = Gen.Const(0).Select(_ => (AccumulatorStep)new AccumulatorStep.Send());

    private static readonly Gen<AccumulatorStep> s_post = Gen.Const(0).Select(_ => (AccumulatorStep)new AccumulatorStep.Post());

    private static readonly Gen<AccumulatorStep> s_flush = Gen.Const(0).Select(_ => (AccumulatorStep)new AccumulatorStep.Flush());

    private static readonly Gen<AccumulatorStep> s_read = Gen.Const(0).Select(_ => (AccumulatorStep)new AccumulatorStep.Read());

    [Fact]
    public void In_memory_sends_posts_flushes_and_reads_happen_one_after_the_other() => Check(
        Durability.Memory, Gen.OneOf(s_send, s_send, s_send, s_post, s_post, s_flush, s_read));

    // Without reads: a record has its place before it can be read, and what is posted in between goes behind it.
    [Fact]
    public void On_disk_sends_posts_and_flushes_happen_one_after_the_other() => Check(
        Durability.Flushed, Gen.OneOf(s_send, s_send, s_send, s_post, s_post, s_flush));

    private static void Check(Durability durability, Gen<AccumulatorStep> steps) =>
        Linearizability.Check(durability, steps, share => new AccumulatorSubject(share), () => new AccumulatorModel());

    private sealed class AccumulatorSubject(EngineShare share) : Subject<AccumulatorStep>(share)
    {
        private RecordSender _sender = null!;
        private Topic<string?, string> _topic = null!;

        protected override void Prepare(ThreadedEngine engine)
        {
            engine.CreateTopic(partitions: 1);
            _topic = Topic.Create(engine.Partition(0).Id.Topic, Serdes.Utf8, Serdes.Utf8)!;
            _sender = new RecordSender(new RecordAccumulator(engine.Backend, new ProducerSettings()));
            // The first send has to find things out; here calls meet that have found them.
            ThreadedEngine.Wait(_sender.Accumulator.ResolveAsync(_topic.Name, CancellationToken.None));
        }

        protected override string Answer(AccumulatorStep step)
        {
            switch (step)
            {
                case AccumulatorStep.Send:
                    return $"at {ThreadedEngine.Wait(_sender.SendAsync(_topic, Record(step), CancellationToken.None)).Offset}";
                case AccumulatorStep.Post:
                    ThreadedEngine.Wait(_sender.PostAsync(_topic, Record(step), scope: null, CancellationToken.None));
                    return "posted";
                case AccumulatorStep.Flush:
                    ThreadedEngine.Wait(_sender.Accumulator.FlushAsync(CancellationToken.None));
                    return "flushed";
                default:
                    return Engine.Read(0, from: 0, IsolationLevel.ReadCommitted);
            }
        }

        protected override string ReadState()
        {
            ThreadedEngine.Wait(_sender.Accumulator.DisposeAsync());
            return Engine.Read(0, from: 0, IsolationLevel.ReadCommitted);
        }

        private static ProducerRecord<string?, string> Record(AccumulatorStep step) => new(null, step.Value);
    }
}
