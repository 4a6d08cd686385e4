#!/usr/bin/env bash
# Shows that a training step written by `rewrite --train-step` trains anywhere: 100 steps under onnxruntime-node (JavaScript) and 100 under
# plain calls of ONNX Runtime from C#, on the same made-up batch, give the same losses.
# Needs the .NET SDK, node and npm; without the latter two, or without a registry, it says so and ends well.
# Usage: examples/train-step/run.sh [MODEL [OPTIMIZER]]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly model=${1:-models/residual_cnn.onnx} optimizer=${2:-adamw} steps=100 runtime=onnxruntime-node@1.30.0

skip() { echo "train-step: skipped, $*"; exit 0; }
for tool in node npm; do command -v "$tool" > /dev/null || skip "$tool is not installed"; done

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cp examples/train-step/train.mjs "$scratch"
# The package's own libraries for the CPU are enough: its script would fetch those for CUDA.
(cd "$scratch" && npm install --silent --no-audit --no-fund --ignore-scripts "$runtime" > npm.out 2>&1) || skip "npm could not install $runtime"

export DOTNET_NOLOGO=1 MSBUILDDISABLENODEREUSE=1
dotnet run --project src/OnnxAuditor -c Release -- rewrite "$model" "$scratch/step.onnx" --train-step "$optimizer" --quiet
dotnet run --project bench -c Release -- train-step "$scratch/step.onnx" --steps "$steps" > "$scratch/csharp.txt"
node "$scratch/train.mjs" "$scratch/step.onnx" "$steps" > "$scratch/node.txt"

# Two versions of ONNX Runtime may sum in another order: the losses are compared to a thousandth.
paste "$scratch/csharp.txt" "$scratch/node.txt" | awk -v steps="$steps" '
  { difference = ($1 > $2 ? $1 - $2 : $2 - $1) / ($1 > 0 ? $1 : -$1); if (difference > worst) worst = difference; if (NR == 1) first = $1; last = $1 }
  END {
    printf "train-step: %d steps, loss %.4f to %.4f, C# and JavaScript differ by %.1e at most\n", NR, first, last, worst
    if (NR != steps || !(worst <= 1e-3) || !(last < first)) exit 1
  }'
