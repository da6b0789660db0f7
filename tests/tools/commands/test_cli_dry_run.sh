#!/usr/bin/env bash
# --dry-run of searches and retrainings: what a run would take is printed, and nothing is written.
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh" "$1"

search=(search --data digits --space micro --epochs 3 --batch 256 --threads 2)
expect 0 "${search[@]}" --set depth=1,2,2,2 --flops 3.5:4 --dry-run --out run
absent run
contains out '^micro, 32x32 pixels, 10 classes, 7 layers$'
contains out '^blocks.3.1 +4>4 +80>80 +0.945 to 1.577  k3e4 k3e6 k5e4 k5e6$'
contains out '^paths       4096$'
contains out '^inside      1[0-9]{3} within the limits \(counted one by one\)$'
contains out '^FLOPs       3.148 to 5.062 M, '
contains out '^parameters  0.267 to 0.459 M; 1.238 M in the supernet$'
contains out '^memory      0.[0-9]+ GB \([0-9.]+ GB are free\)$'
contains out '^epoch       about [0-9.]+ s: 5 steps of [0-9.]+ s, .* on this machine \(cpu, 2 threads\) with a batch of 256'
contains out '^training    about [0-9]+ s for 3 epochs$'

# A budget for each of two networks; no --out is needed.
expect 0 "${search[@]}" --set depth=1,2,2,2 --budgets 4,5 --time-budget 0.0001 --dry-run --json
contains out '"paths": 4096,$'
contains out '"budget": "4", "paths": [0-9]+, "by": "enumeration"'
contains out '"flops": \[3148160, 5061504\],$'
contains out '"device_bytes": 0,$'
contains out '"steps_per_epoch": 5,$'
contains out '"epochs": 3,$'
contains out '"early_steps": 0,$'
[ ! -s err ] || fail "stderr: $(cat err)"

# The steps before the board opens are measured by themselves: it opens one epoch before the teachers start, after 25 of 45.
expect 0 "${search[@]}" --epochs 9 --set search.start_epoch=6 --dry-run --json
contains out '"early_steps": 25,$'
awk -F'[:,]' '{ gsub(/[ "]/, "", $1); v[$1] = $2 }
  END { want = 25 * v["seconds_per_early_step"] + 20 * v["seconds_per_step"]
        exit !(v["seconds_per_early_step"] > 0 && v["seconds"] > 0.999 * want && v["seconds"] < 1.001 * want) }' out ||
  fail "the seconds are not those of both kinds of steps: $(cat out)"
expect 0 "${search[@]}" --epochs 9 --set search.start_epoch=6 --dry-run
contains out '^early       about [0-9.]+ s for an epoch before the board opens: 25 steps of [0-9.]+ s$'
# A strategy without a board has one kind of step.
expect 0 "${search[@]}" --epochs 9 --set search.start_epoch=6 --set search.strategy=spos --dry-run --json
contains out '"early_steps": 0,$'

# Far more paths than can be counted.
expect 0 search --data digits --space cream --set resolution=32 --set depth=1,2,2,2,2,1 --flops 3:6 --batch 432 --epochs 1 \
  --set search.strategy=spos --threads 2 --dry-run --json
contains out '"by": "sampling"'

# An existing folder stays as it is.
mkdir kept
echo mine >kept/config.yaml
expect 0 retrain --data digits --arch cream-14 --resolution 32 --epochs 1 --batch 432 --threads 1 --dry-run --force --json \
  --out kept
contains out '"command": "retrain",$'
contains out '"space": "cream",$'
lacks out '"(paths|inside|supernet_params)"'
contains out '"seconds_per_epoch": [0-9.e-]+,$'
[ "$(ls kept) $(cat kept/config.yaml)" = "config.yaml mine" ] || fail "the folder changed"

refuse 2 'flops: no path of space' "${search[@]}" --flops 0.5:1 --dry-run --out run
refuse 2 'no network' retrain --data digits --dry-run
refuse 2 'unknown option' test --dry-run
finish
