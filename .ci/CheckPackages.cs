#:property PublishAot=false
// What a package must have: run by .ci/packages with the folder and the version.
using System.IO.Compression;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Text;
using System.Xml.Linq;

var (folder, version) = (args[0], args[1]);
var sourceLink = new Guid("CC110556-A091-4D38-9FEC-25AB9A351A6A");
var failures = new List<string>();
var packages = Directory.GetFiles(folder, $"*.{version}.nupkg");
Array.Sort(packages, StringComparer.Ordinal);
foreach (var path in packages)
{
    var id = Path.GetFileName(path)[..^$".{version}.nupkg".Length];
    using var package = ZipFile.OpenRead(path);
    var nuspec = XDocument.Load(package.GetEntry($"{id}.nuspec")!.Open()).Root!.Elements().First();
    XElement? Find(string name) => nuspec.Elements().FirstOrDefault(element => element.Name.LocalName == name);
    void Require(bool holds, string what)
    {
        if (!holds)
            failures.Add($"{id}: {what}");
    }

    Require(Find("license")?.Attribute("type")?.Value == "expression", "no license expression");
    Require(Find("readme") is { } readme && package.GetEntry(readme.Value)?.Length > 200, "no readme of its own");
    Require(Find("icon") is { } icon && package.GetEntry(icon.Value) is not null, "no icon");
    Require(Find("repository") is { } repository && repository.Attribute("url")?.Value.StartsWith("https://", StringComparison.Ordinal) == true && repository.Attribute("commit")?.Value.Length == 40, "no repository and commit");
    Require(Find("description")?.Value is { Length: > 50 } and not "Package Description", "no description");
    Require(Find("tags")?.Value is { Length: > 0 }, "no tags");
    var isTemplate = nuspec.Descendants().Any(element => element.Name.LocalName == "packageType" && element.Attribute("name")?.Value == "Template");
    var assemblies = package.Entries.Where(entry => entry.FullName.StartsWith("lib/", StringComparison.Ordinal) && entry.Name.EndsWith(".dll", StringComparison.Ordinal)).ToList();
    Require(isTemplate || assemblies.Count > 0, "neither an assembly nor a template");
    foreach (var assembly in assemblies)
    {
        Require(package.GetEntry(Path.ChangeExtension(assembly.FullName, ".xml")) is not null, $"{assembly.Name} has no documentation");
        using var pe = new PEReader(Copy(assembly));
        Require(pe.ReadDebugDirectory().Any(entry => entry.Type == DebugDirectoryEntryType.Reproducible), $"{assembly.Name} was not built deterministically");
        using var symbols = ZipFile.OpenRead(Path.ChangeExtension(path, ".snupkg"));
        var pdb = symbols.GetEntry(Path.ChangeExtension(assembly.FullName, ".pdb"));
        Require(pdb is not null, $"no symbols of {assembly.Name}");
        if (pdb is null)
            continue;
        using var provider = MetadataReaderProvider.FromPortablePdbStream(Copy(pdb));
        var reader = provider.GetMetadataReader();
        var links = reader.CustomDebugInformation.Select(reader.GetCustomDebugInformation).Where(each => reader.GetGuid(each.Kind) == sourceLink)
            .Select(each => Encoding.UTF8.GetString(reader.GetBlobBytes(each.Value))).ToList();
        Require(links.Exists(link => link.Contains("https://", StringComparison.Ordinal)), $"{assembly.Name} has no SourceLink");
        var local = reader.Documents.Select(handle => reader.GetString(reader.GetDocument(handle).Name)).FirstOrDefault(name => !name.StartsWith("/_", StringComparison.Ordinal));
        Require(local is null, $"{assembly.Name} names a path of the machine that built it: {local}");
    }
}
foreach (var failure in failures)
    Console.Error.WriteLine(failure);
Console.WriteLine($"{packages.Length} packages looked into, {failures.Count} failures");
return packages.Length > 0 && failures.Count == 0 ? 0 : 1;

static MemoryStream Copy(ZipArchiveEntry entry)
{
    var copy = new MemoryStream();
    using (var stream = entry.Open())
        stream.CopyTo(copy);
    copy.Position = 0;
    return copy;
}
