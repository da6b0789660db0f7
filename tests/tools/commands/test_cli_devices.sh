#!/usr/bin/env bash
# Devices: what is listed, what happens without platform, module or device of that name, and the cache of kernels.
# shellcheck source=tests/tools/lib.sh
. "$(dirname "$0")/../lib.sh"

keep_pocl_cache
export XDG_CACHE_HOME=$work/cache
mkdir "$XDG_CACHE_HOME"
small+=(--epochs 1)

# number KEY: its value in the JSON of `cream devices` in the file out.
number() { sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p" out | head -n 1; }

# programs COMPILED CACHED: so many of our programs were compiled, and came out of the cache.
programs() {
  expect 0 devices --json
  contains out '"self_test": "passed"'
  [[ "$(number programs_compiled)" = "$1" && "$(number programs_cached)" = "$2" ]] ||
    fail "$(number programs_compiled) programs compiled and $(number programs_cached) cached, expected $1 and $2"
}

# Without a module every build behaves alike: one line, and auto uses the CPU.
CREAM_OPENCL_MODULE=/nonexistent expect 0 devices
contains out '^cpu '
contains out '^opencl +none: .*(CREAM_OPENCL=ON|without OpenCL)'
CREAM_OPENCL_MODULE=/nonexistent refuse 1 'use --device cpu$' search "${small[@]}" --device opencl --out none
absent none
CREAM_OPENCL_MODULE=/nonexistent expect 0 search "${small[@]}" --device auto --out auto
contains err '^device auto: the CPU is used: '
expect 2 search "${small[@]}" --set device=opencl --device cpu --set opencl.half=perhaps --out none
expect 0 search "${small[@]}" --out plain
same auto/arch.json plain/arch.json

expect 0 devices
if grep -q 'without OpenCL' out; then finish; fi

# A file that is no module, no platform, a name that nothing has.
echo nonsense >broken.so
CREAM_OPENCL_MODULE=$work/broken.so refuse 1 'cannot be loaded: .*--device cpu' search "${small[@]}" \
  --device opencl --out none
OCL_ICD_VENDORS=/nonexistent expect 0 devices --json
contains out '"opencl": "no OpenCL platform'
OCL_ICD_VENDORS=/nonexistent refuse 1 'no OpenCL platform is installed; install the driver' search "${small[@]}" \
  --device opencl --out none
OCL_ICD_VENDORS=/nonexistent expect 0 search "${small[@]}" --device auto --out auto --force
contains err '^device auto: the CPU is used: no OpenCL platform'
absent none

grep -q '^opencl:0:0' out || expect 0 devices
if ! grep -q '^opencl:0:0' out; then finish; fi
refuse 2 'device: "no such thing" was not found; there are cpu and opencl:0:0 ' search "${small[@]}" \
  --device 'no such thing' --out none
refuse 2 'device: "opencl:7:0" was not found' search "${small[@]}" --device opencl:7:0 --out none
refuse 1 'absent.params' search "${small[@]}" --device opencl --set opencl.parameters=absent.params --out none
echo 'Xgemm MWG=nothing' >bad.params
refuse 2 '^cream search: bad.params:1: a value is not a whole number' search "${small[@]}" --device opencl \
  --set opencl.parameters=bad.params --out none
echo 'XgemmDirect KWID=2 MDIMAD=8 MDIMCD=8 NDIMBD=8 NDIMCD=8 PADA=1 PADB=1 VWMD=1 VWND=1 WGD=0' >bad.params
refuse 2 '^cream search: bad.params:1: a tile of 0' search "${small[@]}" --device opencl \
  --set opencl.parameters=bad.params --out none

for bad in 'own TILES=64:known names' 'own TILE=0:from 1 to 256' 'own TILE=48:power of two' 'own ROWS=64 TILE=32:too small'; do
  echo "${bad%:*}" >bad.params
  refuse 2 "^cream search: bad.params:1: .*${bad#*:}" search "${small[@]}" --device opencl \
    --set opencl.parameters=bad.params --out none
done

# OpenCL's loader is absent at run time: the same module, which asks for a library that nobody has.
module=$(dirname "$cream")/cream-opencl.so
if [ -e "$module" ]; then
  sed 's/libOpenCL\.so\.1/libOpenCX.so.1/g' "$module" >unloadable.so
  CREAM_OPENCL_MODULE=$work/unloadable.so refuse 1 'cannot be loaded: libOpenCX.so.1: .*ocl-icd-libopencl1.*--device cpu' \
    search "${small[@]}" --device opencl --out none
  CREAM_OPENCL_MODULE=$work/unloadable.so expect 0 search "${small[@]}" --device auto --out auto --force
  contains err '^device auto: the CPU is used: the OpenCL module cannot be loaded'
  same auto/arch.json plain/arch.json
fi

# Of two devices the first does not work: the other one is used, and a line says so.
if grep -q '^ *platform Portable Computing Language' <("$cream" devices); then
  POCL_DEVICES="pthread pthread" CREAM_OPENCL_FAULT=build:1:-11 expect 0 search "${small[@]}" --device opencl --out second
  contains err '^device +skipped: the kernels .* do not compile'
  contains err '^device +[^ ]* ?.*Portable Computing Language'
fi

# Failures of a driver.
CREAM_OPENCL_FAULT=build:1:-11 expect 0 devices
contains out 'self-test failed: the kernels .* do not compile'
CREAM_OPENCL_OPTIONS=-cl-unknown-option expect 0 devices
contains out 'self-test failed: the kernels .* do not compile'
CREAM_OPENCL_OPTIONS=$(printf '%2000s' '') expect 0 devices
contains out 'self-test failed: CREAM_OPENCL_OPTIONS is longer than 512 characters'
CREAM_OPENCL_FAULT=alloc:1:-4:2 expect 0 devices
contains out 'self-test failed: the device .* has no .* GB left'
CREAM_OPENCL_FAULT=alloc:1:-4 expect 0 devices # once: it is tried again
contains out 'self-test passed'
CREAM_OPENCL_FAULT=launch:1:-5 expect 0 devices
contains out 'self-test passed'
CREAM_OPENCL_FAULT=wait:1:-36 expect 0 devices
contains out 'self-test failed: the device .* no longer answers .*--resume'

# A device that is lost during a run: one line, and with auto the run resumes on the CPU, to the same end.
CREAM_OPENCL_FAULT=wait:12:-36 expect 1 search "${small[@]}" --device opencl --out lost
contains err '^cream search: the device .* no longer answers .*--resume'
CREAM_DEVICE_UNMEASURED=1 CREAM_OPENCL_FAULT=wait:12:-36 expect 0 search "${small[@]}" --device auto --out auto --force
contains err '^device auto: the run resumes on the CPU$'
same auto/arch.json plain/arch.json

# The cache: everything compiled once; what is damaged is compiled again. Under Oclgrind, if it is there: it takes a second
# to compile all programs, and PoCL a minute.
export CREAM_OPENCL_CACHE=1 CREAM_OPENCL_MEMORY=50 # MB, with which the test of a device trains nothing
use_oclgrind
expect 0 devices --json
all=$(number programs_compiled)
[ "${all:-0}" -gt 0 ] || fail "no program was compiled"
programs 0 "$all"
files=("$XDG_CACHE_HOME"/cream/opencl-*.bin)
[ ${#files[@]} -eq "$all" ] || fail "${#files[@]} files in the cache, expected $all"
head -c 1000 "${files[0]}" >piece && cp piece "${files[0]}"
printf 'X' | dd of="${files[1]}" bs=1 seek=200 conv=notrunc status=none
: >"${files[2]}"
programs 3 $((all - 3))
programs 0 "$all"
rm "${files[0]}" "${files[1]}"
"$cream" devices --json >one 2>&1 &
"$cream" devices --json >two 2>&1
wait $! || fail "one of two processes failed"
contains one '"self_test": "passed", *$|"self_test": "passed"'
contains two '"self_test": "passed"'
programs 0 "$all"
left=("$XDG_CACHE_HOME"/cream/*)
[ ${#left[@]} -eq $((all + 1)) ] || fail "temporary files stay behind in the cache"
CREAM_OPENCL_CACHE=0 programs "$all" 0
XDG_CACHE_HOME=/proc/nowhere programs "$all" 0
finish
