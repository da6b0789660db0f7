#!/usr/bin/env bash
# The test images are read by the last evaluation only: with other test images a search and a training come
# out the same to the byte, and only the test's score differs.
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh" "$1"

"$2" "$root/io/dataset/data/digits.csv.gz" other.csv || fail "could not make other test images"
run() { # FOLDER DATA
  expect 0 search "${small[@]}" --data "$2" --set search.start_epoch=0 --set search.meta.every=5 --out "$1"
  lacks "$1/metrics.jsonl" '"split": "test'
  expect 0 retrain --run "$1" --epochs 4 --batch 32 --set retrain.ema=0.9 --out "$1-trained"
  [ "$(grep -c '"split": "test"' "$1-trained/metrics.jsonl")" -eq 1 ] || fail "not one evaluation on the test images"
  tail -n 2 "$1-trained/metrics.jsonl" >last # of the averaged and of the trained weights
  [ "$(grep -c '"split": "test' last)" -eq 2 ] || fail "the test images were read before the end"
}
run first digits
run second digits:other.csv
for file in arch.json board.json supernet.safetensors; do same "first/$file" "second/$file"; done
same first-trained/weights.safetensors second-trained/weights.safetensors
[ "$(grep '"test"' first-trained/result.json)" != "$(grep '"test"' second-trained/result.json)" ] ||
  fail "other test images gave the same test score"

finish
