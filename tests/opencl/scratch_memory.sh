#!/usr/bin/env bash
# No kernel keeps variables in memory on AMD's GPUs: Clang's compiler for them reports the scratch memory of each
# kernel. Skipped without Clang 15 and libclc.
# Usage: scratch_memory.sh [GPU...]
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
library=/usr/lib/clc/amdgcn--amdhsa.bc
if ! command -v clang-15 >/dev/null || [ ! -e "$library" ]; then
  echo "clang-15 or libclc-15 is not installed"
  exit 77
fi
[ $# -gt 0 ] || set -- gfx906 gfx1030
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# report FILE: kernel, registers, local memory and scratch memory, from the metadata of an assembly file.
report() {
  awk '/\.group_segment_fixed_size:/ { local_bytes = $2 } /\.private_segment_fixed_size:/ { scratch = $2 }
    /\.symbol:/ { name = $2; sub(/\.kd$/, "", name) } /\.vgpr_count:/ { registers = $2 }
    /\.vgpr_spill_count:/ { print name, registers, local_bytes, scratch }' "$1"
}

for gpu in "$@"; do
  for file in opencl/kernels/*.cl; do
    name=$(basename "$file" .cl)
    [ "$name" != common ] || continue
    cat core/base/activation.h core/base/optimiser.h opencl/kernels/common.cl "$file" >"$work/$name.cl"
    if ! clang-15 -target amdgcn--amdhsa -mcpu="$gpu" -nogpulib -x cl -cl-std=CL1.2 -D__OPENCL_VERSION__=120 -O3 \
      -Xclang -finclude-default-header -Xclang -mlink-builtin-bitcode -Xclang "$library" -S -o "$work/$name.s" \
      "$work/$name.cl" >"$work/log" 2>&1; then
      head -5 "$work/log"
      failed=1
      continue
    fi
    report "$work/$name.s" >"$work/report"
    if [ ! -s "$work/report" ]; then
      echo "$gpu: $name.cl: the compiler reports no kernel"
      failed=1
    fi
    while read -r kernel registers local_bytes scratch; do
      [ -z "${VERBOSE:-}" ] || echo "$gpu $kernel: $registers registers, $local_bytes bytes of local memory"
      [ "$scratch" = 0 ] || {
        echo "$gpu: $kernel keeps $scratch bytes of each item in memory"
        failed=1
      }
    done <"$work/report"
  done
done
exit $failed
