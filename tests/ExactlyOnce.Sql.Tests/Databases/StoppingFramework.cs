using System.Reflection;
using Xunit.Abstractions;
using Xunit.Sdk;

[assembly: TestFramework("ExactlyOnce.Sql.Tests.Databases.StoppingFramework", "ExactlyOnce.Sql.Tests")]

namespace ExactlyOnce.Sql.Tests.Databases;

/// <summary>
/// xunit as it is, except that the server is stopped while the run still waits for it: a process that has told its results is ended before it is done with its
/// own end.
/// </summary>
public sealed class StoppingFramework(IMessageSink messages) : XunitTestFramework(messages)
{
    protected override ITestFrameworkExecutor CreateExecutor(AssemblyName assemblyName) =>
        new Executor(assemblyName, SourceInformationProvider, DiagnosticMessageSink);

    private sealed class Executor(AssemblyName assembly, ISourceInformationProvider sources, IMessageSink messages)
        : XunitTestFrameworkExecutor(assembly, sources, messages)
    {
        protected override async void RunTestCases(
            IEnumerable<IXunitTestCase> testCases, IMessageSink executionMessageSink, ITestFrameworkExecutionOptions executionOptions)
        {
            using var runner = new Runner(TestAssembly, testCases, DiagnosticMessageSink, executionMessageSink, executionOptions);
            await runner.RunAsync();
        }
    }

    private sealed class Runner(
        ITestAssembly assembly,
        IEnumerable<IXunitTestCase> testCases,
        IMessageSink messages,
        IMessageSink executionMessages,
        ITestFrameworkExecutionOptions options)
        : XunitTestAssemblyRunner(assembly, testCases, messages, executionMessages, options)
    {
        protected override Task BeforeTestAssemblyFinishedAsync()
        {
            PostgresServer.StopIfRunning();
            return base.BeforeTestAssemblyFinishedAsync();
        }
    }
}
