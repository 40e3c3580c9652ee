namespace ExactlyOnce.Tests.PublicApi;

/// <summary>
/// Every public call with every argument that can be wrong: null, empty, too long, negative, undefined, oversize, cancelled, a partition that is not there.
/// Calls and arguments are found by reflection, so that a new call is held to this without anybody remembering it.
/// </summary>
public sealed class BadArgumentTests
{
    public static TheoryData<string, string, string> Cases()
    {
        var cases = new TheoryData<string, string, string>();
        foreach (var (call, parameter, bad) in All())
            cases.Add(call.Name, parameter, bad.Name);
        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task A_bad_argument_is_refused_and_changes_nothing(string name, string parameter, string badName)
    {
        var call = PublicCalls.Named(name);
        var (_, _, bad) = All().Single(one => one.Call == call && one.Parameter == parameter && one.Bad.Name == badName);
        await using var here = await Workplace.OpenAsync();
        var arguments = Array.ConvertAll(call.Parameters, other => other.Name == parameter ? bad.Value() : here.Argument(call, other));
        var target = call.IsSetter ? null : here.Target(call);
        var before = await here.PictureAsync();

        var thrown = await Calling.TryAsync(here, call, target, arguments);

        if (BadArguments.Allowed.ContainsKey($"{name} {parameter} {badName}"))
        {
            thrown.Should().BeNull();
            return;
        }
        MustRefuse(thrown, call, parameter, bad);
        (await here.PictureAsync()).Should().Be(before);
        await here.UseAsync(isTransactionSpoilt: !bad.IsNull && !bad.IsCancelled && call.Parameters.Append(null).Any(other => (other?.ParameterType ?? call.Type) == typeof(TransactionWriter)));
    }

    [Fact]
    public void Every_public_call_that_takes_arguments_has_a_bad_one_or_a_reason_for_having_none()
    {
        var tested = All().Select(one => one.Call.Name).ToHashSet();
        var untested = PublicCalls.All.Where(call => call.Parameters.Length > 0 && !tested.Contains(call.Name)).Select(call => call.Name);

        untested.Should().BeEquivalentTo(BadArguments.Unconditional.Keys);
        PublicCalls.All.Should().HaveCountGreaterThan(150);
    }

    [Fact]
    public void No_reason_outlives_its_case() =>
        BadArguments.Allowed.Keys.Should().BeSubsetOf(All().Select(one => $"{one.Call.Name} {one.Parameter} {one.Bad.Name}"));

    private static IEnumerable<(PublicCall Call, string Parameter, BadArgument Bad)> All() =>
        from call in PublicCalls.All
        from index in Enumerable.Range(0, call.Parameters.Length)
        from bad in BadArguments.For(call, index)
        select (call, call.Parameters[index].Name!, bad);

    private static void MustRefuse(Exception? thrown, PublicCall call, string parameter, BadArgument bad)
    {
        thrown.Should().NotBeNull($"{call} takes {bad.Name} for {parameter}");
        if (bad.IsCancelled)
            thrown.Should().BeAssignableTo<OperationCanceledException>();
        else if (bad.IsNull && !call.IsSetter)
            thrown.Should().BeOfType<ArgumentNullException>(thrown!.ToString()).Which.ParamName.Should().Be(parameter);
        else if (thrown is BrokerException broker)
            broker.Recovery.Should().Be(ErrorRecovery.FixRequest, "trying again cannot help: {0}", broker.Message);
        else if (thrown is InvalidOperationException)
            call.Declared.Should().Contain(one => one.ParameterType == typeof(TopicPartition) || one.ParameterType.Name.StartsWith("ProducerRecord", StringComparison.Ordinal), thrown.ToString());
        else
            thrown.Should().BeAssignableTo<ArgumentException>(thrown!.ToString());
    }
}
