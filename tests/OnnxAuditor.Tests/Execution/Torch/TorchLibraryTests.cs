using System.Diagnostics;
using OnnxAuditor.Execution.Torch;
using TorchSharp;
using Xunit;

namespace OnnxAuditor.Tests.Execution.Torch;

public class TorchLibraryTests
{
    [Fact]
    public void Autograd_differentiates_its_own_gradients()
    {
        TorchBuild.RequireLibTorch();
        TorchLibrary.UseThreads(1);
        using var scope = torch.NewDisposeScope();
        float[] points = [-1.5f, 0, 0.5f, 2];
        var x = torch.tensor(points, requires_grad: true);
        var y = x.pow(4).sum();
        foreach (Func<float, float> derivative in (Func<float, float>[])[v => 4 * v * v * v, v => 12 * v * v, v => 24 * v, _ => 24])
        {
            var gradient = torch.autograd.grad([y], [x], create_graph: true)[0];
            Assert.Equal(points.Select(derivative), gradient.data<float>().ToArray());
            y = gradient.sum();
        }
    }

    [Fact]
    public void A_gradient_flows_through_a_penalty_on_a_gradient()
    {
        TorchBuild.RequireLibTorch();
        using var scope = torch.NewDisposeScope();
        // The penalty |d(w x)/dx|^2 = w^2 for each element of x has the gradient 2 n w by w.
        var w = torch.tensor(3f, requires_grad: true);
        var x = torch.ones(5, requires_grad: true);
        var penalty = torch.autograd.grad([(w * x).sum()], [x], create_graph: true)[0].square().sum();
        Assert.Equal(30, torch.autograd.grad([penalty], [w])[0].item<float>());
    }

    [Fact]
    public void Threads_can_be_set_again_and_zero_restores_their_number()
    {
        TorchBuild.RequireLibTorch();
        TorchLibrary.UseThreads(0);
        var own = torch.get_num_threads();
        TorchLibrary.UseThreads(own + 1);
        Assert.Equal(own + 1, torch.get_num_threads());
        TorchLibrary.UseThreads(0);
        Assert.Equal(own, torch.get_num_threads());
        Assert.Equal(1, torch.get_num_interop_threads());
    }

    [Fact]
    public void Convolutions_and_their_gradients_are_exact_on_small_whole_numbers()
    {
        TorchBuild.RequireLibTorch();
        Assert.True(OneDnn.IsRight());
    }

    [Fact]
    public void The_version_is_that_which_TorchSharp_was_built_on()
    {
        TorchBuild.RequireLibTorch();
        Assert.Equal($"{TorchLibrary.LibTorchVersion}.0", torch.__version__);
        Assert.Matches(@"^\d+\.\d+\.\d+ \(libtorch \d+\.\d+\.\d+\)$", TorchLibrary.Version);
    }

    [Fact]
    public void A_build_without_libtorch_says_how_to_add_it() => Assert.Equal(
        $"libtorch is not part of this program: 'dotnet package download libtorch-cpu-win-x64@{TorchLibrary.LibTorchVersion} -o FOLDER' fetches it, and ONNX_AUDITOR_LIBTORCH=FOLDER/libtorch-cpu-win-x64/{TorchLibrary.LibTorchVersion}/runtimes/win-x64/native in the environment adds it; a build from source has it.",
        TorchLibrary.Explain("win-x64", isThere: false, "Unable to load DLL 'torch_cpu'"));

    [Fact]
    public void A_platform_without_libtorch_says_which_have_it() => Assert.Equal(
        "TorchSharp is not made for linux-arm64, only for linux-x64, win-x64, win-arm64, osx-arm64.",
        TorchLibrary.Explain("linux-arm64", isThere: false, "Unable to load shared library 'torch_cpu'"));

    [Fact]
    public void What_the_loader_says_is_told_without_paths()
    {
        const string said = """
            Unable to load shared library 'LibTorchSharp' or one of its dependencies. If you're using glibc, consider setting the LD_DEBUG environment variable:
            /opt/a/LibTorchSharp.so: cannot open shared object file: No such file or directory
            /lib/libstdc++.so.6: version `GLIBCXX_3.4.32' not found (required by /opt/a/libLibTorchSharp.so)
            """;
        var text = TorchLibrary.Explain("linux-x64", isThere: true, said);
        Assert.StartsWith("libtorch is there but does not load (libstdc++.so.6: version `GLIBCXX_3.4.32' not found (required by libLibTorchSharp.so)): ", text, StringComparison.Ordinal);
        Assert.Contains("(Not a library)", TorchLibrary.Explain("win-x64", isThere: true, "Not a library."), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_audit_does_not_load_libtorch()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The loader tells its files on Linux only.");
        var log = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "onnx-auditor"), ["audit", Checkout.Path("models", "residual_cnn.onnx")])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
        };
        start.Environment["LD_DEBUG"] = "files";
        start.Environment["LD_DEBUG_OUTPUT"] = log;
        using var program = Process.Start(start)!;
        await program.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await program.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, program.ExitCode);
        // The loader adds the number of the process to the name.
        var loaded = await File.ReadAllTextAsync($"{log}.{program.Id}", TestContext.Current.CancellationToken);
        File.Delete($"{log}.{program.Id}");
        Assert.Contains("libonnxruntime.so", loaded, StringComparison.Ordinal);
        Assert.DoesNotContain("libtorch", loaded, StringComparison.OrdinalIgnoreCase);
    }
}
