using ExactlyOnce.Torture;
using ExactlyOnce.Torture.Disks;

// One line a torture: its name on the command line, and what makes it.
(string Name, Func<ITorture> Create)[] tortures =
[
    ("simulate", static () => new Simulate()),
    ("exhaustive", static () => new ExhaustiveTorture()),
    ("io", static () => new FaultTorture()),
];

return TortureCommand.Run(args, tortures);
