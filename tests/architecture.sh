#!/usr/bin/env bash
# Who may know whom.
#   - core includes only itself; the backends (the folders with a driver.h) and io only core and themselves.
#     tools/lib, which is the library, includes no other part of tools and no backend that is a module.
#   - Between the subfolders of core, io and tools includes run one way: no circle.
#   - Between the files of a folder listed in `one_way` calls run one way, as the objects in the build folder say, which
#     is the argument.
#   - core and the kernels call no function of <math.h> whose last bits are left open (core/base/elementary.h).
set -uo pipefail
build=$(realpath "$1")
cd "$(dirname "$0")/.." || exit 1

failed=0
check() { # FOLDER FORBIDDEN|FORBIDDEN...
  if grep -rnE "#[[:space:]]*include[[:space:]]*[<\"]([./]*/)?($2)/" "$1"; then
    echo "$1/ must not include any of: ${2//|/, }"
    failed=1
  fi
}
mapfile -t backends < <(dirname -- */driver.h)
for folder in core io "${backends[@]}"; do
  others=$(printf '%s\n' "${backends[@]}" io tools tests | grep -vx "$folder" | paste -sd '|')
  check "$folder" "$others"
done

check tools/lib 'opencl|tests|tools/cli|tools/run|tools/bench|tools/commands'

# circles WHAT: pairs "FROM TO" on standard input contain no circle.
circles() {
  local loops
  loops=$(tsort 2>&1 >/dev/null | sed 's/^tsort: //') || true
  if [ -n "$loops" ]; then
    echo "$1 use each other in a circle:"
    echo "$loops"
    failed=1
  fi
}

for top in core io tools; do
  circles "the subfolders of $top/" < <(
    find "$top" -mindepth 2 -name '*.[ch]' | while read -r file; do
      folder=$(dirname "$file")
      sed -nE "s#^[[:space:]]*\#[[:space:]]*include \"($top/.+)/[^/]+\"#$folder \1#p" "$file"
    done | awk '$1 != $2' | sort -u
  )
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The symbols of all objects but those of tests; the folders that are left out have none, and thousands of files.
find "$build" \( -name tests -o -name pocl -o -name 'venv*' \) -prune -o -name '*.c.o' -print0 |
  xargs -0 nm -A -g >"$work/symbols"

# Pairs of objects of a folder of which the first uses a symbol that the second defines.
calls() {
  grep -F "/$1/" "$work/symbols" | awk '
    { type = $(NF - 1); name = $NF; sub(/:.*/, ""); sub(/^.*\//, "") }
    type ~ /^[Uvw]$/ { used[$0 " " name]; next }
    { home[name] = $0 }
    END {
      for (use in used) {
        split(use, pair, " ")
        if (pair[2] in home && home[pair[2]] != pair[1]) print pair[1], home[pair[2]]
      }
    }' | sort -u
}
one_way=(core/base core/space core/net core/quant io/base io/cluster io/config io/image io/dataset io/detect io/weights io/run io/report opencl)
for folder in "${one_way[@]}"; do
  circles "files of $folder/" < <(calls "$folder")
done

inexact='(exp|exp2|expm1|log|log2|log10|log1p|pow|sin|cos|sincos|tan|sinh|cosh|tanh|asin|acos|atan|atan2|erf|erfc|lgamma|tgamma|cbrt|hypot)f?'
find core cpu/kernels -name '*.c' ! -path core/cluster/plan.c | sed 's#^cpu/##; s#$#.o#' >"$work/exact" # plan.c predicts times
if sed -E 's#^[^:]*\.dir/##' "$work/symbols" | grep -E ": +U $inexact(@|\$)" | grep -F -f "$work/exact"; then
  echo "the last bits of these functions of <math.h> depend on the library: core/base/elementary.h has others"
  failed=1
fi
exit $failed
