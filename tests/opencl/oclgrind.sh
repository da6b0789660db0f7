#!/usr/bin/env bash
# Runs a test program under Oclgrind, whose exit code is 0 even on errors: its log has to stay empty. It lacks
# some instructions that an optimising or inlining compiler emits (freeze, noalias.scope.decl).
# Usage: oclgrind.sh PROGRAM cpu|gpu WHOLE_WRITES (the set of kernels; the library of whole_writes.c)
set -uo pipefail
library=""
program=$(command -v oclgrind || echo /none/none)
for folder in /usr/lib /usr/lib64 /usr/local/lib "$(dirname "$program")/../lib"; do
  [ -f "$folder/oclgrind/liboclgrind-rt-icd.so" ] && library="$folder/oclgrind/liboclgrind-rt-icd.so"
done
if [ -z "$library" ]; then
  echo "Oclgrind is not installed"
  exit 77
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/vendors"
echo "$library" > "$scratch/vendors/oclgrind.icd"
export OCL_ICD_VENDORS="$scratch/vendors" XDG_CACHE_HOME="$scratch/cache"
export OCLGRIND_DATA_RACES=1 OCLGRIND_UNINITIALIZED=1 OCLGRIND_CHECK_API=1 OCLGRIND_LOG="$scratch/log"
export OCLGRIND_BUILD_OPTIONS="-cl-opt-disable -DINLINE=static"
export CREAM_OPENCL_BLAS=own CREAM_OPENCL_KERNELS="$2"
LD_PRELOAD="$3" "$1"
status=$?
if [ -s "$scratch/log" ]; then
  head -60 "$scratch/log"
  exit 1
fi
exit $status
