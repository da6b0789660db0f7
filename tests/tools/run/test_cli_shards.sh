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

# A part of the digits, as an idx data set.
python3 - "$root/io/dataset/data/digits.csv.gz" <<'END'
import gzip, os, struct, sys
rows = [list(map(int, line.split(b","))) for line in gzip.open(sys.argv[1])]
os.makedirs("data")
for part, some in (("train", rows[:200]), ("t10k", rows[200:240])):
    with open(f"data/{part}-images-idx3-ubyte", "wb") as f:
        f.write(struct.pack(">4I", 2051, len(some), 8, 8) + bytes(15 * v for row in some for v in row[:64]))
    with open(f"data/{part}-labels-idx1-ubyte", "wb") as f:
        f.write(struct.pack(">2I", 2049, len(some)) + bytes(row[64] for row in some))
END

# ---- a ranking

expect 0 search --data idx:data --space micro --flops 3:5 --epochs 1 --batch 32 --threads 1 --set search.recalibrate=1 \
  --set heldout=0.3 --set search.board.images=32 --set search.board.size=2 --out run
cp -r run three
rank=(rank --paths 5 --epochs 1 --batch 32 --set rank.recalibrate=1 --set rank.resamples=100 --set retrain.optim=sgd)
claim_of_other() { # FILE: another machine has a job
  printf '{"format": "cream-claim", "version": 1, "shard": "2/2", "host": "elsewhere", "pid": 7, "boot": "other"}\n' >"$1"
}

expect 0 "${rank[@]}" --run run "${alone[@]}"
cp out table

# The shard that is started again takes over the path that the killed one was at; the claim of another machine only sees to
# it that the ranking is not complete before the kill.
mkdir three/shards
claim_of_other three/shards/train-0005.claim-1
killed_after three/shards/trained-0002.json "${rank[@]}" --run three --shard 1/2 "${alone[@]}"
rm three/shards/train-0005.claim-1
absent three/rank.json
at_once "${rank[@]}" --run three
contains err1 "^shard 1/3: 5 paths, [2345] of them trained already"
lacks err1 "^path [12] of 5"
same out table
same run/rank.json three/rank.json
# Their first lines have the settings, with the folder's name.
for file in rank-trained.jsonl rank-supernet.jsonl; do
  cmp -s <(sed "1s/run/three/g" "run/$file") <(sed "1s/run/three/g" "three/$file") || fail "three/$file: other bytes than run/$file"
done
absent three/shards

# Another machine has taken the last path, and keeps it while it renews its claim.
cp -r run foreign
rm foreign/rank.json
sed -i '$d' foreign/rank-trained.jsonl
mkdir foreign/shards
claim=foreign/shards/train-0005.claim-1
claim_of_other "$claim"
expect 0 "${rank[@]}" --run foreign --shard 1/2 "${alone[@]}"
contains err "^shard 1/2: 5 paths, 4 of them trained already"
contains err "^nothing is left for this shard; others are at work"
[ ! -s out ] || fail "a shard that is not the last one printed results"
absent foreign/rank.json
refuse 2 "foreign/shards: rank.batch is 32 for the other shards and 16 here" "${rank[@]}" --run foreign --shard 2/2 --batch 16
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
  data: idx:data
  space: micro
  flops: 3:5
  heldout: 0.3
  search: {batch: 32, board: {images: 32, size: 2}, recalibrate: 1}
  retrain: {epochs: 1, batch: 32, optim: sgd, ema: 0}
  rank: {epochs: 1, batch: 32, recalibrate: 1, resamples: 100}
budget: {epochs: 1}
rank: 2
seeds: [1]
arms:
  none: {search: {teacher: none}}
  large: {search: {batch: 1000}}
  spos: {search: {strategy: spos, evolution: {population: 2, generations: 1, parents: 2}}}
END
# The failure of an arm is an exit code of 1.
expect 1 compare study.yaml --out a "${alone[@]}"
killed_after b/none-1/metrics.jsonl compare study.yaml --out b --shard 1/2 "${alone[@]}"
absent b/study.json
sed 's/seeds: .*/seeds: [1, 3]/' study.yaml >seeds.yaml
refuse 2 "b/shards: seeds is 1 for the other shards and 1, 3 here" compare seeds.yaml --out b --shard 2/2
sed 's/optim: sgd/optim: adam/' study.yaml >optim.yaml
refuse 2 "b/shards: arms.none.retrain.optim is sgd for the other shards and adam here" compare optim.yaml --out b --shard 2/2
for i in 1 2; do
  "$cream" compare study.yaml --out b --shard "$i/2" "${alone[@]}" >"out$i" 2>"err$i" </dev/null &
done
wait
cat err1 err2 >err
contains err "^search of large-1 failed: batch: got 1000"
contains err "1 of 3 runs failed; the reasons are in b/study.json"
for job in 'search of none-1:' 'search of spos-1:' 'rank of spos-1:' 'retrain of none-1:'; do
  [ "$(grep -c "^$job" err)" -eq 1 ] || fail "$job was done $(grep -c "^$job" err) times"
done
contains b/spos-1.log "2 to be scored by the supernet, 0 to be trained"
cmp -s <(study_without_clock a/study.json) <(study_without_clock b/study.json) || fail "the study of two shards has other results"
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
# The processes of a launcher are shards.
OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_RANK=0 refuse 2 "--force discards what other shards have finished" compare study.yaml \
  --out c --force
absent c

finish
