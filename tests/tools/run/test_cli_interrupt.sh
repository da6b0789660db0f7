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

options=(search --data digits --space "$space" --flops "$flops" --epochs 4000 --batch 32 --threads 2 --set search.start_epoch=0
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

# Before the board opens: no network, and the line and the JSON say so and how to continue. --force removes the network
# of the search that it replaces.
cp -r search-INT early && rm early/metrics.jsonl
interrupt INT early search --data digits --space "$space" --flops "$flops" --epochs 4000 --batch 32 --threads 2 --json --force
contains err '^cream search: interrupted after step [0-9]+; there is no network yet, .* until step [0-9]+; continue with cream search --resume --out early$'
absent early/arch.json early/result.json
"${CREAM_PYTHON:-python3}" - <<'PY' || fail "the JSON of an interrupted search: $(cat out)"
import json
end = json.load(open("out"))
assert end["state"] == "interrupted" and end["stopped_by"] == "signal" and "no network yet" in end["reason"]
assert end["strategy"] == "cream" and end["data"] == "digits" and end["seed"] == 0
assert 3 <= end["steps"] < end["planned_steps"] and end["resume"] == "cream search --resume --out early"
assert "supernet.safetensors" in end["files"] and "arch.json" not in end["files"]
PY

# A time budget that ends before the board opens leaves a measured network, and says why it was drawn.
short=(--data digits --space "$space" --flops "$flops" --epochs 60 --batch 64 --threads 1 --time-budget 0.001)
for strategy in cream spos random; do
  expect 0 search "${short[@]}" --set search.strategy=$strategy --set search.evolution.population=2 \
    --set search.evolution.generations=0 --set search.recalibrate=1 --set search.board.size=2 --out "$strategy" --json
  exists "$strategy/arch.json"
  contains err '^the time budget of 0.001 minutes ended the training after step [0-9]+ of 1200'
  contains out '"stopped_by": "time_budget"'
  contains "$strategy/result.json" "\"strategy\": \"$strategy\""
done
expect 0 search "${short[@]}" --set search.recalibrate=1 --set search.board.size=2 --out cream --force
contains err 'ended after step [0-9]+, before the board opens at step 181: the answer is the best of 2 paths drawn'

# A failure too ends with JSON.
expect 2 search --data digits --out search-INT --json
contains out '"state": "failed"'
contains out '"reason": "run folder search-INT is not empty'

# Packing leaves nothing.
image=$root/tests/golden/images/rgb-444.jpg
for part in train val; do
  yes "$image	0	$part" | head -n 100000
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
