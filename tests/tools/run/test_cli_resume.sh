#!/usr/bin/env bash
# --resume: what it reads, refuses and skips; locks; loss that explodes; cream runs;
# TensorBoard's own reader.
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh" "$1"

small=(search --data digits --space "$space" --flops "$flops" --epochs 2 --batch 64 --threads 1 --seed 5
  --set search.recalibrate=2 --set search.board.images=32 --set search.board.size=4 --set search.start_epoch=1)
often=(--set checkpoint.every_steps=5 --set checkpoint.every_minutes=0)

last() { find "$1" -name 'checkpoint-*.safetensors' | sort | tail -n 1; }

expect 0 "${small[@]}" --out plain
exists plain/summary.csv plain/events.out.tfevents.0.cream
[ "$(find plain -name 'checkpoint-*' | wc -l)" -eq 1 ] || fail "expected one checkpoint, of the end"

# A run that is stopped (SIGTERM) writes a checkpoint and is resumed from it, with the settings of its folder.
"$cream" "${small[@]}" "${often[@]}" --out stopped >running 2>&1 </dev/null &
pid=$!
for _ in $(seq 1000); do
  [ "$(grep -c '"step"' stopped/metrics.jsonl 2>/dev/null)" -gt 3 ] 2>/dev/null && break
  sleep 0.02
done
kill -STOP "$pid" # it is at work until the next lines are done
refuse 2 'run folder stopped is in use by another run' "${small[@]}" --out stopped --force
expect 0 runs .
contains out '^stopped +search +running'
kill -TERM "$pid"
kill -CONT "$pid"
got=0
wait "$pid" || got=$?
[ "$got" -eq 130 ] || fail "exit code $got after SIGTERM, expected 130"
exists "$(last stopped)"
expect 0 runs . --json
contains out '"name":.*"stopped".*"state":.*"interrupted".*"checkpoint"'
refuse 2 'is not empty .*--resume' "${small[@]}" --out stopped
step=$(last stopped | sed 's/.*-0*\([0-9]*\)\..*/\1/')
for change in "seed=6" "search.lr.lr=0.1" "heldout=0.2"; do
  refuse 2 "--resume: ${change%=*} is ${change#*=}, but the run in stopped has" \
    search --out stopped --resume --set "$change"
done
refuse 2 'it is a checkpoint of cream search; expected one of cream retrain' retrain --arch plain/arch.json --out stopped --resume
expect 0 search --out stopped --resume --threads 2
contains err "^resume: continuing from checkpoint-0*$step.safetensors in stopped"
for file in supernet.safetensors board.json arch.json; do same "plain/$file" "stopped/$file"; done
# Time continues too, and is counted once.
"${CREAM_PYTHON:-python3}" - stopped <<'PY' || fail "the seconds of a resumed run"
import json, sys
lines = [json.loads(line)["seconds"] for line in open(f"{sys.argv[1]}/metrics.jsonl")]
assert lines == sorted(lines), "they go back"
result = json.load(open(f"{sys.argv[1]}/result.json"))
assert lines[-1] <= result["seconds"] < lines[-1] + 60
assert result["images_per_second"] > 0
PY
refuse 2 'seed is 6' search --out stopped --resume --seed 6
exists stopped/result.json
expect 0 runs .
contains out '^stopped +search +finished +[0-9]+/[0-9]+ +100 %'

# A finished retraining is trained further, not back.
expect 0 retrain --arch plain/arch.json --data digits --epochs 1 --batch 128 --threads 1 --out further
expect 0 retrain --resume --epochs 2 --out further
contains err '^resume: 2 epochs in place of 1; '
contains further/result.json '"steps": 20'
contains further/metrics.jsonl '"kind": "start".*"steps": 20'
expect 0 runs .
contains out '^further +retrain +finished +20/20 +100 %'
refuse 2 'retrain.epochs is 1, but the run in further has 2' retrain --resume --epochs 1 --out further
# So is a finished search: in one go or in two, its teacher from the same epoch on.
expect 0 search --resume --epochs 4 --out stopped --set checkpoint.every_steps=5 --set checkpoint.keep=4
contains err '^resume: 4 epochs in place of 2; the learning rate follows the schedule of 4'
contains stopped/result.json '"steps": 80'
contains stopped/metrics.jsonl '"kind": "start".*"steps": 80'
cp -r stopped parts
rm parts/result.json parts/checkpoint-000000075.safetensors parts/checkpoint-000000080.safetensors
expect 0 search --resume --out parts
contains err 'continuing from checkpoint-000000070'
lacks err 'in place of'
for file in supernet.safetensors board.json arch.json; do same "parts/$file" "stopped/$file"; done
refuse 2 'search.epochs is 2, but the run in stopped has 4' search --resume --epochs 2 --out stopped
exists stopped/result.json
# Without a start_epoch of its own, it is a sixth of the first epochs.
expect 0 "${small[@]}" --set search.start_epoch=-1 --epochs 1 --out sixth
expect 0 search --resume --epochs 6 --time-budget 0.0001 --out sixth
contains sixth/config.yaml 'start_epoch: 0$'
# A random search divides its epochs among its paths.
expect 0 "${small[@]}" --epochs 1 --set search.strategy=random --set search.random.paths=2 --out random
refuse 2 'search.epochs is 2, but the run in random has 1, which a random search has divided' search --resume --epochs 2 --out random
exists random/result.json

# Broken checkpoints are skipped and reported.
expect 0 "${small[@]}" "${often[@]}" --out broken
rm broken/result.json
truncate -s -100 "$(last broken)"
expect 0 search --out broken --resume
contains err '^resume: skipped a broken checkpoint: .*checksum|truncated|after the last'
contains err '^resume: continuing from'
for file in supernet.safetensors board.json arch.json; do same "plain/$file" "broken/$file"; done

# Without a checkpoint it begins.
expect 0 "${small[@]}" --out fresh --resume
contains err '^resume: no checkpoint in fresh, starting from the beginning'
same plain/supernet.safetensors fresh/supernet.safetensors

# Loss that explodes.
wild=(retrain --data digits --arch plain/arch.json --epochs 1 --batch 32 --threads 1
  --set retrain.optim=sgd --set retrain.lr.lr=100 --set retrain.weight_decay=1 --set retrain.momentum=0.99
  --set retrain.lr.warmup_epochs=1 --set retrain.ema=0 --set checkpoint.every_steps=4)
refuse 1 'step [0-9]+: the loss is .* on path ds3 .*; lower retrain.lr.lr .*--on-nan rollback' \
  "${wild[@]}" --out wild
exists "$(last wild)"
"$cream" "${wild[@]}" --out rolled --on-nan rollback >out 2>err </dev/null
contains rolled/metrics.jsonl '"note".*went back to step [0-9]+ and halved the learning rate \(1 of at most'

# A disk that is full (here: a limit on the size of a file) is one line, and the checkpoints stay.
expect 0 "${small[@]}" --out full --set checkpoint.every_steps=8
# A folder that is gone.
"$cream" "${small[@]}" "${often[@]}" --out gone >out 2>err </dev/null &
pid=$!
for _ in $(seq 1000); do
  [ -n "$(last gone 2>/dev/null)" ] && break
  sleep 0.02
done
mv gone elsewhere # at once: rm would race with the next checkpoint
got=0
wait "$pid" || got=$?
[ "$got" -eq 1 ] || fail "exit code $got where the folder is gone, expected 1"
contains err '^cream search: cannot write gone/.*: No such file or directory'

before=$(find full -name 'checkpoint-*' -exec sha256sum {} + | sort)
rm full/result.json
got=0
(
  trap '' XFSZ
  ulimit -f 1000
  "$cream" "${small[@]}" --out limited --set checkpoint.every_steps=8 >out 2>err </dev/null
) || got=$?
[ "$got" -eq 1 ] || fail "exit code $got where a checkpoint could not be written, expected 1"
contains err '^cream search: cannot write limited/checkpoint-.*: File too large'
[ -z "$(find limited -name 'checkpoint-*')" ] || fail "a part of a checkpoint is left"
[ "$before" = "$(find full -name 'checkpoint-*' -exec sha256sum {} + | sort)" ] || fail "checkpoints changed"

refuse 1 'cannot read folder nowhere' runs nowhere
refuse 2 'no folder' runs

[ "$failures" -eq 0 ] || finish
python=${CREAM_PYTHON:-python3}
if ! "$python" -c 'import tensorboard' 2>/dev/null; then
  echo "$python has no tensorboard: its reader was not asked"
  exit 77
fi
"$python" - plain stopped <<'PY' || fail "TensorBoard's reader"
import json, math, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
for folder in sys.argv[1:]:
    events = EventAccumulator(folder)
    events.Reload()
    lines = [json.loads(line) for line in open(folder + '/metrics.jsonl')]
    steps = {l['step']: l for l in lines if l['kind'] == 'step' and l['step'] % 10 == 0}
    assert steps
    for tag, key in (('train/loss', 'loss'), ('train/learning_rate', 'lr'), ('train/accuracy', 'accuracy')):
        scalars = events.Scalars(tag)
        assert [s.step for s in scalars] == sorted(steps), (folder, tag)
        assert all(math.isclose(s.value, steps[s.step][key], rel_tol=1e-6) for s in scalars), (folder, tag)
    assert len(events.Scalars('board/best')) == 2
PY

finish
