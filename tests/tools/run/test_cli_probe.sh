#!/usr/bin/env bash
# Drivers that hang or crash: `cream devices` and runs name them, leave them out, and come back. The misbehaving drivers are
# copies of one library (tests/opencl/stub_icd.c), named after what they do.
# shellcheck source=tests/tools/lib.sh
. "$(dirname "$0")/../lib.sh"

keep_pocl_cache
export XDG_CACHE_HOME=$work/cache CREAM_OPENCL_CACHE=0
export TMPDIR=$work/temporary
mkdir "$TMPDIR"
pocl=/etc/OpenCL/vendors/pocl.icd
[ -n "${CREAM_STUB_ICD:-}" ] || {
  echo "skipped: CREAM_STUB_ICD does not name the library"
  exit 77
}
"$cream" devices --json >out 2>err
if grep -q 'without OpenCL' out; then exit 77; fi

# driver FOLDER HOW-WHERE...: drivers in a folder of .icd files.
driver() {
  local folder=$work/$1 what
  mkdir -p "$folder"
  shift
  for what in "$@"; do
    cp "$CREAM_STUB_ICD" "$folder/stub-$what.so"
    echo "$folder/stub-$what.so" >"$folder/$what.icd"
  done
}

# Every way to misbehave, at every point, three times: 96, and 4 more. Half of them show when devices are listed, the others
# when they are tested.
listing=() testing=()
for how in hang crash abort exit; do
  for where in platforms platform_info devices device_info; do listing+=("$how-$where"); done
  for where in context build enqueue finish; do testing+=("$how-$where"); done
done
driver listing "${listing[@]}"
driver testing "${testing[@]}"
auto=(search "${small[@]}" --epochs 1 --device auto --out auto)
for command in devices "devices --json" auto; do
  rm -rf "$XDG_CACHE_HOME" # which would answer for the drivers
  read -ra words <<<"$command"
  [ "$command" = auto ] && words=("${auto[@]}")
  OCL_ICD_VENDORS=$work/listing CREAM_DEVICE_LIST_SECONDS=0.2 expect 0 "${words[@]}"
  cat err >>out
  for what in "${listing[@]}"; do contains out "$what.icd"; done
  [ "$command" = auto ] && words=(bench step --device auto) # which refuses the CPU
  OCL_ICD_VENDORS=$work/testing CREAM_DEVICE_TEST_SECONDS=0.2 expect "$([ "$command" = auto ] && echo 2 || echo 0)" "${words[@]}"
  cat err >>out
  for what in "${testing[@]}"; do contains out "stub-$what"; done
done
contains err '^device auto: the CPU is used: '
exists auto/arch.json

driver four hang-platforms crash-device_info abort-devices exit-platform_info
OCL_ICD_VENDORS=$work/four CREAM_DEVICE_LIST_SECONDS=0.3 expect 1 search "${small[@]}" --device opencl --out none
contains err '^cream search: the driver .*\.icd did not list its devices, it .*--device cpu$'
absent none

# How each ended; a good driver beside them keeps its device, whatever the others do.
driver mixed crash-platforms exit-devices abort-context error-build
[ -e "$pocl" ] || finish
cp "$pocl" mixed
export OCL_ICD_VENDORS=$work/mixed
expect 0 devices
contains out 'left out: the driver crash-platforms.icd did not list its devices, it crashed \(Segmentation fault\), after "stub: crash in platforms"'
contains out 'left out: the driver exit-devices.icd did not list its devices, it ended the process \(exit code [0-9]+\)'
contains out 'self-test failed: its driver crashed \(Aborted\), after "stub: abort in context"'
contains out 'self-test failed: the kernels .* do not compile'
contains out 'self-test passed'

# A run leaves them out too. Results are stored: the next run lists and tests nothing, and prints the same.
rm -r "$XDG_CACHE_HOME"
step=(bench step --space micro --batch 2 --rounds 1 --warmup 0 --work eval --resolution 32)
expect 0 "${step[@]}" --device pthread
contains err '^device +left out: the driver crash-platforms.icd '
contains out 'median'
cp "$XDG_CACHE_HOME/cream/opencl.probe" before
[ "$(grep -c '^left out' before)" -eq 2 ] || fail "the stored result names $(grep -c '^left out' before) drivers, expected 2"
grep -q '^good ' before || fail "the tested device was not stored"
expect 0 "${step[@]}" --device pthread
contains err '^device +left out: the driver crash-platforms.icd '
same before "$XDG_CACHE_HOME/cream/opencl.probe"
rmdir "$TMPDIR" || fail "a temporary folder stays behind"
mkdir "$TMPDIR"

# Processes of one host take its devices in turn; and a run without a process of its own for tests.
export OCL_ICD_VENDORS=$pocl POCL_DEVICES="pthread basic" CREAM_DEVICE_PROBE=0
CREAM_LOCAL_RANK=first refuse 2 'CREAM_LOCAL_RANK=first: expected the number of this process' "${step[@]}" --device opencl:local
CREAM_LOCAL_RANK=1 expect 0 "${step[@]}" --device opencl:local
contains out '^pthread'
unset POCL_DEVICES CREAM_DEVICE_PROBE

# A report, also of a device whose driver crashes.
refuse 2 '^cream devices: --quick needs --report FILE' devices --quick
driver broken crash-build
cp "$pocl" broken
OCL_ICD_VENDORS=$work/broken expect 0 devices --report report.txt --quick
contains out '^wrote report.txt'
contains report.txt '^the report of this device ends here: its driver crashed \(Segmentation fault\)'
contains report.txt '^local memory: [0-9]+ bytes$'
contains report.txt '^conv_backward +as on the CPU$'
contains report.txt '^training: 2 times 4 steps, .*all the same: as on the CPU'
contains report.txt ', plain: median '
contains report.txt '^row: \| .*Portable Computing Language, .* \| pass \| pass \| unknown \| [0-9.]+ \|$'
lacks report.txt 'FAILED'
finish
