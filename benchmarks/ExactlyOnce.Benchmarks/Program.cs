using BenchmarkDotNet.Running;
using ExactlyOnce.Benchmarks;
using ExactlyOnce.Benchmarks.Bus;
using ExactlyOnce.Benchmarks.Comparing;
using ExactlyOnce.Benchmarks.Comparing.Rows;
using ExactlyOnce.Benchmarks.Growing;
using ExactlyOnce.Benchmarks.Sinks;
using ExactlyOnce.Benchmarks.Testing;

if (args is ["compare", .. var compared])
    return await CompareCommand.RunAsync("compare", compared, AllRows.List);
if (args is ["latency", .. var timed])
    return await CompareCommand.RunAsync("latency", timed, LatencyRows.List);
if (args is ["kafka", .. var served])
    return await CompareCommand.RunAsync("kafka", served, KafkaRows.List);
if (args is ["bus", .. var published])
    return await CompareCommand.RunAsync("bus", published, BusRows.List);
if (args is ["growth", .. var grown])
    return await GrowthCommand.RunAsync(grown);
if (args is ["sinks", .. var sunk])
    return await SinkCommand.RunAsync(sunk);
if (args is ["child", .. var work])
    return await ChildProcess.WorkAsync(work);
if (args is ["send", ..])
    return await SendCost.RunAsync(args.Contains("--quick") ? 100_000 : 1_000_000);
if (args is ["testing", ..])
    return await TestBrokerCost.RunAsync(args.Contains("--quick") ? 500 : 5_000);

BenchmarkSwitcher.FromAssembly(typeof(HopBenchmarks).Assembly).Run(args);
return 0;
