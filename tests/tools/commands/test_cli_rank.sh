#!/usr/bin/env bash
# Rankings: the same bytes for any number of processes and threads, with a kill and without, and for paths added
# later; and what a ranking cannot be made of.
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh" "$1"

expect 0 search "${small[@]}" --epochs 1 --set heldout=0.6 --set search.board.images=64 --set search.board.size=3 --out run
for copy in jobs killed more stopped; do cp -r run "$copy"; done

rank=(rank --paths 4 --epochs 1 --batch 64 --set rank.recalibrate=2 --set rank.resamples=200
  --set retrain.optim=sgd --set retrain.lr.lr=3.2 --set retrain.lr.warmup_epochs=0)
trains() { contains err "^4 paths, $1 to be scored by the supernet, $2 to be trained"; }

expect 0 "${rank[@]}" --run run --jobs 1 --threads 1
trains 4 4
exists run/rank.json run/rank-supernet.jsonl run/rank-trained.jsonl
contains out "^accuracies, held out +4 "
contains out "^FLOPs alone, held-out accuracy +4 "
contains out "^synflow, held-out accuracy +4 "
contains out "over the supernet's"
[ "$(wc -l <run/rank-trained.jsonl)" -eq 5 ] || fail "rank-trained.jsonl: expected 4 paths after its first line"
contains run/rank.json '"best": 4, "by": "supernet", "measure": "top1", "split": "test", "tau": \{"value": '

[ "$(grep -c '"proxies": {"synflow": [0-9.e+]*, "jacob_cov": -[0-9.]*, "grad_norm": [0-9.]*}' run/rank.json)" -eq 4 ] ||
  fail "rank.json: expected the proxies of 4 paths"
contains run/rank.json '"by": "grad_norm"'

# A ranking that was begun without proxies gets them, and nothing is trained again.
cp -r run later
sed -i '2,$s/, "proxies": {[^}]*}//' later/rank-supernet.jsonl
expect 0 "${rank[@]}" --run later --set rank.proxies=synflow
trains 4 0
lacks later/rank.json 'grad_norm'
contains out "^synflow, held-out accuracy +4 "
lacks out "^jacob_cov"
expect 0 "${rank[@]}" --run later --proxies none
trains 0 0
lacks later/rank.json 'synflow'
refuse 2 'rank.proxies: got .flow., expected all, none, synflow, jacob_cov, grad_norm, or several with commas' "${rank[@]}" \
  --run later --proxies synflow,flow

# As many processes as there are paths, and more threads than those.
expect 0 "${rank[@]}" --run jobs --jobs 3 --threads 8
same run/rank.json jobs/rank.json

# Nothing is left to do, but the answer is given again.
cp run/rank.json before.json
expect 0 "${rank[@]}" --run run --json
trains 0 0
same run/rank.json before.json
same run/rank.json out

# On a terminal no line is wider than it; elsewhere lines are whole.
if command -v script >/dev/null; then
  for columns in 80 40; do
    COLUMNS=$columns LC_ALL=C.UTF-8 TERM=xterm script -qec "$cream ${rank[*]} --run run 2>/dev/null" typed >/dev/null </dev/null ||
      fail "rank on a terminal of $columns columns"
    sed '/^Script /d; s/\r$//' typed >lines
    COLUMNS=$columns python3 -c 'import os
for line in open("lines", encoding="utf-8"): assert len(line.rstrip("\n")) < int(os.environ["COLUMNS"]), line' ||
      fail "rank: a line is wider than $columns columns"
    contains lines '^  1 .*…$'
    contains lines '^accuracies, held.* 4 +-?[0-9.]+'
  done
fi
expect 0 "${rank[@]}" --run run
contains out '^  1 +[0-9.]+ % +[0-9.]+ % +[0-9.]+ % +[0-9.]+ +[0-9.]+  ds3 [^…]*$'

# A path whose loss is no number has null there, and stays.
cp -r run exploded
sed -i '2s/"loss": [^,}]*/"loss": null/g' exploded/rank-trained.jsonl
grep -q '"loss": null' exploded/rank-trained.jsonl || fail "rank-trained.jsonl: line 2 has no loss"
expect 0 "${rank[@]}" --run exploded --json
trains 0 0

# Two paths of the four first, then the others.
expect 0 "${rank[@]}" --run more --paths 2
expect 0 "${rank[@]}" --run more
trains 2 2
same run/rank.json more/rank.json

# Killed when the second path is done, in the middle of the third; a line that was not ended does not count.
"$cream" "${rank[@]}" --run killed --jobs 1 --threads 1 >out 2>err </dev/null &
pid=$!
for _ in $(seq 3000); do
  [ -e killed/rank-trained.jsonl ] && [ "$(wc -l <killed/rank-trained.jsonl)" -ge 3 ] && break
  sleep 0.01
done
kill -KILL "$pid"
wait "$pid" 2>/dev/null
absent killed/rank.json
printf '{"path": [0, 1' >>killed/rank-trained.jsonl
for _ in $(seq 100); do # until its worker has ended too
  flock --nonblock killed/run.lock true && break
  sleep 0.1
done
expect 0 "${rank[@]}" --run killed
lacks err ", 4 to be trained"
same run/rank.json killed/rank.json

# SIGTERM: what is done is kept.
rm jobs/rank*
"$cream" "${rank[@]}" --run jobs --jobs 2 --threads 2 >out 2>err </dev/null &
pid=$!
for _ in $(seq 600); do
  [ -e jobs/rank-trained.jsonl ] && break
  sleep 0.02
done
kill -TERM "$pid"
got=0
wait "$pid" || got=$?
[ "$got" -eq 130 ] || fail "SIGTERM: exit code $got, expected 130"
contains err "interrupted; finished work is saved"
expect 0 "${rank[@]}" --run jobs
same run/rank.json jobs/rank.json

# SIGTERM to the process that scores, alone: that ends the ranking too, before anything is trained.
"$cream" "${rank[@]}" --run stopped --jobs 1 --threads 1 --set rank.recalibrate=300 >out 2>err </dev/null &
pid=$!
for _ in $(seq 600); do
  [ -e stopped/rank-supernet.jsonl ] && [ "$(wc -l <stopped/rank-supernet.jsonl)" -ge 2 ] && break
  sleep 0.02
done
kill -TERM "$(grep -ls "^PPid:[[:space:]]*$pid\$" /proc/[0-9]*/status | cut -d/ -f3)"
got=0
wait "$pid" || got=$?
[ "$got" -eq 130 ] || fail "SIGTERM to a process that scores: exit code $got, expected 130"
contains err "interrupted; finished work is saved"
[ "$(wc -l <stopped/rank-trained.jsonl)" -eq 1 ] || fail "paths were trained after the scores were interrupted"
absent stopped/rank.json

# What changes a path's training does not go with what there is; what does not, does.
refuse 2 "rank-trained.jsonl: rank.epochs was 1 in this ranking and is 2 now; .*--force" "${rank[@]}" --run run --epochs 2
refuse 2 "rank-supernet.jsonl: rank.recalibrate was 2 " "${rank[@]}" --run run --set rank.recalibrate=3
cp -r run other
cp jobs/board.json other/ # no part of a ranking
printf 'more' >>other/supernet.safetensors
refuse 2 "the supernet has other weights than when this ranking began" "${rank[@]}" --run other
sed -i '3s/.*/{"path": [99], "heldout": {}}/' run/rank-trained.jsonl
refuse 3 "rank-trained.jsonl:3: expected a path of the supernet" "${rank[@]}" --run run
expect 0 "${rank[@]}" --run run --force
trains 4 4
same run/rank.json before.json

refuse 2 "no run: expected --run DIR" "${rank[@]}"
refuse 1 "nowhere/config.yaml" "${rank[@]}" --run nowhere
mkdir empty && cp run/config.yaml empty/
refuse 2 "empty has no supernet.safetensors: expected the folder of a search" "${rank[@]}" --run empty
refuse 2 "rank.paths.*from 2 to 1000" "${rank[@]}" --run run --paths 1

finish
