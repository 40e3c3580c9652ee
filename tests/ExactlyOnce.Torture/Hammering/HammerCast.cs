namespace ExactlyOnce.Torture.Hammering;

/// <summary>Who takes part in a round: of every kind one, then again from the beginning, as many as there are to be.</summary>
internal static class HammerCast
{
    public const int ThreadsByDefault = 18;

    private static readonly Func<HammeredBroker, Random, HammerActor>[] s_kinds =
    [
        static (broker, random) => new PlainActor(broker, random, HammerTopics.Plain),
        static (broker, random) => new RivalActor(broker, random),
        static (broker, random) => new ReaderActor(broker, random, isCommitted: true),
        static (broker, random) => new CopyActor(broker, random),
        static (broker, random) => new PlainActor(broker, random, HammerTopics.Source),
        static (broker, random) => new MemberActor(broker, random),
        static (broker, random) => new RivalActor(broker, random),
        static (broker, random) => new RepeatActor(broker, random, HammerTopics.Plain),
        static (broker, random) => new AdministratorActor(broker, random),
        static (broker, random) => new TransactionActor(broker, random),
        static (broker, random) => new MemberActor(broker, random),
        static (broker, random) => new TwoPhaseActor(broker, random),
        static (broker, random) => new ImportActor(broker, random),
        static (broker, random) => new ReaderActor(broker, random, isCommitted: false),
        static (broker, random) => new BriefTopicActor(broker, random),
        static (broker, random) => new RepeatActor(broker, random, HammerTopics.Keyed),
        static (broker, random) => new PlainActor(broker, random, HammerTopics.Small),
        static (broker, random) => new ImportActor(broker, random),
    ];

    public static HammerActor[] Make(HammeredBroker broker, int threads, Random random) =>
        [.. Enumerable.Range(0, threads).Select(index => s_kinds[index % s_kinds.Length](broker, new Random(random.Next())))];
}
