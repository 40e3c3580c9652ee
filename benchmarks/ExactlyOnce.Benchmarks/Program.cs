using BenchmarkDotNet.Running;
using ExactlyOnce.Benchmarks;

if (args is ["summary", ..])
    return await Summary.RunAsync(args.Contains("--quick"));

BenchmarkSwitcher.FromAssembly(typeof(Summary).Assembly).Run(args);
return 0;
