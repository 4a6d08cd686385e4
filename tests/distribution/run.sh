#!/usr/bin/env bash
# Tests what users get: the package of the tool, the tool installed from it without any other source, completion in bash, and the hooks in the real pre-commit.
# pre-commit builds from the last commit; all else is the working tree. Without pre-commit its part is skipped.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 MSBUILDDISABLENODEREUSE=1 GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
failed=0

report() { if [[ $1 == 0 ]]; then echo "ok: $2"; else echo "FAILED: $2"; failed=1; fi; }

# expect CODE TEXT WHAT COMMAND...: the command ends with the code, and its output holds the text.
expect() {
  local code=$1 text=$2 what=$3 actual=0
  shift 3
  "$@" > "$work/out" 2>&1 < /dev/null || actual=$?
  if [[ $actual == "$code" ]] && { [[ -z $text ]] || grep -qF -- "$text" "$work/out"; }; then report 0 "$what"; else
    report 1 "$what: exit code $actual, not $code, or no '$text' in:"
    tail -n 20 "$work/out" | sed 's/^/    /'
  fi
}

pack() {
  expect 0 'Successfully created package' 'dotnet pack on the whole repository' dotnet pack "$root/Auditor.sln" -c Release -p:PackageOutputPath="$work/packages"
  local packages=("$work/packages"/*)
  [[ ${#packages[@]} == 1 && ${packages[0]} == */OnnxAuditor.*.nupkg ]]; report $? "one package and nothing else: $(cd "$work/packages" && ls | tr '\n' ' ')"
  local size=$(($(wc -c < "${packages[0]}") / 1000000))
  [[ $size -le 120 ]]; report $? "the package has $size MB, at most 120"
}

# What the package holds, as installing it unpacks it.
content() {
  (cd "$work/bin/.store/onnxauditor"/*/onnxauditor/* && find . -type f | sed 's|^\./||') > "$work/content"
  for platform in linux-x64 linux-arm64 osx-arm64 win-x64 win-arm64; do
    grep -qE "/runtimes/$platform/native/(lib)?onnxruntime\.(so|dylib|dll)$" "$work/content"; report $? "the package has ONNX Runtime for $platform"
  done
  ! grep -iE 'android|/ios|torch_cpu|libtorch\.|c10|\.lib$|onnx-auditor\.xml' "$work/content"; report $? 'nothing for phones, no libtorch, nothing for linkers'
  for file in LICENSE README.md THIRD-PARTY-NOTICES.md notices/onnxruntime.txt notices/dotnet.txt; do grep -qx "$file" "$work/content"; report $? "the package has $file"; done
}

install() {
  echo '<?xml version="1.0"?><configuration><packageSources><clear /></packageSources></configuration>' > "$work/nuget.config"
  expect 0 'successfully installed' 'the tool installs with all package sources cleared' \
    dotnet tool install --configfile "$work/nuget.config" --tool-path "$work/bin" --add-source "$work/packages" OnnxAuditor
  export PATH="$work/bin:$PATH"
  cd "$work"
  expect 0 '1 model: 0 errors' 'check by the tool' onnx-auditor check "$root/models/residual_cnn.onnx"
  expect 1 'error WGT001' 'check by the tool finds' onnx-auditor check "$root/models/nan_weight_cnn.onnx"
  expect 0 '**Trainable**' 'audit by the tool' onnx-auditor audit "$root/models/residual_cnn.onnx"
  expect 2 'libtorch is not part of this program' 'libtorch is absent, with a message' onnx-auditor audit "$root/models/residual_cnn.onnx" --engine torch
  expect 0 'ONNX_AUDITOR_LIBTORCH=' 'doctor says how to add libtorch' onnx-auditor doctor
  local libtorch
  libtorch=$(find "${NUGET_PACKAGES:-$HOME/.nuget/packages}/libtorch-cpu-linux-x64" -name native -type d 2> /dev/null | head -n 1 || true)
  if [[ -z $libtorch || $(uname -sm) != 'Linux x86_64' ]]; then echo 'skipped: libtorch added by a folder: no libtorch-cpu-linux-x64 in the package cache'; return; fi
  expect 0 '1 model: 0 errors' 'libtorch added by a folder' env ONNX_AUDITOR_LIBTORCH="$libtorch" onnx-auditor audit "$root/models/residual_cnn.onnx" --engine torch --proxies grad_norm --format text
  expect 2 'names a folder that has no' 'a folder without libtorch is told' env ONNX_AUDITOR_LIBTORCH="$work" onnx-auditor audit "$root/models/residual_cnn.onnx" --engine torch
}

# complete WHAT EXPECTED LINE: what bash would offer at the end of the line holds the words.
complete_in_bash() {
  expect 0 "$2" "bash completes $1" bash -c '
    eval "$(onnx-auditor completion bash)"
    [[ $(complete -p onnx-auditor) == "complete -o default -F _onnx_auditor onnx-auditor" ]] || exit 9
    COMP_LINE=$1 COMP_POINT=${#1}
    read -ra COMP_WORDS <<< "$COMP_LINE"
    [[ $COMP_LINE == *" " ]] && COMP_WORDS+=("")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _onnx_auditor
    echo "${COMPREPLY[*]}"' - "$3"
}

complete_in_fish() {
  expect 0 "$2" "fish completes $1" fish --no-config -c 'onnx-auditor completion fish | source; complete -C $argv[1]' "$3"
}

# The completion system of zsh works in a line editor alone; what it asks of the function is done by hand.
complete_in_zsh() {
  expect 0 "$2" "zsh completes $1" zsh -f -c '
    compdef() { [[ "$*" == "_onnx_auditor onnx-auditor" ]] || exit 9 }
    eval "$(onnx-auditor completion zsh)"
    compadd() { shift; print -r -- "$@" }
    words=(${(z)1}); [[ $1 == *" " ]] && words+=("")
    CURRENT=$#words
    _onnx_auditor' - "$3"
}

completion() {
  complete_in_bash 'commands' 'check' 'onnx-auditor ch'
  complete_in_bash 'names of options' '--fail-on' 'onnx-auditor check --fa'
  complete_in_bash 'values of choices' 'fast full' 'onnx-auditor audit --profile f'
  complete_in_bash 'rules' 'TRN001 TRN002' 'onnx-auditor explain TRN00'
  complete_in_bash 'proxies' 'gradalign' 'onnx-auditor audit --proxies grad'
  for shell in fish zsh; do
    if ! has "$shell"; then echo "skipped: completion in $shell, which is not installed and cannot be installed here"; continue; fi
    "complete_in_$shell" 'commands' 'check' 'onnx-auditor ch'
    "complete_in_$shell" 'names of options' '--fail-on' 'onnx-auditor check --fa'
    "complete_in_$shell" 'values of choices' 'full' 'onnx-auditor audit --profile f'
    "complete_in_$shell" 'rules' 'TRN002' 'onnx-auditor explain TRN00'
  done
}

# has PROGRAM: it is there, or Debian's package of its name could be installed.
has() {
  command -v "$1" > /dev/null && return
  if [[ $(id -u) -ne 0 ]] || ! command -v apt-get > /dev/null; then return 1; fi
  export DEBIAN_FRONTEND=noninteractive
  { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$1"; } > /dev/null 2>&1
}

# A repository with models, whose only configuration is what is given.
repository() {
  rm -rf "$work/repository"
  git init -q "$work/repository"
  cd "$work/repository"
  git config user.email tests@example.org
  git config user.name tests
  cat > .pre-commit-config.yaml
  git add .
}

commit() { git add . && git commit -q -m 'models'; }

hooks() {
  if ! has pre-commit; then echo 'skipped: the hooks: pre-commit is not installed and cannot be installed here'; return; fi
  if ! git -C "$root" rev-parse -q --verify HEAD > /dev/null 2>&1; then echo 'skipped: the hooks: this is no git checkout'; return; fi
  export PRE_COMMIT_HOME="$work/pre-commit"
  local revision
  revision=$(git -C "$root" rev-parse HEAD)
  expect 0 '' 'the manifest of the hooks is valid' pre-commit validate-manifest "$root/.pre-commit-hooks.yaml"

  repository << YAML
repos: [{repo: "file://$root", rev: "$revision", hooks: [{id: onnx-auditor-check-system}, {id: onnx-auditor-audit-system}]}]
YAML
  expect 0 'pre-commit installed' 'the hooks install' pre-commit install --hook-type pre-commit --hook-type pre-push
  cp "$root/models/residual_cnn.onnx" .
  expect 0 'Passed' 'a commit of a healthy model passes' commit
  cp "$root/models/nan_weight_cnn.onnx" .
  expect 1 'error WGT001' 'a commit of a broken model is refused' commit
  git rm -q --cached nan_weight_cnn.onnx && rm nan_weight_cnn.onnx
  printf 'version https://git-lfs.github.com/spec/v1\noid sha256:%064d\nsize 1\n' 0 > pointer.onnx
  expect 1 'git-LFS pointer' 'a commit of an LFS pointer is refused and says what to do' commit
  git rm -q --cached pointer.onnx && rm pointer.onnx
  for i in $(seq 50); do cp "$root/models/residual_cnn.onnx" "copy $i.onnx"; done
  expect 0 'Passed' 'a commit of 50 models passes' commit
  echo text > notes.txt
  expect 0 'Skipped' 'a commit without models runs nothing' commit
  git init -q --bare "$work/remote"
  git rm -q copy* && commit > /dev/null 2>&1
  expect 0 'audit ONNX models' 'a push audits' git push -q "$work/remote" HEAD:main
  expect 0 'Passed' 'the audit runs by hand' pre-commit run --hook-stage manual onnx-auditor-audit-system --all-files

  # pre-commit clones the repository, packs it and installs the package, on its own.
  local path=${PATH#"$work/bin:"}
  repository << YAML
repos: [{repo: "file://$root", rev: "$revision", hooks: [{id: onnx-auditor-check}]}]
YAML
  cp "$root/models/residual_cnn.onnx" .
  git add .
  expect 0 'Passed' 'pre-commit builds the program by itself and a healthy model passes' env PATH="$path" pre-commit run --all-files
  cp "$root/models/nan_weight_cnn.onnx" .
  git add .
  expect 1 'error WGT001' 'a broken model fails in it' env PATH="$path" pre-commit run --all-files
}

# In braces, so that all of it is read before any of it runs.
{
  pack
  install
  content
  completion
  hooks
  exit $failed
}
