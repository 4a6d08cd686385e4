#nullable enable
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using Section = (uint Type, long Offset, long Size, int Link);

namespace OnnxAuditor.Build;

/// <summary>
/// The versions of other libraries that a Linux library needs, and how to relax those that nothing uses.
/// <para>
/// TorchSharp 0.107 was linked with GCC 13, whose header <c>iostream</c> names the symbol <c>_ZSt21ios_base_library_initv</c> of version GLIBCXX_3.4.32. Nothing
/// calls the symbol and no relocation refers to it, yet the loader refuses a library one of whose versions is missing, as this one is in every libstdc++ older
/// than GCC 13 (Debian 12, Ubuntu 22.04, RHEL 9). A version marked as weak may be missing. That mark, one bit, is all that is changed.
/// </para>
/// <para>Layouts: System V ABI, "Object Files", for 64 bits; Linux Standard Base 5.0 Core, "Symbol Versioning".</para>
/// </summary>
/// <remarks>MSBuild compiles this file when it builds the program (<c>LibTorch.targets</c>), against .NET Standard 2.0 alone; the tests compile it too.</remarks>
public static class LibraryVersions
{
    /// <summary>The library of the C++ standard, whose versions are looked at.</summary>
    public const string StandardLibrary = "libstdc++.so.6";

    const uint Relocations = 4, NoBytes = 8, DynamicSymbols = 11, VersionNeeds = 0x6ffffffe, SymbolVersions = 0x6fffffff;
    const int SectionSize = 64, SymbolSize = 24, RelocationSize = 24;
    const ushort Weak = 2, VersionMask = 0x7fff;

    /// <summary>The versions that a library needs: of which library, which, whether it may be missing, its number among the symbols, and where its flags are.</summary>
    /// <param name="library">The bytes of a 64-bit library.</param>
    /// <exception cref="InvalidDataException">It is not laid out as expected.</exception>
    public static List<(string Library, string Version, bool IsWeak, ushort Number, int FlagsAt)> NeededBy(byte[] library)
    {
        var needs = new List<(string, string, bool, ushort, int)>();
        var sections = Sections(library);
        foreach (var table in sections.Where(s => s.Type == VersionNeeds))
        {
            var names = Linked(sections, table);
            for (long at = table.Offset, next = -1; next != 0; at += next)
            {
                if (U16(library, at) != 1) throw new InvalidDataException("its table of needed versions has another format than 1");
                var entry = at + U32(library, at + 8);
                for (var left = U16(library, at + 2); left > 0; left--)
                {
                    needs.Add((Name(library, names, U32(library, at + 4)), Name(library, names, U32(library, entry + 8)),
                        (U16(library, entry + 4) & Weak) != 0, U16(library, entry + 6), (int)entry + 4));
                    entry += U32(library, entry + 12);
                }
                next = U32(library, at + 12);
            }
        }
        return needs;
    }

    /// <summary>The library as it loads where <paramref name="standardLibrary"/> is the system's: itself if nothing that it needs is missing there.</summary>
    /// <param name="library">The bytes of a 64-bit library; they are not changed.</param>
    /// <param name="standardLibrary">The bytes of libstdc++.so.6.</param>
    /// <exception cref="InvalidDataException">A version is missing of which a symbol is used, or the library is not laid out as expected.</exception>
    public static byte[] Relax(byte[] library, byte[] standardLibrary)
    {
        var missing = NeededBy(library).Where(n => n.Library == StandardLibrary && !n.IsWeak && !Has(standardLibrary, n.Version)).ToList();
        if (missing.Count == 0) return library;
        var relaxed = (byte[])library.Clone();
        foreach (var need in missing)
        {
            if (UsedSymbols(library, need.Number).FirstOrDefault() is { } symbol)
                throw new InvalidDataException($"it uses {symbol} of {need.Version}, which the system's {need.Library} does not have");
            relaxed[need.FlagsAt] |= (byte)Weak;
        }
        return relaxed;
    }

    /// <summary>The library as it loads with as many versions of libstdc++ as can be: every version of which no symbol is used may be missing.</summary>
    /// <param name="library">The bytes of a 64-bit library; they are not changed.</param>
    /// <exception cref="InvalidDataException">The library is not laid out as expected.</exception>
    public static byte[] RelaxUnused(byte[] library)
    {
        var relaxed = (byte[])library.Clone();
        foreach (var need in NeededBy(library).Where(n => n.Library == StandardLibrary && !n.IsWeak && !UsedSymbols(library, n.Number).Any()))
            relaxed[need.FlagsAt] |= (byte)Weak;
        return relaxed;
    }

    /// <summary>Whether a library has a version: its name is then in the table of names, between two zeros.</summary>
    public static bool Has(byte[] library, string version)
    {
        var name = Encoding.ASCII.GetBytes($"\0{version}\0");
        for (var at = Array.IndexOf(library, name[0]); at >= 0 && at + name.Length <= library.Length; at = Array.IndexOf(library, name[0], at + 1))
            if (new ArraySegment<byte>(library, at, name.Length).SequenceEqual(name)) return true;
        return false;
    }

    /// <summary>The symbols of a version that a relocation refers to. The loader looks for no others.</summary>
    static IEnumerable<string> UsedSymbols(byte[] library, ushort version)
    {
        var sections = Sections(library);
        var symbols = Only(sections, DynamicSymbols);
        var versions = Only(sections, SymbolVersions);
        return
            from table in sections
            where table.Type == Relocations
            from i in Enumerable.Range(0, (int)(table.Size / RelocationSize))
            let symbol = U32(library, table.Offset + (long)i * RelocationSize + 12)
            where (U16(library, versions.Offset + 2L * symbol) & VersionMask) == version
            select Name(library, Linked(sections, symbols), U32(library, symbols.Offset + (long)symbol * SymbolSize));
    }

    static List<Section> Sections(byte[] library)
    {
        const uint magic = 0x464c457f;
        if (library.Length < SectionSize || U32(library, 0) != magic || library[4] != 2 || library[5] != 1)
            throw new InvalidDataException("it is no 64-bit little-endian ELF file");
        var sections = new List<Section>();
        var at = I64(library, 40);
        for (var left = U16(library, 60); left > 0; left--, at += SectionSize)
        {
            Section section = (U32(library, at + 4), I64(library, at + 24), I64(library, at + 32), (int)U32(library, at + 40));
            if (section.Type != NoBytes) Within(library, section.Offset, section.Size);
            sections.Add(section);
        }
        return sections;
    }

    static Section Only(List<Section> sections, uint type)
    {
        var found = sections.Where(s => s.Type == type).ToList();
        return found.Count == 1 ? found[0] : throw new InvalidDataException($"it has {found.Count} sections of type 0x{type:x} and not one");
    }

    static Section Linked(List<Section> sections, Section section) =>
        section.Link >= 0 && section.Link < sections.Count ? sections[section.Link]
        : throw new InvalidDataException("a section of it refers to one that is not there");

    static ushort U16(byte[] bytes, long at) => BitConverter.ToUInt16(bytes, Within(bytes, at, 2));

    static uint U32(byte[] bytes, long at) => BitConverter.ToUInt32(bytes, Within(bytes, at, 4));

    static long I64(byte[] bytes, long at) => BitConverter.ToInt64(bytes, Within(bytes, at, 8));

    static string Name(byte[] bytes, Section names, long offset)
    {
        var start = Within(bytes, names.Offset + offset, 1);
        var end = Array.IndexOf(bytes, (byte)0, start);
        return end >= 0 ? Encoding.ASCII.GetString(bytes, start, end - start) : throw new InvalidDataException("a name in it has no end");
    }

    static int Within(byte[] bytes, long at, long size) =>
        at >= 0 && size >= 0 && size <= bytes.Length && at <= bytes.Length - size ? (int)at : throw new InvalidDataException("a table of it ends behind its end");
}

#if !NO_MSBUILD
/// <summary>
/// The build's step: writes the library that loads on this system. Where it cannot, it warns and writes nothing, and the library stays as it is shipped.
/// </summary>
public sealed class FixLibTorchSharp : Microsoft.Build.Utilities.Task
{
    /// <summary>The library as the package has it.</summary>
    [Microsoft.Build.Framework.Required]
    public string Shipped { get; set; } = "";

    /// <summary>The file to write.</summary>
    [Microsoft.Build.Framework.Required]
    public string Fixed { get; set; } = "";

    /// <summary>Whether the library is to load on other systems as well: in the package of the tool.</summary>
    public bool ForOtherSystems { get; set; }

    /// <inheritdoc />
    public override bool Execute()
    {
        // Written aside and renamed, so that a file that is there is whole. Two projects may be built at once; the file that is there then is the other's, the same.
        var unfinished = $"{Fixed}.{Guid.NewGuid():N}";
        try
        {
            var shipped = File.ReadAllBytes(Shipped);
            var library = ForOtherSystems ? LibraryVersions.RelaxUnused(shipped) : LibraryVersions.Relax(shipped, File.ReadAllBytes(StandardLibrary()));
            Directory.CreateDirectory(Path.GetDirectoryName(Fixed)!);
            File.WriteAllBytes(unfinished, library);
            File.Delete(Fixed);
            File.Move(unfinished, Fixed);
        }
        catch (InvalidDataException e)
        {
            Log.LogWarning($"TorchSharp's native library is left as it is shipped and may not load here: {e.Message}.");
        }
        catch (IOException) when (File.Exists(Fixed))
        {
            File.Delete(unfinished);
        }
        return true;
    }

    /// <summary>The libstdc++ that the loader finds. .NET needs it, so it is that of this process.</summary>
    static string StandardLibrary() =>
        File.ReadLines("/proc/self/maps").Select(line => line.Substring(line.LastIndexOf(' ') + 1))
            .FirstOrDefault(path => Path.GetFileName(path).StartsWith(LibraryVersions.StandardLibrary, StringComparison.Ordinal))
        ?? throw new InvalidDataException($"this process has no {LibraryVersions.StandardLibrary} to tell its versions from");
}
#endif
