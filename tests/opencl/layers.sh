#!/usr/bin/env bash
# The files of opencl/ form layers: a file (NAME.h with NAME.c) includes headers of the layers below it and of its own.
set -uo pipefail
cd "$(dirname "$0")/../../opencl" || exit 1
edges=$(for file in *.[ch]; do
  grep -oE '^#include "[a-z_]+\.h"' "$file" | sed -E 's/.*"(.*)\.h"/\1/' | grep -v '^kernels$' |
    while read -r other; do [ "$other" = "${file%.*}" ] || echo "${file%.*} $other"; done
done | sort -u)
[ -n "$edges" ] || exit 1
if ! loops=$(tsort <<<"$edges" 2>&1 >/dev/null); then
  echo "these files of opencl/ include each other in a circle:"
  sed 's/^tsort: //' <<<"$loops"
  exit 1
fi
