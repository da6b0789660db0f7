#!/usr/bin/env bash
# Runs that are killed (SIGKILL) at 50 random moments, the writing of checkpoints included, and resumed end
# with the same bytes as runs that were not.
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh" "$1"

kills=${CREAM_KILLS:-50}
RANDOM=${CREAM_KILL_SEED:-20}
small=(--data digits --batch 32 --threads 1 --seed 5 --set heldout=0.1 --set checkpoint.keep=2
  --set checkpoint.every_steps=3 --set checkpoint.every_minutes=0)
search=(search "${small[@]}" --space "$space" --flops "$flops" --epochs 2 --set search.start_epoch=1
  --set search.meta.every=3 --set search.board.images=32 --set search.board.size=4 --set search.recalibrate=2 --set search.prior=board)
training=(retrain "${small[@]}" --epochs 2 --set retrain.ema=0.9 --set retrain.dropout=0.2)

same_summary() {
  cmp -s <(cut -d, -f1-8 "$1/summary.csv") <(cut -d, -f1-8 "$2/summary.csv") || fail "summaries differ"
}

# Files appear whole, so no kill breaks a checkpoint.
no_broken() { [ -z "$(find "$1"/ -name "*.broken" 2>/dev/null)" ] || fail "a checkpoint of $1 was broken"; }

# kill_often FOLDER MILLISECONDS TIMES ARGUMENT...: starts and kills until it has been killed so often, then
# lets it end. Half of the kills come while a checkpoint is on its way to disk.
killed=0 writing=0
kill_often() {
  local folder=$1 most=$2 times=$3 n=0
  shift 3
  while [ "$n" -lt "$times" ]; do
    setsid "$cream" "$@" --out "$folder" --resume >out 2>err </dev/null &
    local pid=$!
    sleep "$(printf '0.%03d' $((RANDOM % most + 1)))"
    if [ $((n % 2)) -eq 0 ]; then
      for _ in $(seq 400); do
        compgen -G "$folder/checkpoint-*.tmp-*" >/dev/null && break
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.002
      done
    fi
    if kill -KILL "$pid" 2>/dev/null; then
      compgen -G "$folder/checkpoint-*.tmp-*" >/dev/null && writing=$((writing + 1))
      n=$((n + 1)) killed=$((killed + 1))
    else # it came to its end: once more from an early checkpoint
      rm -rf "$folder"
    fi
    wait "$pid" 2>/dev/null
    no_broken "$folder"
  done
  expect 0 "$@" --out "$folder" --resume
}

expect 0 "${search[@]}" --out search
kill_often search-killed 300 $((kills / 2)) "${search[@]}"
for file in supernet.safetensors board.json arch.json split.json; do
  same "search/$file" "search-killed/$file"
done
same_metrics search search-killed
same_summary search search-killed

expect 0 "${training[@]}" --arch search/arch.json --out train
kill_often train-killed 200 $((kills - kills / 2)) "${training[@]}" --arch search/arch.json
for file in weights.safetensors arch.json split.json; do same "train/$file" "train-killed/$file"; done
same_metrics train train-killed
same_summary train train-killed

printf '%d kills, %d of them while a checkpoint was written\n' "$killed" "$writing"
[ "$killed" -eq "$kills" ] || fail "only $killed kills"

finish
