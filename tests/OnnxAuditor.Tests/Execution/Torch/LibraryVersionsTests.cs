using System.IO.Compression;
using System.Text;
using OnnxAuditor.Build;
using TorchSharp;
using Xunit;

namespace OnnxAuditor.Tests.Execution.Torch;

/// <summary>What the build does to TorchSharp's native library for Linux (build/FixLibTorchSharp.cs). The package has that library on every platform.</summary>
public class LibraryVersionsTests
{
    /// <summary>The newest version of libstdc++ in Debian 12 and Ubuntu 22.04, and the version that they lack.</summary>
    const string Newest = "GLIBCXX_3.4.30", Lacking = "GLIBCXX_3.4.32";

    static readonly string Package = Path.Combine(TorchBuild.Fact("PackageRoot"), "torchsharp", typeof(torch).Assembly.GetName().Version!.ToString(3));

    static readonly byte[] Shipped = File.ReadAllBytes(Path.Combine(Package, "runtimes", "linux-x64", "native", "libLibTorchSharp.so"));

    [Fact]
    public void The_library_as_shipped_needs_one_version_that_older_systems_lack()
    {
        var lacking = NewerThan(Newest, Shipped);
        Assert.True(lacking is [Lacking], $"TorchSharp now needs [{string.Join(", ", lacking)}] beyond {Newest}. If that is nothing, build/FixLibTorchSharp.cs can go.");
    }

    [Fact]
    public void Where_the_version_is_lacking_one_bit_says_that_it_may_be()
    {
        var before = Shipped.ToArray();
        var relaxed = LibraryVersions.Relax(Shipped, SystemWith(v => v != Lacking));
        Assert.Equal(before, Shipped);
        Assert.Empty(NewerThan(Newest, relaxed));
        var (shipped, changed) = Assert.Single(Shipped.Zip(relaxed), b => b.First != b.Second);
        Assert.Equal(2, shipped ^ changed);
        Assert.Same(relaxed, LibraryVersions.Relax(relaxed, SystemWith(v => v != Lacking)));
    }

    [Fact]
    public void Where_every_version_is_there_the_library_stays_as_it_is_shipped() => Assert.Same(Shipped, LibraryVersions.Relax(Shipped, SystemWith(_ => true)));

    [Fact]
    public void For_other_systems_it_needs_no_version_of_which_nothing_is_used()
    {
        var relaxed = LibraryVersions.RelaxUnused(Shipped);
        Assert.Empty(NewerThan(Newest, relaxed));
        Assert.Equal(LibraryVersions.Relax(relaxed, SystemWith(v => v != Lacking)), relaxed);
        Assert.Equal(relaxed, LibraryVersions.RelaxUnused(relaxed));
    }

    [Fact]
    public void A_version_of_which_a_symbol_is_used_may_not_be_missing()
    {
        var e = Assert.Throws<InvalidDataException>(() => LibraryVersions.Relax(Shipped, SystemWith(v => v != Newest)));
        Assert.Equal($"it uses _ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE of {Newest}, which the system's libstdc++.so.6 does not have", e.Message);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(63)]
    [InlineData(64)]
    [InlineData(1_000_000)]
    public void A_library_that_is_cut_off_is_refused(int length) =>
        Assert.Throws<InvalidDataException>(() => LibraryVersions.Relax(Shipped[..length], SystemWith(v => v != Lacking)));

    [Fact]
    public void A_damaged_library_is_refused_or_changed_in_nothing_but_flags()
    {
        var system = SystemWith(v => v != Lacking);
        var flags = LibraryVersions.NeededBy(Shipped).Single(n => n.Version == Lacking).FlagsAt;
        var sections = (int)BitConverter.ToInt64(Shipped, 40);
        var random = new Random(1);
        var refused = 0;
        for (var i = 0; i < 150; i++)
        {
            // In turn in the header, in the table of sections and in that of needed versions.
            var damaged = Shipped.ToArray();
            var place = (i % 3) switch { 0 => random.Next(64), 1 => random.Next(sections, Shipped.Length), _ => random.Next(flags - 400, flags + 200) };
            damaged[place] ^= (byte)(1 << random.Next(8));
            try
            {
                var relaxed = LibraryVersions.Relax(damaged, system).ToArray();
                foreach (var need in LibraryVersions.NeededBy(damaged)) relaxed[need.FlagsAt] = damaged[need.FlagsAt];
                Assert.True(relaxed.AsSpan().SequenceEqual(damaged));
            }
            catch (InvalidDataException)
            {
                refused++;
            }
        }
        Assert.InRange(refused, 15, 135);
    }

    [Fact]
    public void The_file_in_the_package_cache_is_that_of_the_package()
    {
        using var package = ZipFile.OpenRead(Path.Combine(Package, $"{Path.GetFileName(Path.GetDirectoryName(Package))}.{Path.GetFileName(Package)}.nupkg"));
        using var packed = package.GetEntry("runtimes/linux-x64/native/libLibTorchSharp.so")!.Open();
        using var bytes = new MemoryStream();
        packed.CopyTo(bytes);
        Assert.Equal(bytes.ToArray(), Shipped);
    }

    [Fact]
    public void The_build_brings_the_library_that_loads_on_this_system()
    {
        TorchBuild.RequireLibTorch();
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The library is fixed on Linux only.");
        var built = File.ReadAllBytes(TorchBuild.Loaded("libLibTorchSharp.so"));
        var system = File.ReadAllBytes(TorchBuild.Loaded(LibraryVersions.StandardLibrary));
        Assert.Equal(LibraryVersions.Relax(Shipped, system), built);
        Assert.DoesNotContain(LibraryVersions.NeededBy(built), n => n is { Library: LibraryVersions.StandardLibrary, IsWeak: false } && !LibraryVersions.Has(system, n.Version));
    }

    /// <summary>The versions of GLIBCXX above one that a library cannot do without.</summary>
    static List<string> NewerThan(string version, byte[] library)
    {
        var least = Number(version);
        var needed = LibraryVersions.NeededBy(library).Where(n => !n.IsWeak && n.Version.StartsWith("GLIBCXX_", StringComparison.Ordinal));
        return [.. needed.Select(n => n.Version).Where(v => Number(v) > least)];

        static Version Number(string name) => Version.Parse(name["GLIBCXX_".Length..]);
    }

    /// <summary>As much of a libstdc++ as is looked at: the names of those versions that the library needs and the system has.</summary>
    static byte[] SystemWith(Predicate<string> has) =>
        Encoding.ASCII.GetBytes($"\0{string.Join('\0', LibraryVersions.NeededBy(Shipped).Select(n => n.Version).Where(v => has(v)))}\0");
}
