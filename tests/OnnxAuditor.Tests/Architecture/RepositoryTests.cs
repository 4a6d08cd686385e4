using System.Text.RegularExpressions;
using System.Xml.Linq;
using Xunit;

namespace OnnxAuditor.Tests.Architecture;

/// <summary>Facts about the files of the checkout.</summary>
public partial class RepositoryTests
{
    static readonly HashSet<string> NotOurs = new([".git", "artifacts", "fetched", "bin", "obj", "node_modules", "TestResults", ".vs", ".vscode"], StringComparer.Ordinal);

    public static TheoryData<string> Projects => [.. Files(Checkout.Root).Where(f => f.EndsWith(".csproj", StringComparison.Ordinal)).Select(Relative)];

    [Theory]
    [MemberData(nameof(Projects))]
    public void A_project_file_says_only_what_the_common_settings_cannot(string project)
    {
        var text = File.ReadAllLines(Checkout.Path(project));
        Assert.True(text.Length < 25, $"{project} has {text.Length} lines.");
        var references = XDocument.Parse(string.Join('\n', text)).Descendants("PackageReference").ToList();
        Assert.DoesNotContain(references, r => r.Attribute("Version") is not null || r.Element("Version") is not null);
    }

    [Theory]
    [MemberData(nameof(Projects))]
    public void A_project_is_in_the_solution_and_has_its_packages_locked(string project)
    {
        Assert.Contains(project.Replace('/', '\\'), File.ReadAllText(Checkout.Path("Auditor.sln")), StringComparison.Ordinal);
        Assert.True(File.Exists(Checkout.Path(Path.GetDirectoryName(project)!, "packages.lock.json")), $"{project} has no packages.lock.json beside it.");
    }

    [Fact]
    public void Every_project_is_found() => Assert.True(Projects.Count >= 4);

    [Fact]
    public void A_namespace_is_its_folder()
    {
        var wrong = new List<string>();
        foreach (var file in Files(Checkout.Path("src")).Where(f => f.EndsWith(".cs", StringComparison.Ordinal)))
        {
            var expected = Relative(Path.GetDirectoryName(file)!)["src/".Length..].Replace('/', '.');
            var declared = NamespaceDeclaration().Match(File.ReadAllText(file)).Groups["name"].Value;
            var isEntry = Path.GetFileName(file).Equals("Program.cs", StringComparison.Ordinal);
            if (!declared.Equals(expected, StringComparison.Ordinal) && !isEntry) wrong.Add($"{Relative(file)}: namespace {declared}, expected {expected}");
        }
        Assert.Empty(wrong);
    }

    [Fact]
    public void A_source_file_has_at_most_400_lines()
    {
        var tooLong = Files(Checkout.Path("src")).Where(f => f.EndsWith(".cs", StringComparison.Ordinal)).Where(f => File.ReadLines(f).Count() > 400).Select(Relative);
        Assert.Empty(tooLong);
    }

    [Fact]
    public void No_file_names_a_path_of_some_machine_or_the_host_of_a_registry()
    {
        // Put together here, so that this file does not hold them.
        string[] forbidden = [.. new[] { "work/", "tmp/wt", "root/", "home/" }.Select(p => "/" + p), "registry.npmjs" + ".org", "nuget.org" + "/v3", "pypi" + ".org"];
        var found = new List<string>();
        foreach (var file in Files(Checkout.Root))
        {
            var text = File.ReadAllText(file, System.Text.Encoding.Latin1);
            found.AddRange(forbidden.Where(f => text.Contains(f, StringComparison.Ordinal)).Select(f => $"{Relative(file)} holds {f}"));
        }
        Assert.Empty(found);
    }

    static IEnumerable<string> Files(string folder)
    {
        foreach (var file in Directory.EnumerateFiles(folder).Order(StringComparer.Ordinal))
            if (!NotOurs.Contains(Path.GetFileName(file))) yield return file;
        foreach (var inner in Directory.EnumerateDirectories(folder).Order(StringComparer.Ordinal))
            if (!NotOurs.Contains(Path.GetFileName(inner)))
                foreach (var file in Files(inner)) yield return file;
    }

    static string Relative(string path) => Path.GetRelativePath(Checkout.Root, path).Replace('\\', '/');

    [GeneratedRegex(@"^namespace (?<name>[\w.]+);", RegexOptions.Multiline | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex NamespaceDeclaration();
}
