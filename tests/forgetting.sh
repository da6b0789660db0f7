#!/usr/bin/env bash
# Forgetting is a compile error. Every file in tests/forgetting names a list and an edit that takes one entry out of it:
#
#   list='activations'                     what the list is of
#   file=core/base/activation.h            the file that is edited
#   remove='/X(RELU6/d'                    sed's script
#   compile=cpu/plain_se.c                 the source that must not compile afterwards
#
# The edit is made in a copy of the tree, with the flags of the build folder given as the argument. `compile` must compile
# without the edit, and the edit must change the file. A kernels/*.cl is compiled by clang (skipped where it is missing).
set -uo pipefail
build=$(realpath "$1")
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0 checked=0

tree=$work/tree
mkdir "$tree"
cp -R "$root"/{core,cpu,opencl,io,tools,tests} "$tree" || exit 1

# How the build compiles each source: its folder, a line break and the command, without the object.
declare -A commands unchanged
while IFS=$'\t' read -r source folder command; do
  commands[${source#"$root"/}]=$folder$'\n'$command
done < <(
  python3 - "$build/compile_commands.json" <<'PY'
import json, shlex, sys
seen = set()
for entry in json.load(open(sys.argv[1])):
    if entry['file'] in seen:
        continue
    seen.add(entry['file'])
    words = shlex.split(entry['command'])
    at = words.index('-o')
    del words[at:at + 2]
    print(entry['file'], entry['directory'], shlex.join(words + ['-fsyntax-only', '-Werror']), sep='\t')
PY
)

# compiles SOURCE: whether the copy's SOURCE compiles; the compiler's messages go to the file log.
compiles() {
  local core=$tree/core/base kernels=$tree/opencl/kernels generated=$work/generated
  if [[ $1 == *.cl ]]; then
    local before=(-include "$core/activation.h" -include "$core/optimiser.h")
    [[ $1 == */common.cl ]] || before+=(-include "$kernels/common.cl")
    clang -x cl -cl-std=CL1.2 -D__OPENCL_VERSION__=120 -Xclang -finclude-default-header -Xclang -fdeclare-opencl-builtins -fsyntax-only "${before[@]}" "$tree/$1" >"$work/log" 2>&1
    return
  fi
  if [[ $1 == opencl/*.c ]]; then # the typed calls of kernels, from the copy's signatures
    local files
    files=$(find "$kernels" -name '*.cl' ! -name common.cl | paste -sd ';')
    mkdir -p "$generated"
    cmake -DCOMPILER=cc "-DBEFORE=$core/activation.h;$core/optimiser.h;$kernels/common.cl" \
      "-DFILES=$files" "-DOUT=$generated/kernels.h" -P "$tree/opencl/kernel_stubs.cmake" \
      >"$work/log" 2>&1 || return 1
  fi
  local command=${commands[$1]:-}
  [ -n "$command" ] || {
    echo "$1 is not a source of $build" >"$work/log"
    return 2
  }
  local folder=${command%%$'\n'*} words=${command#*$'\n'}
  # Sources and include folders are those of the copy; what the build generated stays where it is.
  words=$(sed -E "s#$root/(core|cpu|opencl|io|tools|tests)/#$tree/\1/#g; s#-I$root( |\$)#-I$tree\1#g; s# -I$build/embedded# -I$generated&#" <<<"$words")
  (cd "$folder" && eval "$words") >"$work/log" 2>&1
}

for case in "$root"/tests/forgetting/*; do
  list='' file='' remove='' compile=''
  # shellcheck disable=SC1090
  source "$case"
  name=$(basename "$case")
  if [[ $compile == *.cl ]] && ! command -v clang >/dev/null; then
    echo "$name: skipped, there is no clang"
    continue
  fi
  [ -n "${unchanged[$compile]:-}" ] || { compiles "$compile" && unchanged[$compile]=compiles; }
  if [ -z "${unchanged[$compile]:-}" ]; then
    echo "$name: $compile does not compile unchanged:"
    tail -n 5 "$work/log"
    failed=1
    continue
  fi
  cp "$tree/$file" "$work/before"
  sed -i -E "$remove" "$tree/$file"
  if cmp -s "$work/before" "$tree/$file"; then
    echo "$name: the edit changes nothing in $file"
    failed=1
  elif compiles "$compile"; then
    echo "$name: $compile compiles without an entry of the list of $list"
    failed=1
  else
    checked=$((checked + 1))
    echo "$name: $list: $(grep -m 1 -E 'error' "$work/log" | sed "s#$tree/##")"
  fi
  cp "$work/before" "$tree/$file"
done
echo "$checked lists checked"
[ "$checked" -gt 0 ] || exit 1
exit $failed
