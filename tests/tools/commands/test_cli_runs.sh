#!/usr/bin/env bash
# Search, retrain, test and profile in a row: files, JSON, --run, --force, pipes.
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh" "$1"

expect 0 search "${small[@]}" --out found --json
for key in command seconds; do contains out "\"$key\""; done
cp out printed
same printed found/result.json
contains found/result.json '"images_per_second": [1-9]'
for file in config.yaml split.json metrics.jsonl board.json arch.json supernet.safetensors result.json; do
  exists "found/$file"
done
lacks err $'\033'
contains err '^search: epoch 2/2 done'
grep -aq 'meta_layer.weight' found/supernet.safetensors || fail "no meta_layer.weight beside the supernet"

# The range holds for the result and the whole board.
expect 0 profile --arch found/arch.json --json
number() { grep -oE "\"$1\": *[0-9.e+]+" "$2" | head -n 1 | grep -oE '[0-9.e+]+$'; }
for key in macs paper_flops params; do contains out "\"$key\": *[0-9]"; done
awk -v f="$(number paper_flops out)" 'BEGIN { exit !(f >= 0.16e6 && f <= 0.25e6) }' || fail "the network is outside $flops"
grep -oE '"flops": *[0-9.e+]+' found/board.json | awk '{ n++; if ($2 < 0.16e6 || $2 > 0.25e6) bad = 1 }
  END { exit bad || n == 0 }' || fail "the board has a path outside $flops"
expect 0 profile --space cream --flops 200:300
contains out '^total'
expect 0 profile --space micro --json
contains out '"paper_flops"'

# The settings that a run kept are those of the run.
expect 0 search --config found/config.yaml --out again
same found/arch.json again/arch.json

# A folder in use is refused, and replaced with --force.
refuse 2 'found' search "${small[@]}" --out found
expect 0 search "${small[@]}" --out found --force
contains out 'cream retrain --run found'

expect 0 retrain --run found --epochs 3 --batch 64 --out trained
contains out '^test +top-1 [0-9.]+ %'
for file in config.yaml arch.json metrics.jsonl weights.safetensors result.json; do exists "trained/$file"; done
same found/arch.json trained/arch.json
expect 0 test --run trained --json
accuracy=$(number top1 out)
[ "$(number top1 trained/result.json)" = "$accuracy" ] || fail "test and retrain disagree on the accuracy"
expect 0 test --arch trained/arch.json --weights trained/weights.safetensors --data digits
contains out '^test +top-1'
# A retraining's test belongs to its last step, and cream runs shows what was measured on all images, not on one batch.
contains trained/metrics.jsonl '"kind": "eval", "phase": "test", "step": [1-9][0-9]*, "epoch": 3, "split": "test"'
contains trained/result.json '"steps": [1-9]'
contains trained/result.json '"stopped_by": "epochs"'
expect 0 runs . --json
top1=$(number top1 found/result.json)
grep '"name": "found"' out | grep -qF "\"best\": $top1, \"best_of\": \"held out\"" || fail "runs: $(cat out), not $top1"
contains out '"name": "trained".*"best_of": "test"'
# A network that is trained from scratch takes the number of classes of the data.
for part in train val; do
  for class in a b c; do
    mkdir -p "three/$part/$class"
    for i in 1 2 3; do cp "$root/tests/golden/images/rgb-444.jpg" "three/$part/$class/$i.jpg"; done
  done
done
expect 0 retrain --run found --data folder:three --epochs 1 --batch 3 --set heldout=0 --out other
contains err 'has 10 classes and the data .* 3: it is trained with 3'
contains other/arch.json '"classes": 3'
expect 0 test --run other
refuse 3 'supernet' test --arch trained/arch.json --weights found/supernet.safetensors --data digits

expect 0 search "${small[@]}" --epochs 100000 --time-budget 0.03 --out budget
exists budget/arch.json budget/result.json

finish
