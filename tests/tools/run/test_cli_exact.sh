#!/usr/bin/env bash
# `exact: processors`: a search, the training of its network, a test and an export have the same bytes with each instruction
# set of this processor, and a search the numbers that it had on others. `exact: threads` is recorded, and refused where a
# run was started without it.
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh" "$1"

best=$("$cream" version --json | sed -n 's/.*"kernels": *"\([a-z0-9-]*\)".*/\1/p')
sets=(generic)
[[ $best == avx512* ]] && sets+=(avx2)
[ "$best" = generic ] || sets+=("$best")

options=("${small[@]}" --epochs 1 --seed 5 --set heldout=0.8 --set search.start_epoch=0 --set search.meta.every=4
  --set search.board.images=64 --set search.board.size=1)
for set in "${sets[@]}"; do
  export CREAM_ISA=$set
  expect 0 search "${options[@]}" --out "search-$set"
  expect 0 retrain --arch "search-$set/arch.json" --data digits --epochs 1 --batch 64 --set heldout=0.8 \
    --set retrain.eval_every=0 --set retrain.weights=trained --seed 3 --out "train-$set"
  expect 0 test --run "train-$set" --json
  sed "/images_per_second/d; s/train-$set/train/g" out >"test-$set"
  expect 0 export onnx --run "train-$set" --out "$set.onnx"
done
for set in "${sets[@]:1}"; do
  for file in arch.json board.json supernet.safetensors; do same "search-generic/$file" "search-$set/$file"; done
  same train-generic/weights.safetensors "train-$set/weights.safetensors"
  same test-generic "test-$set"
  same generic.onnx "$set.onnx"
  same_metrics search-generic "search-$set"
  same_metrics train-generic "train-$set"
done

# The losses of all steps, to the last digit. Where a change is meant to change results, this is their new hash.
golden=4c33a5a95b72913f4484045c18858402
got=$(grep -o '"loss": [^,}]*' search-generic/metrics.jsonl | sha256sum | cut -c1-32)
[ "$got" = "$golden" ] || fail "the hash of the search's losses is $got, expected $golden"

contains search-generic/config.yaml '^exact: processors$'
refuse 2 '--resume: exact is threads, but the run in search-generic has processors' search "${options[@]}" --set exact=threads --resume --out search-generic

# In bfloat16 too, whatever the number of threads; other losses than in float, near them.
threads=1
[ "$best" = avx512-bf16 ] && sets+=(avx512) # emulates the products of the other
for set in "${sets[@]}"; do
  CREAM_ISA=$set expect 0 search "${options[@]}" --set precision=bf16 --threads "$threads" --out "narrow-$set"
  threads=2
done
for set in "${sets[@]:1}"; do same_metrics narrow-generic "narrow-$set"; done
contains narrow-generic/config.yaml '^precision: bf16$'
cmp -s narrow-generic/supernet.safetensors search-generic/supernet.safetensors && fail "precision=bf16 trained in float"
last_loss() { grep -o '"loss": [0-9.]*' "$1/metrics.jsonl" | tail -n 1 | cut -d' ' -f2; }
awk -v a="$(last_loss search-generic)" -v b="$(last_loss narrow-generic)" 'BEGIN { exit !(a > 0 && (a - b) ^ 2 < (0.1 * a) ^ 2) }' ||
  fail "the last loss is $(last_loss narrow-generic) in bfloat16, and $(last_loss search-generic) in float"
refuse 2 '--resume: precision is float, but the run in narrow-generic has bf16' search "${options[@]}" --set precision=float --resume --out narrow-generic
refuse 2 'precision: bf16 is of the CPU alone, and device is opencl' search "${options[@]}" --set precision=bf16 --device opencl --out no
refuse 2 'key `precision`: got `half`, expected one of float, bf16' search "${options[@]}" --set precision=half --out no

unset CREAM_ISA
expect 0 search "${options[@]}" --set exact=threads --out fast
contains fast/config.yaml '^exact: threads$'

finish
