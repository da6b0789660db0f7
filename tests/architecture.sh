#!/usr/bin/env bash
# Which folder may include which: core only itself; cpu, opencl and io only core and themselves.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

failed=0
check() { # FOLDER FORBIDDEN|FORBIDDEN...
  [ -d "$1" ] || return 0
  if grep -rnE "#[[:space:]]*include[[:space:]]*[<\"]([./]*/)?($2)/" "$1"; then
    echo "$1/ must not include any of: ${2//|/, }"
    failed=1
  fi
}
check core 'cpu|opencl|io|tools|tests'
check cpu 'opencl|io|tools|tests'
check opencl 'cpu|io|tools|tests'
check io 'cpu|opencl|tools|tests'
exit $failed
