using BenchmarkDotNet.Running;
using ExactlyOnce.Benchmarks;
using ExactlyOnce.Benchmarks.Comparing;

if (args is ["compare", .. var compared])
    return await CompareCommand.RunAsync(compared);
if (args is ["child", .. var work])
    return await ChildProcess.WorkAsync(work);
if (args is ["send", ..])
    return await SendCost.RunAsync(args.Contains("--quick") ? 100_000 : 1_000_000);

BenchmarkSwitcher.FromAssembly(typeof(HopBenchmarks).Assembly).Run(args);
return 0;
