using System.Reflection;
using System.Runtime.CompilerServices;

namespace ExactlyOnce.Tests.PublicApi;

/// <summary>
/// One public call of the core: a constructor, a method, an indexer or the setter of an option, with <see cref="string"/> for every type parameter. Its name is
/// what the test list shows.
/// </summary>
internal sealed record PublicCall(MethodBase Method, string Name)
{
    /// <summary>The parameters as they are declared, where a type parameter is still one and nullable annotations stand.</summary>
    public ParameterInfo[] Declared { get; } = Method.Module.ResolveMethod(Method.MetadataToken)!.GetParameters();

    public ParameterInfo[] Parameters { get; } = Method.GetParameters();

    public Type Type => Method.DeclaringType!;

    public bool IsSetter => Method.IsSpecialName && Method.Name.StartsWith("set_", StringComparison.Ordinal);

    public override string ToString() => Name;
}

/// <summary>Finds every public call by reflection, so that a new one is there without being listed.</summary>
internal static class PublicCalls
{
    /// <summary>
    /// Types whose members only hold what they are given; whoever takes such a value checks it, and the calls that do are tested with wrong ones.
    /// </summary>
    private static readonly HashSet<Type> s_values =
    [
        typeof(CommittedOffset), typeof(NoKey), typeof(PreparedTransaction), typeof(ProducerRecord<,>), typeof(RecordMetadata), typeof(TopicDescription), typeof(TopicPartition), typeof(TransactionDescription),
    ];

    public static IReadOnlyList<PublicCall> All { get; } = [.. typeof(Broker).Assembly.GetExportedTypes().Where(HasCalls).SelectMany(CallsOf).OrderBy(call => call.Name, StringComparer.Ordinal)];

    public static PublicCall Named(string name) => All.Single(call => call.Name == name);

    /// <summary>
    /// Interfaces and delegates are the application's to implement; exceptions take whatever describes the failure, because one that throws would hide it.
    /// </summary>
    private static bool HasCalls(Type type) =>
        type is { IsEnum: false, IsInterface: false } && !typeof(Delegate).IsAssignableFrom(type) && !typeof(Exception).IsAssignableFrom(type) && !s_values.Contains(type);

    private static IEnumerable<PublicCall> CallsOf(Type open)
    {
        var type = open.IsGenericTypeDefinition ? open.MakeGenericType([.. open.GetGenericArguments().Select(_ => typeof(string))]) : open;
        const BindingFlags Public = BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;
        foreach (var constructor in type.GetConstructors())
            yield return new PublicCall(constructor, $"new {NameOf(type)}({Signature(constructor)})");
        foreach (var method in type.GetMethods(Public))
            if (IsCall(method))
                yield return new PublicCall(Close(method), $"{NameOf(type)}.{method.Name}({Signature(method)})");
    }

    private static bool IsCall(MethodInfo method) =>
        method.GetBaseDefinition().DeclaringType != typeof(object)
        && !method.IsDefined(typeof(CompilerGeneratedAttribute)) | method.Name.StartsWith("set_", StringComparison.Ordinal)
        && !method.Name.StartsWith("op_", StringComparison.Ordinal)
        && !(method.Name.StartsWith("get_", StringComparison.Ordinal) && method.GetParameters().Length == 0)
        && !method.GetParameters().Any(parameter => parameter.IsOut && method.Name == "Deconstruct")
        && method.Name is not ("Equals" or "GetHashCode");

    private static MethodInfo Close(MethodInfo method) => !method.IsGenericMethodDefinition
        ? method
        : method.MakeGenericMethod([.. method.GetGenericArguments().Select(argument =>
            argument.GenericParameterAttributes.HasFlag(GenericParameterAttributes.NotNullableValueTypeConstraint) ? typeof(int) : typeof(string))]);

    private static string Signature(MethodBase method) =>
        string.Join(", ", method.GetParameters().Where(parameter => parameter.ParameterType != typeof(CancellationToken)).Select(parameter => $"{NameOf(parameter.ParameterType)} {parameter.Name}"));

    private static string NameOf(Type type)
    {
        if (type.IsArray)
            return NameOf(type.GetElementType()!) + "[]";
        if (type.IsByRef)
            return NameOf(type.GetElementType()!);
        var outer = type is { IsNested: true, IsGenericParameter: false } ? NameOf(type.DeclaringType!) + "." : "";
        var name = type.Name.Split('`')[0];
        return !type.IsGenericType || type.IsNested ? outer + name : $"{name}<{string.Join(",", type.GetGenericArguments().Select(NameOf))}>";
    }
}
