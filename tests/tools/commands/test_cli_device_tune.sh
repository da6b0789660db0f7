#!/usr/bin/env bash
# cream bench --tune makes a file of parameters, and runs use it, or what it has kept for the device.
# shellcheck source=tests/tools/lib.sh
. "$(dirname "$0")/../lib.sh"
keep_pocl_cache
need_device
export XDG_CACHE_HOME=$work/cache
mkdir "$XDG_CACHE_HOME"

tune=(bench --device opencl --space micro --resolution 32 --depths "1,1,1" --batch 2 --sets)
refuse 2 '^cream bench: --device cpu is the CPU' bench --tune none
refuse 2 '^cream bench: --sets: got "-1", expected a whole number of at least 0' "${tune[@]}" -1 --tune none
refuse 2 '^cream bench: --keep needs --tune FILE' bench step --keep
absent none
expect 0 "${tune[@]}" 0 --tune own
for what in 'products by our kernels' 'depthwise convolutions' 'products by CLBlast'; do
  contains err "^ +[0-9.]+ ms  $what: as they are$"
done
[ "$(grep -c ' ms  ' err)" -eq 3 ] || fail "--sets 0 tried sets of parameters"
contains own '^own TILE=[0-9]+ ROWS=[0-9]+ DEPTH=[0-9]+ '
contains own "^# CLBlast's own are the fastest$"
expect 0 "${tune[@]}" 1 --tune tuned --keep
contains out '^wrote tuned; use it with --set opencl.parameters=tuned$'
contains out '^kept in /.*/cream/opencl-[0-9a-f]+.parameters; every run on this device uses it from now on$'
contains err '^ +[0-9.]+ ms  products by our kernels: own TILE=32 ROWS=4 DEPTH=16$'
contains err '^ +[0-9.]+ ms  products by CLBlast: XgemmDirect .*WGD=8$'
contains tuned '^# parameters for .*, driver '
contains tuned '^(XgemmDirect .*WGD=8|# CLBlast.s own are the fastest)$'

# Products go to CLBlast here; the search is the same with any parameters, but for rounding. Some that do not compile
# show that the file's parameters are the ones in use.
export CREAM_OPENCL_PRODUCTS=clblast
small+=(--epochs 1 --set heldout=0.5 --set search.board.size=2 --set search.board.images=16 --device opencl)
expect 0 search "${small[@]}" --set opencl.parameters=own --out own.run
contains err "^device .* host waited [0-9.]+ s for the device, and [0-9.]+ of [0-9.]+ s for CLBlast's compilation; "
lacks err 'with what cream bench --tune kept'
expect 0 search "${small[@]}" --out kept.run
contains err '^device .*, with what cream bench --tune kept$'
same own.run/arch.json kept.run/arch.json
echo 'XgemmDirect KWID=2 MDIMAD=8 MDIMCD=8 NDIMBD=8 NDIMCD=8 PADA=1 PADB=1 VWMD=3 VWND=3 WGD=8' >impossible
expect 1 search "${small[@]}" --set opencl.parameters=impossible --out impossible.run
contains err "^cream search: the device .* failed \(CLBlast's compilation: build failure, -11\); test it with .cream devices."
finish
