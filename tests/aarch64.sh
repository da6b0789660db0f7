#!/usr/bin/env bash
# The core and the CPU backend compile for 64-bit ARM without a warning, and the kernels use its vectors. Skipped
# where Debian's gcc-aarch64-linux-gnu and libc6-dev-arm64-cross are not installed.
set -euo pipefail
cd "$(dirname "$0")/.."
cc=aarch64-linux-gnu-gcc
command -v $cc >/dev/null || exit 77
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo '#include <math.h>' >"$work/probe.c"
$cc -c "$work/probe.c" -o "$work/probe.o" 2>/dev/null || exit 77

read -ra include <<<"$(pkg-config --cflags openblas)"
flags=(-std=gnu11 -O2 -Wall -Wextra -Wshadow -Werror -fopenmp -fno-math-errno -fno-trapping-math -I.)
for name in MODULES_FROM_PROGRAM BUILD_MODULES INSTALLED_MODULES; do flags+=("-DCREAM_$name=\"\""); done
for source in core/*/*.c cpu/*.c; do
  $cc "${flags[@]}" "${include[@]}" -ffp-contract=off -c "$source" -o "$work/object.o"
done
for source in cpu/kernels/*.c; do
  object=$work/$(basename "$source" .c).o
  $cc "${flags[@]}" "${include[@]}" -ffp-contract=off -DCPU_ISA=generic -c "$source" -o "$object"
done
for kernel in gemm dwconv dwconv_backward; do
  count=$(aarch64-linux-gnu-objdump -d "$work/$kernel.o" | grep -cE 'fmla\s+v[0-9]+\.4s' || true)
  echo "$kernel: $count vector multiply-adds"
  [ "$count" -gt 50 ] || { echo "$kernel has no vector code for ARM"; exit 1; }
done
