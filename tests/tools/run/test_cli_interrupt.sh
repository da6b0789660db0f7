#!/usr/bin/env bash
# SIGINT and SIGTERM: the step is finished, everything is written, the exit code is 130.
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh" "$1"

# interrupt SIGNAL FOLDER ARGUMENT...: sends the signal after the first steps are in the metrics.
interrupt() {
  local signal=$1 folder=$2 got=0
  shift 2
  "$cream" "$@" --out "$folder" >out 2>err </dev/null &
  local pid=$!
  for _ in $(seq 300); do
    [ "$(grep -c '"step"' "$folder/metrics.jsonl" 2>/dev/null)" -gt 3 ] 2>/dev/null && break
    sleep 0.1
  done
  kill -s "$signal" "$pid" || fail "$* ended before the signal"
  wait "$pid" || got=$?
  [ "$got" -eq 130 ] || fail "$* after $signal: exit code $got, expected 130"
  contains err 'interrupted'
}

options=(search --data digits --space micro --flops 3:5 --epochs 4000 --batch 32 --threads 2 --set search.start_epoch=0
  --set search.board.images=32)
for signal in INT TERM; do
  interrupt "$signal" "search-$signal" "${options[@]}"
  for file in config.yaml split.json metrics.jsonl board.json arch.json supernet.safetensors; do
    exists "search-$signal/$file"
  done
  absent "search-$signal/result.json"
  [ -z "$(find "search-$signal" -name '*.tmp*' -o -name '.*' -type f)" ] || fail "temporary files are left"
done
expect 0 profile --arch search-INT/arch.json

interrupt INT train retrain --arch search-INT/arch.json --data digits --epochs 4000 --batch 32 --threads 2
exists train/weights.safetensors train/arch.json train/config.yaml train/metrics.jsonl
absent train/result.json
expect 0 test --run train

# Packing leaves nothing.
picture=$root/tests/golden/images/rgb-444.jpg
for part in train val; do
  yes "$picture	0	$part" | head -n 100000
done >many.txt
"$cream" data pack --data list:many.txt --threads 2 --out many.pack >out 2>err </dev/null &
pid=$! got=0
for _ in $(seq 300); do
  [ -z "$(find . -name 'many.pack.tmp*' -size +0)" ] || break
  sleep 0.1
done
kill -s TERM "$pid" || fail "packing ended before the signal"
wait "$pid" || got=$?
[ "$got" -eq 130 ] || fail "data pack: exit code $got, expected 130"
contains err '^cream data: interrupted after [0-9]+ of 200000 images; nothing was written'
absent many.pack*

finish
