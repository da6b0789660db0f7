#!/usr/bin/env bash
# Shards of a ranking and of a study: the bytes of one process, after a kill too; claims of other machines; settings that
# differ; and what is no shard.
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh" "$1"

alone=(--jobs 1 --threads 1)

# at_once COMMAND...: shards 1/3 to 3/3 at the same time; one of them prints the results, to the file out.
at_once() {
  local i got pids=()
  for i in 1 2 3; do
    "$cream" "$@" --shard "$i/3" "${alone[@]}" >"out$i" 2>"err$i" </dev/null &
    pids+=($!)
  done
  for i in 1 2 3; do
    got=0
    wait "${pids[i - 1]}" || got=$?
    [ "$got" -eq 0 ] || fail "$* --shard $i/3: exit code $got: $(tail -n 1 "err$i")"
  done
  [ "$(find out1 out2 out3 -size +0 | wc -l)" -eq 1 ] || fail "$*: results were not printed by one shard"
  cat out1 out2 out3 >out
}

# killed_after FILE COMMAND...: kill -9 when the file exists.
killed_after() {
  local file=$1 pid
  shift
  "$cream" "$@" "${alone[@]}" >out 2>err </dev/null &
  pid=$!
  for _ in $(seq 900); do
    [ -e "$file" ] && break
    sleep 0.02
  done
  [ -e "$file" ] || fail "$*: $file did not come"
  kill -KILL "$pid"
  wait "$pid" 2>/dev/null
}

# ---- a ranking

expect 0 search "${small[@]}" --epochs 1 --set heldout=0.6 --set search.board.images=64 --set search.board.size=3 --out run
for copy in three killed foreign; do cp -r run "$copy"; done
rank=(rank --paths 5 --epochs 1 --batch 64 --set rank.recalibrate=2 --set rank.resamples=200
  --set retrain.optim=sgd --set retrain.lr.lr=3.2 --set retrain.lr.warmup_epochs=0)

expect 0 "${rank[@]}" --run run "${alone[@]}"
cp out table
at_once "${rank[@]}" --run three
same out table
same run/rank.json three/rank.json
# Their first lines have the settings, with the folder's name.
for file in rank-trained.jsonl rank-supernet.jsonl; do
  cmp -s <(sed "1s/run/three/g" "run/$file") <(sed "1s/run/three/g" "three/$file") || fail "three/$file: other bytes than run/$file"
done
absent three/shards

# The shard that is started again takes over the path that the killed one was at.
killed_after killed/shards/trained-0002.json "${rank[@]}" --run killed --shard 1/2
absent killed/rank.json
expect 0 "${rank[@]}" --run killed --shard 1/2 "${alone[@]}"
contains err "^shard 1/2: 5 paths, [234] of them trained already"
lacks err "^path [12] of 5"
same run/rank.json killed/rank.json
absent killed/shards

# Another machine has taken the third path: the others are finished, and that one is left to it while it renews its claim.
mkdir foreign/shards
claim=foreign/shards/train-0003.claim-1
printf '{"format": "cream-claim", "version": 1, "shard": "2/2", "host": "elsewhere", "pid": 7, "boot": "other"}\n' >"$claim"
expect 0 "${rank[@]}" --run foreign --shard 1/2 "${alone[@]}"
contains err "^nothing is left for this shard; others are at work"
[ ! -s out ] || fail "a shard that is not the last one printed results"
absent foreign/rank.json foreign/shards/trained-0003.json
exists foreign/shards/trained-0005.json
refuse 2 "foreign/shards: rank.epochs is 1 for the other shards and 2 here" "${rank[@]}" --run foreign --shard 2/2 --epochs 2
refuse 2 "foreign/shards: rank.paths is 5 for the other shards and 6 here" "${rank[@]}" --run foreign --shard 2/2 --paths 6
refuse 2 "foreign: a shard is at work .elsewhere, process 7.; join it with --shard" "${rank[@]}" --run foreign
expect 0 runs foreign
contains out running
touch -d '2 minutes ago' "$claim"
expect 0 "${rank[@]}" --run foreign --shard 1/2 "${alone[@]}"
absent foreign/rank.json
expect 0 "${rank[@]}" --run foreign --shard 1/2 "${alone[@]}" --take-over
contains err "^path 5 of 5"
same run/rank.json foreign/rank.json

# ---- a study

cat >study.yaml <<'END'
name: small
settings:
  data: digits
  space: micro
  flops: 3:5
  heldout: 0.6
  search: {batch: 64, board: {images: 64, size: 3}, recalibrate: 2}
  retrain: {epochs: 1, batch: 64, optim: sgd, lr: {lr: 3.2, warmup_epochs: 0}, ema: 0}
  rank: {epochs: 1, batch: 64, recalibrate: 2, resamples: 200}
budget: {epochs: 1}
rank: 2
seeds: [1, 2]
arms:
  none: {search: {teacher: none}}
  large: {search: {batch: 1000}}
  spos: {search: {strategy: spos, evolution: {population: 2, generations: 1, parents: 2}}}
END
# What depends on the clock: time and memory; and the failure of an arm, which is an exit code of 1.
without_clock() {
  sed -E '/"key": "(seconds|memory)", "n"/d; s/, "(seconds|memory)": [^,}]*//g' "$1"
}
expect 1 compare study.yaml --out a "${alone[@]}"
killed_after b/none-1/metrics.jsonl compare study.yaml --out b --shard 1/2
absent b/study.json
sed 's/seeds: .*/seeds: [1, 3]/' study.yaml >seeds.yaml
refuse 2 "b/shards: seeds is 1, 2 for the other shards and 1, 3 here" compare seeds.yaml --out b --shard 2/2
sed 's/lr: 3.2/lr: 1.6/' study.yaml >rates.yaml
refuse 2 "b/shards: arms.none.retrain.lr.lr is 3.2 for the other shards and 1.6 here" compare rates.yaml --out b --shard 2/2
for i in 1 2; do
  "$cream" compare study.yaml --out b --shard "$i/2" "${alone[@]}" >"out$i" 2>"err$i" </dev/null &
done
wait
cat err1 err2 >err
contains err "^search of large-1 failed: batch: got 1000"
contains err "2 of 6 runs failed; the reasons are in b/study.json"
for job in 'search of none-1:' 'search of spos-2:' 'rank of spos-1:' 'retrain of none-2:'; do
  [ "$(grep -c "^$job" err)" -eq 1 ] || fail "$job was done $(grep -c "^$job" err) times"
done
contains b/spos-1.log "2 to be scored by the supernet, 0 to be trained"
cmp -s <(without_clock a/study.json) <(without_clock b/study.json) || fail "the study of two shards has other results"
cmp -s <(tail -n +2 a/trained-none-1.jsonl) <(tail -n +2 b/trained-none-1.jsonl) || fail "b/trained-none-1.jsonl: other paths"
absent b/shards

# ---- bad input

for bad in 0/4 5/4 x 1 1/0 -1/4 1/4/2 1/4x ''; do
  refuse 2 "--shard: got '$bad', expected I/N with I from 1 to N" "${rank[@]}" --run run "--shard=$bad"
done
refuse 2 "--take-over needs --shard I/N" "${rank[@]}" --run run --take-over
refuse 2 "--force discards what other shards have finished" "${rank[@]}" --run run --shard 1/2 --force
refuse 2 "no run: expected --run DIR" "${rank[@]}" --shard 1/2
refuse 2 "--shard: got '5/4'" compare study.yaml --out c --shard 5/4
refuse 2 "no folder: expected --out DIR" compare study.yaml --shard 1/4
absent c

finish
