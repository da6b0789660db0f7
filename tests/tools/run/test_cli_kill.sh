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
