#!/usr/bin/env bash
# CLBlast: cream bench --tune makes a file of parameters, and runs use it.
# shellcheck source=tests/tools/lib.sh
. "$(dirname "$0")/../lib.sh"
keep_pocl_cache
need_device

tune=(bench --device opencl --space micro --resolution 32 --depths "1,1,1" --batch 2 --sets)
refuse 2 '^cream bench: --device cpu is the CPU' bench --tune none
refuse 2 '^cream bench: --sets: got "-1", expected a whole number of at least 0' "${tune[@]}" -1 --tune none
absent none
expect 0 "${tune[@]}" 0 --tune own
contains err "^ +[0-9.]+ ms  CLBlast's own$"
[ "$(grep -c ' ms  ' err)" -eq 1 ] || fail "--sets 0 tried sets of parameters"
contains own '^# its own are the fastest$'
expect 0 "${tune[@]}" 1 --tune tuned
contains out '^wrote tuned; use it with --set opencl.parameters=tuned$'
contains err '^ +[0-9.]+ ms  XgemmDirect .*WGD=8$'
contains tuned "^# CLBlast's parameters for .*, driver "
grep -v '^#' tuned >lines || grep -q '^# its own are the fastest$' tuned || fail "tuned has no parameters"

# Products go to CLBlast here; the search is the same with any parameters, but for rounding. Some that do not compile
# show that the file's parameters are the ones in use.
export CREAM_OPENCL_PRODUCTS=clblast
small+=(--epochs 1 --set heldout=0.5 --set search.board.size=2 --set search.board.images=16 --device opencl)
for file in own tuned; do
  expect 0 search "${small[@]}" --set opencl.parameters="$file" --out "$file.run"
  contains err "^device .* host waited [0-9.]+ s for the device, and [0-9.]+ of [0-9.]+ s for CLBlast's compilation; "
done
same own.run/arch.json tuned.run/arch.json
echo 'XgemmDirect KWID=2 MDIMAD=8 MDIMCD=8 NDIMBD=8 NDIMCD=8 PADA=1 PADB=1 VWMD=3 VWND=3 WGD=8' >impossible
expect 1 search "${small[@]}" --set opencl.parameters=impossible --out impossible.run
contains err "^cream search: the device .* failed \(CLBlast's compilation: build failure, -11\); test it with .cream devices."
finish
