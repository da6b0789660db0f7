#!/usr/bin/env bash
# cream watch: a search, a retraining and a study, in wide and narrow windows, with and without colours and UTF-8, resized
# while it draws; runs that have not begun; and folders that are none of these.
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh" "$1"
export TERM=xterm LC_ALL=C.UTF-8
unset NO_COLOR COLUMNS LINES

# run FOLDER PHASE STEPS DONE OFFSET: the metrics of a run with that many steps; its result, where all are done.
run() {
  mkdir -p "$1"
  python3 - "$@" <<'PY'
import json, sys
folder, phase, steps, done, offset = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5])
with open(folder + "/metrics.jsonl", "w") as out:
    def put(kind, step, **rest):
        print(json.dumps({"kind": kind, "phase": phase, "step": step, "seconds": step / 10, **rest}), file=out)
    put("start", 0, steps=steps, epochs=2, epoch=0)
    for i in range(1, done + 1):
        loss = 2.5 - offset - i / steps
        put("step", i, epoch=2 * (i - 1) // steps, lr=0.05, loss=loss + 0.3 * (i % 2), hard=loss, soft=0,
            accuracy=0.2 + offset / 2 + i / steps / 2, images_per_second=640, rho=0.5)
        if phase == "search" and i % 10 == 0:
            put("board", i, score=0.3, board_scores=[0.3 + offset + i / steps / 3, 0.2], board_flops=[2e6, 3e6])
        if phase == "retrain" and i % (steps // 2) == 0:
            put("eval", i, epoch=2 * i // steps, split="heldout", accuracy=0.5 + offset + i / steps / 10)
PY
  [ "$3" -ne "$4" ] || echo '{}' >"$1/result.json"
}

# fits COLUMNS: no line of out is wider.
fits() {
  python3 - "$1" <<'PY' || fail "a line is wider than $1 columns: $(cat out)"
import sys
sys.exit(any(len(line.rstrip("\n")) > int(sys.argv[1]) for line in open("out", encoding="utf-8")))
PY
}

# A search. The axes have readable numbers, and the lines letters that the legend names.
run runs/one search 100 60 0
COLUMNS=80 expect 0 watch runs/one --once
fits 80
contains out '^runs/one  search, stopped$'
contains out '^\[#{12}\.{8}\] step 60/100  epoch 2/2$'
contains out '^time 0:06  640 images/s$'
contains out '^loss \* all [0-9.]+ o hard [0-9.]+ x soft 0 '
contains out '^      [23]┤'
contains out '·' # raw values
contains out '^ +20 +40 +60 +20 +40 +60$'
lacks out $'\033'
contains out '│.*[^ *o]\*[^ *o]'
contains out '│.*[^ *o]o[^ *o]'
cp out smoothed
expect 0 watch runs/one --once --raw
lacks out '·'
! cmp -s out smoothed || fail "--raw draws the smoothed values"
expect 0 watch runs/one --once --smooth 0.01
! cmp -s out smoothed || fail "--smooth changes nothing"
refuse 2 'smooth: got "1", expected' watch runs/one --once --smooth 1
for columns in 60 40 24 10; do
  COLUMNS=$columns expect 0 watch runs/one --once
  fits "$columns"
done
COLUMNS=40 expect 0 watch runs/one --once
contains out '^\[[#.]*\] step 60/100  epoch 2/2$'
mkdir -p runs/a-long-name/that-is-longer/than-the-window
run runs/a-long-name/that-is-longer/than-the-window search 100 100 0
COLUMNS=40 expect 0 watch runs/a-long-name/that-is-longer/than-the-window --once
contains out '^runs/a-long-name/that…  search, finished$'
LC_ALL=C COLUMNS=40 expect 0 watch runs/a-long-name/that-is-longer/than-the-window --once
contains out '^runs/a-long-name/th\.\.\.  search, finished$'
contains out '^ +[23]\+'
lacks out '[^ -~]'

# A retraining.
run runs/trained retrain 100 100 0
COLUMNS=80 expect 0 watch runs/trained --once
contains out '^runs/trained  retrain, finished$'
contains out '^held out by epoch \(%\) \* trained 60 .*learning rate \* now 0\.05'

# A study: its arms are the lines. A training from scratch belongs to the arm of its search.
run st/with-1 search 100 100 0
run st/with-2 search 100 100 0.1
run st/with-1-trained retrain 100 100 0
run st/with-2-14-trained retrain 100 50 0.1
run st/no-2-teacher-1 search 100 60 0.2
COLUMNS=80 expect 0 watch st --once
fits 80
contains out '^st  study, stopped, 3 of 5 runs finished$'
contains out '^\* no-2-teacher  stopped   0/1 runs   60 %  board 70\.00 %  loss 1\.[67]'
contains out '^o with          stopped   3/4 runs   88 %  retrained 60\.00 %'
contains out '^loss  .*top-1 of batches \(%\) *$'
contains out '^best of the board \(%\) .*retrained, held out by epoch \(%\) *$'
COLUMNS=40 expect 0 watch st --once
fits 40
contains out '^\* no-2-teacher  stopped   0/1 runs$'
contains out '^o with          stopped   3/4 runs$'
# While a run is at work, and with the results, which name the order and the failures.
(exec 9>st/no-2-teacher-1/run.lock && flock 9 && exec sleep 60) &
holder=$!
for _ in $(seq 100); do flock --nonblock st/no-2-teacher-1/run.lock true 2>/dev/null || break; sleep 0.02; done
COLUMNS=80 expect 0 watch st --once
contains out '^\* no-2-teacher  running   0/1 runs   60 %'
kill "$holder"
wait "$holder" 2>/dev/null
mkdir -p st/never-1
echo '{"arms": [{"runs": [{"dir": "with-1", "state": "finished"}]}, {"runs": [{"dir": "never-1", "state": "failed"},
  {"dir": "../x-1"}, {"dir": 7}]}]}' >st/study.json
COLUMNS=80 expect 0 watch st --once
contains out '^st  study, finished, 3 of 6 runs finished$'
contains out '^\* with .*  stopped '
contains out '^o never .*  failed    0/1 runs'
# More arms than there is room for.
for arm in a b c d e f g h i j k l; do run "many/$arm-1" search 20 20 0.1; done
COLUMNS=80 LINES=24 expect 0 watch many --once
fits 80
contains out '^  and 6 more$'
[ "$(wc -l <out)" -le 23 ] || fail "watch: $(wc -l <out) lines in a window of 24"

# On a terminal that is resized: each frame is drawn over the last, and q ends it.
rm st/study.json
KEYS=q "$root/tests/tools/terminal.py" 80x24,40x20 "$cream" watch st >typed 2>err || fail "watch on a terminal: $(cat err)"
[ "$(grep -c '^st  study' typed)" -eq 3 ] || fail "frames of watch: $(cat typed)" # in each size, and the last one
[ "$(grep -c '^q: quit$' typed)" -eq 2 ] || fail "frames of watch: $(cat typed)"
# colours VARIABLE: of a frame on a terminal.
if command -v script >/dev/null; then
  COLUMNS=80 script -qec "$cream watch st --once" typed >/dev/null </dev/null
  contains typed $'^\033\\[36m\\*\033\\[0m no-2-teacher'
  NO_COLOR=1 COLUMNS=80 script -qec "$cream watch st --once" typed >/dev/null </dev/null
  contains typed '^\* no-2-teacher'
  lacks typed $'\033'
fi

# Not begun.
mkdir empty begun
: >begun/run.lock
for folder in nowhere empty begun; do
  expect 0 watch "$folder" --once
  [ "$(cat out)" = "$folder  waiting for its first line" ] || fail "watch $folder: $(cat out)"
done
mkdir -p young/arm-1
: >young/run.lock
: >young/arm-1/run.lock
expect 0 watch young --once
contains out '^young  study, stopped, 0 of 1 runs finished$'
contains out '^\* arm  waiting   0/1 runs'

# No folder of a run.
mkdir other unreadable
: >other/file
refuse 2 'other: neither a run folder nor a study; expected the --out of' watch other --once
refuse 2 'other/file: not a folder; expected the --out of' watch other/file --once
refuse 1 'other/file/x: Not a directory' watch other/file/x --once
chmod 0 unreadable
[ -r unreadable ] || refuse 1 'unreadable: Permission denied' watch unreadable --once
chmod 755 unreadable
mkdir -p broken/metrics.jsonl
refuse 1 'cannot read broken/metrics.jsonl' watch broken --once

finish
