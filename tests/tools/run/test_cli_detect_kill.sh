#!/usr/bin/env bash
# A detector's training on two threads that is killed (SIGKILL) at random moments, the writing of checkpoints included, and
# resumed ends with the bytes of one on one thread that was not. CREAM_TEST_KILLS=N: N kills in place of 2.
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh" "$1"

kills=${CREAM_TEST_KILLS:-2}
RANDOM=${CREAM_KILL_SEED:-20}
python3 "$root/tests/tools/squares.py" data || exit 1
training=(detect train --data yolo:data --backbone cream-14 --resolution 64 --batch 4 --seed 5 --epochs 3
  --set detect.channels=8 --set detect.cells=1 --set detect.convs=1 --set detect.score=0.001 --set heldout=0.2
  --set retrain.ema=0.9 --set checkpoint.keep=2 --set checkpoint.every_steps=1 --set checkpoint.every_minutes=0)

expect 0 "${training[@]}" --threads 1 --out whole
kill_often killed 300 "$kills" "${training[@]}" --threads 2
for file in weights.safetensors arch.json split.json detections.json coco.json examples.json; do
  same "whole/$file" "killed/$file"
done
same_metrics whole killed
same_summary whole killed

printf '%d kills, %d of them while a checkpoint was written\n' "$killed" "$writing"
[ "$killed" -eq "$kills" ] || fail "only $killed kills"

finish
