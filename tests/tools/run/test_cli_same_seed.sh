#!/usr/bin/env bash
# The same seed gives the same bytes: from run to run, and for 1, 2 and 3 threads.
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh" "$1"

# Images of 32 pixels and 24 channels or more, so that there is work for several threads; a fifth of the images.
options=("${small[@]}" --space micro --flops 3:5 --batch 32 --set heldout=0.8 --seed 7 --set search.start_epoch=1
  --set search.meta.every=4 --set search.board.images=64 --set search.board.every=2 --set search.board.size=2)
for run in 1:a 2:b 3:c; do
  expect 0 search "${options[@]}" --threads "${run%:*}" --out "search-${run#*:}"
done
# Measuring where the time goes changes nothing.
expect 0 search "${options[@]}" --threads 2 --out search-d --times
for row in start training selection results all; do contains err "^$row +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+ *([0-9.]+ %)?\$"; done
contains err '^  depthwise backward +[0-9.]+ s, +[0-9.]+ % of the kernels$'
contains err '^[0-9]+ images: [0-9.]+ a second in the training, [0-9.]+ from start to network$'
# Every number of every step, matching degrees included; only the fields from "seconds" on depend on the clock.
for run in a b c d; do sed 's/, "seconds": .*//' "search-$run/metrics.jsonl" >"search-$run/numbers"; done
for run in b c d; do
  same search-a/numbers "search-$run/numbers"
  for file in arch.json board.json split.json supernet.safetensors; do
    exists "search-$run/$file"
    same "search-a/$file" "search-$run/$file"
  done
done

expect 0 search "${options[@]}" --seed 8 --out other
! cmp -s search-a/supernet.safetensors other/supernet.safetensors || fail "another seed gave the same weights"

training=(--arch search-a/arch.json --data digits --epochs 2 --batch 32 --set heldout=0.8 --set retrain.eval_every=0 --seed 3)
for run in 1:a 2:b 3:c 2:d; do
  expect 0 retrain "${training[@]}" --threads "${run%:*}" --out "train-${run#*:}"
done
for run in b c d; do same train-a/weights.safetensors "train-$run/weights.safetensors"; done

finish
