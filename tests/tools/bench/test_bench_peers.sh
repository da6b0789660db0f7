#!/usr/bin/env bash
# The comparison with PyTorch has the same steps and networks on all sides. It takes a Python with PyTorch, which
# CREAM_TORCH_PYTHON names; nothing here depends on time. build.sh finds one, or says that there is none.
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh" "$1"

# Without PyTorch and without a network: one line, and a failure.
mkdir -p fake/build fake/bin
cp "$root/build.sh" fake/
printf '#!/bin/sh\nexit 1\n' >fake/bin/python3
chmod +x fake/bin/python3
sed -i 's/^      build$/      :/; s#/usr/bin/python3;#/nowhere/python3;#' fake/build.sh
! PATH=$work/fake/bin:$PATH env -u CREAM_TORCH_PYTHON bash fake/build.sh bench peers >out 2>err || fail "build.sh bench peers without PyTorch"
contains err 'no comparison with torch, .* CREAM_TORCH_PYTHON names a Python that has them'

python=${CREAM_TORCH_PYTHON:-/usr/bin/python3}
"$python" -c 'import torch' 2>/dev/null || {
  [ "$failures" -eq 0 ] || finish
  echo "skipped: $python has no PyTorch; CREAM_TORCH_PYTHON names one that has"
  exit 77
}
"$root/tools/bench/bench_peers" --cream "$cream" --python "$python" --sizes tiny --works plain,fixed-eval --threads 1 \
  --layouts nhwc,nhwc-bf16 --rounds 1 --warmup 1 --json >out || fail "bench_peers"
"$python" - <<'PYTHON' || fail "bench_peers --json"
import json
r = json.load(open('out'))
assert [x['work'] for x in r['results']] == ['plain', 'fixed-eval']
for x in r['results']:
    assert set(x['sides']) == {'cream', 'cream-bf16', 'nhwc', 'nhwc-bf16'} and not x['skipped'], x['skipped']
    pairs = {'float': ('cream-bf16', 'cream'), 'eager': ('cream', 'nhwc'), 'bf16': ('cream-bf16', 'nhwc-bf16')}
    assert {kind: (ratio['ours'], ratio['name']) for kind, ratio in x['against'].items()} == pairs
    for ratio in x['against'].values():
        ours, side = x['sides'][ratio['ours']], x['sides'][ratio['name']]
        assert abs(ratio['speedup'] - side['median'] / ours['median']) < 1e-9
PYTHON
finish
