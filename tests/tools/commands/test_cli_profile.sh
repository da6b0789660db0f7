#!/usr/bin/env bash
# cream profile: what networks cost, and architectures in every notation.
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh" "$1"

# costs ARCH MACS FLOPS PARAMS [OPTION...]: in millions; MACS and PARAMS rounded to as many digits as are given, FLOPS
# (the paper's round figure) within 2 %; 0: any.
costs() {
  local arch=$1 macs=$2 flops=$3 params=$4
  shift 4
  expect 0 profile --arch "$arch" --json "$@"
  python3 - out "$macs" "$flops" "$params" <<'PY' 2>message || fail "profile $arch: $(tail -n 1 message)"
import json, sys
p = json.load(open(sys.argv[1]))
for key, known in zip(('macs', 'paper_flops', 'params'), sys.argv[2:]):
    digits = len(known.partition('.')[2])
    if key == 'paper_flops':
        assert known == '0' or abs(p[key] / 1e6 / float(known) - 1) < 0.02, (key, p[key], known)
    else:
        assert known == '0' or '%.*f' % (digits, p[key] / 1e6) == known, (key, p[key], known)
    assert abs(sum(l[key] for l in p['layers']) - p[key]) < 1e-6 * p[key], key
assert p['layers'][0]['name'] == 'conv_stem' and len(p['layers']) > 3
assert p['output_bytes'] == sum(l['output_bytes'] for l in p['layers'])
# In training all outputs are kept; in use only a few at a time.
assert p['training_bytes'] > p['output_bytes'] > p['inference_bytes'] > 0, p
assert 'latency_ms' not in p
PY
}
command -v python3 >/dev/null || exit 77

costs cream-14 13.19 14 0
costs cream-43 40.66 43 0
costs cream-114 109.62 114 0
costs cream-287 276.26 287 0
costs cream-481 460.40 481 0
costs cream-604 578.70 604 0
costs efficientnet-b0 385.81 0 5.288548
costs mobilenet-v3-large 216.6 0 5.483032

# A list gives the network of that name, at the resolution that is asked for; classes change the classifier alone.
costs "[[3],[3,3],[3,3],[3],[3]]" 13.19 14 0 --resolution 64
cp out list
expect 0 profile --arch cream-14 --json
same out list
costs "[[3],[3,3],[3,1,3],[3,3,3,3],[3,3,3]]" 276.26 287 0
costs mobilenet-v3-large 215.323 0 4.214842 --classes 10
costs cream-14 46.27 0 0 --resolution 128 --classes 1000
refuse 2 'key .\[1\]\[1\].: got .7., expected a whole number from 0 to 5' profile --arch "[[3],[3,7],[3],[3],[3]]"
refuse 2 'did you mean .mobilenet-v3-large.' profile --arch mobilenet-v3-larg
refuse 2 'classes: .*expected a whole number from 1' profile --arch cream-14 --classes 0
refuse 2 'resolution' profile --arch cream-14 --resolution 4

# For people.
expect 0 profile --arch cream-14
contains out '^part +op +side +channels +macs \(M\) +FLOPs \(M\) +params \(M\) +outputs \(MB\)$'
contains out '^blocks\.5\.0 +k5e6 +4>2 +96>192 '
contains out '^total '
contains out '^memory for one image beside the weights: [0-9.]+ MB for inference, [0-9.]+ MB for training$'
expect 0 profile --space micro
contains err 'the largest network of the space'

# With a latency table: a column, and the parts come to the total.
expect 0 latency build --space micro --out table.json --rounds 1 --paths 40 --accept-disturbed
expect 0 profile --space micro --set "depth=$(python3 -c "import json; print(*json.load(open('table.json'))['depth'], sep=',')")" \
  --set "resolution=$(python3 -c "import json; print(json.load(open('table.json'))['resolution'])")" \
  --latency-table table.json --json
python3 - out <<'PY' 2>message || fail "latencies: $(tail -n 1 message)"
import json, sys
p = json.load(open(sys.argv[1]))
parts = sum(l['latency_ms'] for l in p['layers'])
assert p['latency_ms'] > 0 and abs(p['latency_ms'] - parts) < p['latency_ms'], (p['latency_ms'], parts)
assert all(l['latency_ms'] != 0 for l in p['layers'])
PY
finish
