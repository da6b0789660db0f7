#!/usr/bin/env bash
# cream latency: tables are built, shown and checked; a search keeps to a latency.
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh" "$1"

# Other tests run on the same processors.
expect 0 latency build --space micro --out table.json --rounds 2 --paths 8 --classes 10 --accept-disturbed --seconds 0.01
contains out '^table.json: 25 blocks of micro at 32 pixels on cpu'
contains table.json '"format": "cream-latency"'
expect 0 latency show --table table.json
contains out '^stem  '
[ "$(grep -cE '^k[35]e[46] .*[0-9]$' out)" -eq 24 ] || fail "show does not print 24 blocks"
expect 0 latency show --table table.json --json
same out table.json
expect 0 latency build --space micro --out other.json --rounds 1 --paths 8 --classes 10 --json --accept-disturbed --seconds 0.01
same out other.json

# A table is written, or one line says that other work disturbed it.
code=0
"$cream" latency build --space micro --out quiet.json --rounds 3 --paths 8 --seconds 0.01 >out 2>err || code=$?
if [ "$code" -eq 0 ]; then exists quiet.json; else
  [ "$code" -eq 1 ] || fail "build: exit code $code"
  contains err 'quiet.json: not written, as other work still disturbs .*--accept-disturbed'
  [ "$(grep -c 'measuring .* again, [1-3] of 3$' err)" -eq 3 ] || fail "build did not measure again three times"
  absent quiet.json
fi

# Whether predictions are good depends on the machine and what else it does; how they are compared does not.
code=0
"$cream" latency check --table table.json --paths 6 --rounds 2 --seconds 0.01 --json >out 2>err || code=$?
contains out '"spearman": '
contains out '"mean_error": '
[ "$(grep -c '"predicted_ms": .*"measured_ms": ' out)" -eq 6 ] || fail "check did not measure 6 paths"
if grep -q '"good": true' out; then [ "$code" -eq 0 ]; else [ "$code" -eq 1 ]; fi || fail "check: exit code $code"

# A table ten thousand times as slow is wrong on any machine.
sed -E 's/"ms": ([0-9.e-]+)/"ms": 10000/' table.json >slow.json
expect 1 latency check --table slow.json --paths 4 --rounds 1 --seconds 0.01
contains err 'measure it again'
contains err 'slow.json: the measurements do not fit the table .*; measuring 4 of 4 again, 3 of 3$'
contains err 'slow.json: the measurements do not fit the table after 3 repetitions too'
contains out '^rank correlation'

# Blocks of 1 ms, but the first option of each layer 3 ms: within 11 ms only few paths use it. The depths follow
# from the limit: the deepest supernet takes 12 ms and more.
sed -E 's/"ms": [0-9.e-]+/"ms": 1/; s/("op": "k3e4".*)"ms": 1,/\1"ms": 3,/; s/"rest": [^,]*/"rest": 0/' table.json >ones.json
expect 0 search --data digits --space micro --epochs 1 --batch 64 --threads 1 \
  --set search.recalibrate=1 --latency 11 --latency-table ones.json --out run --json
contains run/config.yaml '^depth: \[1, 1, 1, 2\]'
ms=$(grep -oE '"ms": [0-9.]+' run/result.json | head -n 1 | cut -d' ' -f2)
case $ms in 9 | 11) ;; *) fail "the network found takes $ms ms, expected 9 or 11" ;; esac

refuse 2 'latency: no path of space .micro. .* takes 0:2 ms at any depths; .* take 8.000 to 30.000 ms' search \
  --data digits --space micro --latency 2 --latency-table ones.json --out run6
# One network: measured, and predicted by the sum of its 1 and 3 ms.
expect 0 latency net --arch run/arch.json --table ones.json --rounds 3
contains out '^network     run/arch.json at 32 pixels, 10 classes$'
contains out '^measured    [0-9.]+ ms for 1 image: the median of 3 passes, iqr .* on cpu .*, 1 threads$'
contains out "^predicted   $ms.000 ms by ones.json, an error of "
expect 0 latency net --arch run/arch.json --table ones.json --rounds 3 --json
contains out "\"predicted_ms\": $ms,"
expect 0 latency net --arch cream-14 --rounds 1 --batch 2 --threads 2 --classes 7 --resolution 32 --json
contains out '"resolution": 32'
contains out '"classes": 7'
contains out '"batch": 2'
contains out '"measured_ms": [0-9]'
lacks out 'predicted'
refuse 2 'no network: expected --arch' latency net
refuse 2 'no such file or built-in arch' latency net --arch nowhere
refuse 2 'ones.json: measured for the space micro' latency net --arch cream-14 --table ones.json
refuse 2 'ones.json: measured at 32 pixels' latency net --arch run/arch.json --resolution 64 --table ones.json
refuse 2 '--batch: got 3, but the table ones.json was measured with 1' latency net --arch run/arch.json --table ones.json --batch 3
refuse 2 '--threads: got 2, but the table ones.json' latency net --arch run/arch.json --table ones.json --threads 2
refuse 2 '--device: got gpu, but the table ones.json was measured on cpu' latency net --arch run/arch.json \
  --table ones.json --device gpu
refuse 1 'nowhere.json' latency net --arch run/arch.json --table nowhere.json

refuse 2 'resolution' search --data digits --space micro --set resolution=48 --latency 9 --latency-table ones.json --out run6
refuse 2 'more than|no path|takes' search "${small[@]}" --space micro --flops 3:5 --latency 1 --latency-table ones.json --out run2
refuse 2 'needs a table of latencies' search "${small[@]}" --space micro --flops 3:5 --latency 1 --out run3
refuse 2 '10 classes, expected 26|measured for the space' search --data digits --space cream --set resolution=32 \
  --epochs 1 --latency 5 --latency-table table.json --out run4
refuse 1 'ones2.json' search "${small[@]}" --space micro --flops 3:5 --latency 1 --latency-table ones2.json --out run5
absent run2/arch.json run3/arch.json run4/arch.json run5/arch.json run6

refuse 2 'expected a subcommand: build, check, net or show' latency
refuse 2 'expected a subcommand' latency biuld
refuse 2 '--out FILE' latency build
refuse 2 '--table FILE' latency check
refuse 2 'unexpected argument "x"' latency show x
refuse 2 'got "0", expected a whole number from 1 to' latency build --out t --batch 0
refuse 2 '--depths' latency build --out t --depths none
refuse 2 'expected' latency build --space micro --out t --depths 1,9,9,9
absent t
finish
