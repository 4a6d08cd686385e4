using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace GraphRewriter.Serialization;

/// <summary>What a path names, without following a symbolic link and, but on Windows, without opening it.</summary>
/// <param name="IsRegular">Whether it is an ordinary file: no folder, link, pipe or device.</param>
/// <param name="Links">The number of names (hard links) the file has.</param>
readonly partial record struct FileStatus(bool IsRegular, long Links)
{
    const int TypeMask = 0xF000;
    const int RegularFile = 0x8000;

    /// <summary>Asks the operating system.</summary>
    /// <exception cref="IOException">The path cannot be examined.</exception>
    /// <exception cref="PlatformNotSupportedException">The operating system is not Linux, macOS or Windows.</exception>
    public static FileStatus Of(string path)
    {
        if (OperatingSystem.IsLinux()) return OfLinux(path);
        if (OperatingSystem.IsMacOS()) return OfMacOS(path);
        if (OperatingSystem.IsWindows()) return OfWindows(path);
        throw new PlatformNotSupportedException("Hard links cannot be counted on this operating system.");
    }

    static FileStatus OfLinux(string path)
    {
        // struct statx has one layout on all architectures: stx_nlink at byte 16, stx_mode at byte 28.
        const int currentFolder = -100, noFollow = 0x100, basicStats = 0x7FF;
        var buffer = new byte[256];
        if (StatX(currentFolder, path, noFollow, basicStats, buffer) != 0) throw Failed(path);
        return new((BinaryPrimitives.ReadUInt16LittleEndian(buffer.AsSpan(28)) & TypeMask) == RegularFile, BinaryPrimitives.ReadUInt32LittleEndian(buffer.AsSpan(16)));
    }

    static FileStatus OfMacOS(string path)
    {
        // struct stat with 64-bit inodes: st_mode at byte 4, st_nlink at byte 6, 16 bits each.
        var buffer = new byte[256];
        var result = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? LStatInode64(path, buffer) : LStat(path, buffer);
        if (result != 0) throw Failed(path);
        return new((BinaryPrimitives.ReadUInt16LittleEndian(buffer.AsSpan(4)) & TypeMask) == RegularFile, BinaryPrimitives.ReadUInt16LittleEndian(buffer.AsSpan(6)));
    }

    static FileStatus OfWindows(string path)
    {
        // BY_HANDLE_FILE_INFORMATION: nNumberOfLinks at byte 40.
        if ((File.GetAttributes(path) & (FileAttributes.Directory | FileAttributes.Device | FileAttributes.ReparsePoint)) != FileAttributes.None) return new(false, 1);
        using var handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var buffer = new byte[52];
        if (GetFileInformationByHandle(handle, buffer) == 0) throw Failed(path);
        return new(true, BinaryPrimitives.ReadUInt32LittleEndian(buffer.AsSpan(40)));
    }

    static IOException Failed(string path) => new($"'{path}' cannot be examined: {Marshal.GetLastPInvokeErrorMessage()}");

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int StatX(int folder, string path, int flags, uint mask, [Out] byte[] buffer);

    [LibraryImport("libc", EntryPoint = "lstat", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int LStat(string path, [Out] byte[] buffer);

    [LibraryImport("libc", EntryPoint = "lstat$INODE64", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int LStatInode64(string path, [Out] byte[] buffer);

    [LibraryImport("kernel32", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int GetFileInformationByHandle(SafeFileHandle file, [Out] byte[] information);
}
