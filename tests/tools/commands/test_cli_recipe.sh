#!/usr/bin/env bash
# The recipe's settings together, the averaged and the trained weights at the end, and the results of a test.
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh" "$1"

expect 0 search "${small[@]}" --set search.clip=1 --set recalibrate.mode=inherit --out found
recipe=(--run found --epochs 3 --batch 16 --threads 1)
for setting in accumulate=4 optim=adamw lr.lr=0.05 mixup=0.2 drop_path=0.2 clip=5 ema=0.8; do
  recipe+=(--set "retrain.$setting")
done
expect 0 retrain "${recipe[@]}" --out trained
contains out '^test +top-1'
lacks err 'untrained'
# The better of the averaged and the trained weights on the held-out images is written, and named everywhere.
heldout() { grep -o "\"heldout_$1\": {\"top1\": [^,]*" trained/result.json | grep -o '[^ ]*$'; }
named() { # KIND OTHER TITLE: of the others
  contains out "^weights +$1 are written; held out: trained [0-9.]+ %, averaged [0-9.]+ % of 144 images"
  contains out "^$3 +top-1"
  contains trained/weights.safetensors "\"weights\": ?\"$1\""
  contains trained/result.json "\"weights\": \"$1\""
  contains trained/result.json "\"heldout\": \{\"top1\": $(heldout "$1"),"
  contains trained/result.json "\"test_$2\""
  lacks trained/result.json "\"test_$1\""
  contains trained/metrics.jsonl "\"test-$2\""
}
if awk "BEGIN { exit !($(heldout trained) > $(heldout averaged)) }"; then
  named trained averaged averaged
else
  named averaged trained unaveraged
fi
# Resuming what is finished gives the same; the other weights are written on demand.
cp trained/weights.safetensors first.safetensors
cp trained/result.json first.json
expect 0 retrain --resume --out trained
same trained/weights.safetensors first.safetensors
for key in weights heldout_trained heldout_averaged; do
  same <(grep "\"$key\"" first.json) <(grep "\"$key\"" trained/result.json)
done
for kind in averaged trained; do
  expect 0 retrain --resume --out trained --set "retrain.weights=$kind"
  contains out "^weights +$kind are written; .* \(retrain.weights\)$"
  contains trained/weights.safetensors "\"weights\": ?\"$kind\""
done
# An average that has not caught up is not written, with held-out images and without.
recipe+=(--set retrain.ema=0.9999)
for share in 0.1 0; do
  rm -rf trained
  expect 0 retrain "${recipe[@]}" --set heldout="$share" --out trained
  [ "$share" = 0 ] || named trained averaged averaged
  contains out '^weights +trained are written'
  lacks err 'guessing'
  [ "$share" = 0 ] || cp -r trained young
done
contains out 'written; no images are held out$'
# A run that is no better than guessing says so, once.
expect 0 retrain --resume --out young --set retrain.weights=averaged --json
[ "$(grep -cE '^the accuracy of [0-9.]+ % on 360 images is that of guessing one of 10 classes: .*retrain\.epochs.*docs/guide' err)" -eq 1 ] ||
  fail "no hint at chance"
[ "$(grep -c '"kind": *"step"\|"event": *"step"' trained/metrics.jsonl)" -gt 0 ] || fail "no steps in the metrics"
refuse 2 'retrain\.accumulate' retrain "${recipe[@]}" --set retrain.accumulate=1000 --out no
refuse 2 'search\.accumulate' search "${small[@]}" --set search.accumulate=1000 --out no

exists trained/test.json
cp trained/test.json trained-test.json
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
# test.json has the same classes, and the confusions alone; that of the training has the same as a later test's.
for name in 'trained-test.json', 'trained/test.json':
    file = json.load(open(name))
    assert (file['format'], file['version'], file['data']) == ('cream-test', 1, 'digits'), name
    assert file['test']['count'] == t['images'] and abs(file['test']['top1'] - t['top1']) < 1e-9, name
    assert [(c['name'], c['images'], c['correct']) for c in t['classes']] == [
        (c['name'], c['images'], c['correct']) for c in file['classes']], name
    assert file['confusions'] == [[l, p, n] for l, row in enumerate(rows) for p, n in enumerate(row) if n and l != p]
PY
# Other weights are not the run's: its file stays.
cp trained/weights.safetensors other.safetensors
rm trained/test.json
expect 0 test --run trained --weights other.safetensors
absent trained/test.json
mkdir trained/test.json # cannot be replaced
expect 0 test --run trained
contains out '^class +accuracy'
contains err '^trained/test.json was not written: '
rmdir trained/test.json

# A built-in network takes the number of classes of the data.
expect 0 retrain --arch cream-14 --data digits --epochs 1 --batch 64 --time-budget 0.01 --set heldout=0.9 --out b
contains err '^retrain\.ema: after 2 steps, 100 % of the averaged weights .*; for so short a training, set it to 0$'
contains out '^network +cream, 64x64'
contains b/arch.json '"classes": 10,'
contains b/weights.safetensors '"class_names": '
contains b/weights.safetensors '"resolution": "64"'

# All training images, and so no curve.
expect 0 retrain --arch found/arch.json --data digits --epochs 1 --batch 718 --set heldout=0 --set retrain.ema=0 \
  --threads 1 --out whole
lacks whole/metrics.jsonl '"split": "heldout'
contains whole/metrics.jsonl '"kind": "step".*"step": 2,'
contains whole/result.json '"images_per_second": [0-9.]*[1-9]'

# From the weights of a file: at a rate of next to nothing they stay what they are; --run names settings alone.
still=(--data digits --epochs 1 --batch 256 --set retrain.optim=sgd --set retrain.lr.warmup_epochs=0
  --set retrain.lr.lr=1e-20 --set retrain.weight_decay=0 --set retrain.ema=0.5 --threads 1)
expect 0 retrain --arch found/arch.json "${still[@]}" --weights whole/weights.safetensors --out still
expect 0 retrain --run whole "${still[@]}" --out fresh
expect 0 retrain --arch found/arch.json "${still[@]}" --out unnamed
refuse 3 'absent|missing|no ' retrain --arch cream-43 "${still[@]}" --weights whole/weights.safetensors --out other
absent other
"${CREAM_PYTHON:-python3}" - whole still fresh unnamed <<'PY' || fail "the weights that a training starts from"
import json, struct, sys
def weights(folder):
    data = open(folder + '/weights.safetensors', 'rb').read()
    size, = struct.unpack('<Q', data[:8])
    first, last = json.loads(data[8:8 + size])['conv_stem.weight']['data_offsets']
    return data[8 + size + first:8 + size + last]
whole, still, fresh, unnamed = map(weights, sys.argv[1:])
a, b = (struct.unpack(f'<{len(w) // 4}f', w) for w in (whole, still))
assert max(abs(x - y) for x, y in zip(a, b)) < 1e-6 and whole != fresh and fresh == unnamed
PY

finish
