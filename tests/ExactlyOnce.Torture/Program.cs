using ExactlyOnce.Torture;
using ExactlyOnce.Torture.Fuzzing;

// What the fuzzer starts in a process of its own is not for people.
if (args is [FuzzChild.Command, ..])
    return FuzzChild.Run(args.AsSpan(1));

// One line a torture: its name on the command line, and what makes it.
(string Name, Func<ITorture> Create)[] tortures =
[
    ("history", () => new HistoryTorture()),
    ("fuzz", () => new FuzzTorture()),
    ("bitflips", () => new BitFlipTorture()),
];

return TortureCommand.Run(args, tortures);
