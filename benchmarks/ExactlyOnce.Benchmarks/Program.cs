using BenchmarkDotNet.Running;
using ExactlyOnce.Benchmarks;

if (args is ["summary", ..])
    return await Summary.RunAsync(args.Contains("--quick"));
if (args is ["send", ..])
    return await SendCost.RunAsync(args.Contains("--quick") ? 100_000 : 1_000_000);

BenchmarkSwitcher.FromAssembly(typeof(Summary).Assembly).Run(args);
return 0;
