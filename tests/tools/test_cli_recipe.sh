#!/usr/bin/env bash
# The recipe's switches together, both kinds of weights at the end, and what a test tells.
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/lib.sh" "$1"

expect 0 search "${small[@]}" --set search.clip=1 --set recalibrate.mode=inherit --out found
recipe=(--run found --epochs 3 --batch 16 --threads 2)
for setting in accumulate=4 optim=adamw lr.lr=0.05 mixup=0.2 drop_path=0.2 clip=5 ema=0.8; do
  recipe+=(--set "retrain.$setting")
done
expect 0 retrain "${recipe[@]}" --out trained
contains out '^test +top-1'
lacks err 'untrained'
contains out '^unaveraged +top-1'
contains trained/result.json '"test_trained"'
contains trained/metrics.jsonl '"test-trained"'
[ "$(grep -c '"kind": *"step"\|"event": *"step"' trained/metrics.jsonl)" -gt 0 ] || fail "no steps in the metrics"
refuse 2 'retrain\.accumulate' retrain "${recipe[@]}" --set retrain.accumulate=1000 --out no

expect 0 test --run trained
contains out '^class +accuracy +images'
contains out '^confusion'
cp out plain
expect 0 test --run trained --set recalibrate.batches=3
! cmp -s <(grep '^test' out) <(grep '^test' plain) || fail "recalibration changes nothing"
expect 0 test --run trained --json
contains out '"confusion"'
python3 - out <<'PY' 2>message || ! command -v python3 >/dev/null || fail "test --json: $(tail -n 1 message)"
import json, sys
t = json.load(open(sys.argv[1]))
rows = t['confusion']
assert len(rows) == 10 and all(len(r) == 10 for r in rows), 'size'
assert sum(map(sum, rows)) == t['images'], 'images'
assert abs(sum(rows[i][i] for i in range(10)) / t['images'] - t['top1']) < 1e-9, 'top1'
for c, row in zip(t['classes'], rows):
    assert c['images'] == sum(row) and abs(c['accuracy'] * sum(row) - row[rows.index(row)]) < 1e-9, c
PY

# A built-in network takes the number of classes of the data.
expect 0 retrain --arch cream-14 --data digits --epochs 1 --batch 64 --time-budget 0.01 --set heldout=0.9 --out b
contains err '^retrain: after 2 steps the averaged weights will still be 100 % untrained, .*retrain\.ema to 0$'
contains out '^network +cream, 64x64'
contains b/arch.json '"classes": 10,'
contains b/weights.safetensors '"class_names": '
contains b/weights.safetensors '"resolution": "64"'

finish
