#!/usr/bin/env bash
# Tables of trained paths: the same bytes after a kill and in shards; rankings, studies and searches that use one; and
# what is no table.
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh" "$1"

table=(table build --data digits --space "$space" --flops "$flops" --epochs 1 --batch 64 --set heldout=0.6
  --set retrain.optim=sgd --set retrain.lr.lr=3.2 --set retrain.lr.warmup_epochs=0)

expect 0 "${table[@]}" --paths 5 --repeats 2 --jobs 2 --threads 2 --out a
contains err '^5 paths, 7 trainings to be done'
contains err '^path 5 of 5, again: held out '
contains out '^a/table.json: 5 paths, 2 of them trained twice'
contains a/table.json '"format": "cream-table"'
[ "$(grep -c '"again": ' a/table.json)" -eq 2 ] || fail "a/table.json: expected 2 paths that were trained twice"

# Again: nothing is trained. In another folder, with fewer paths first, then more: the same bytes.
expect 0 "${table[@]}" --paths 5 --repeats 2 --out a --json
contains err ' 0 trainings to be done'
same out a/table.json
expect 0 "${table[@]}" --paths 3 --repeats 0 --jobs 1 --threads 1 --out b
expect 0 "${table[@]}" --paths 5 --repeats 2 --out b
contains err ' 4 trainings to be done'
same a/table.json b/table.json

# Two shards at once.
"$cream" "${table[@]}" --paths 5 --repeats 2 --out c --jobs 1 --threads 1 --shard 1/2 >out1 2>err1 </dev/null &
expect 0 "${table[@]}" --paths 5 --repeats 2 --out c --jobs 1 --threads 1 --shard 2/2
wait $! || fail "shard 1/2 failed: $(cat err1)"
same a/table.json c/table.json
absent c/shards

# Other settings do not go with what was trained.
refuse 2 'a/table-trained.jsonl: rank.epochs was 1 in this ranking and is 2 now' "${table[@]}" --paths 5 --epochs 2 --out a
refuse 2 'no folder: expected --out DIR' "${table[@]}" --paths 5

# A ranking by the table trains nothing, and has the truth with itself.
expect 0 search "${small[@]}" --epochs 1 --set heldout=0.6 --set search.board.images=64 --set search.board.size=3 --out run
expect 0 rank --run run --table a/table.json --set rank.recalibrate=2 --set rank.resamples=100
contains err '^5 paths, 5 to be scored by the supernet, 0 to be trained'
contains out '^accuracies, held out +5 .* [0-9.]+ +[0-9.]+$'
contains out '^a second training, held-out accurac. +2 '
contains out '^parameters alone, held-out accura.* +5 '
absent run/rank-trained.jsonl
contains run/rank.json '"by": "again"'
expect 0 rank --run run --table a/table.json --set rank.recalibrate=2 --set rank.resamples=100 --jobs 1 --shard 1/1
sed 's/"choices": \[0/"choices": [7/' a/table.json >wrong.json
refuse 3 'wrong.json: paths\[0\]: expected a path of the supernet' rank --run run --table wrong.json --set rank.recalibrate=2
sed 's/"supernet": "./"supernet": "x/' a/table.json >wrong.json
refuse 2 'wrong.json: a table of another supernet than this one' rank --run run --table wrong.json --set rank.recalibrate=2
refuse 3 'config.yaml: expected a table of version 1' rank --run run --table run/config.yaml
refuse 1 'nothing.json' rank --run run --table nothing.json

# A search prints the regret of its choice, which changes nothing else; and stores its supernet after each epoch.
expect 0 search "${small[@]}" --epochs 1 --set heldout=0.6 --set search.board.images=64 --set search.board.size=3 \
  --set search.oracle=a/table.json --set search.snapshots=1 --out asked
contains out "^oracle      regret .*; -?[0-9.]+ of the supernet's best of 5 paths there"
contains asked/oracle.json '"paths": 5'
same run/arch.json asked/arch.json
same asked/supernet.safetensors asked/supernet-0001.safetensors
expect 0 rank --run asked --snapshot 1 --table a/table.json --set rank.recalibrate=2 --set rank.resamples=100
same run/rank.json asked/rank-0001.json
exists asked/rank-supernet-0001.jsonl
absent asked/rank.json
refuse 2 'snapshot: got 2, but asked has no supernet-0002.safetensors' rank --run asked --snapshot 2 --table a/table.json
refuse 2 'wrong.json: a table of another supernet' search "${small[@]}" --set search.oracle=wrong.json --out refused
absent refused

# A study ranks by the table; the largest path as a teacher is one of its arms.
cat >study.yaml <<END
name: by-table
settings:
  {data: digits, space: $space, flops: "$flops", heldout: 0.6, search: {epochs: 1, batch: 64, start_epoch: 0, recalibrate: 2,
  board: {images: 64, size: 3}}, rank: {recalibrate: 2, resamples: 100}}
table: a/table.json
retrain: false
seeds: [1, 2]
endpoint: {measure: tau, against: none}
arms:
  largest: {search: {teacher: largest}}
  none: {search: {teacher: none}}
END
expect 0 compare study.yaml --out s --threads 2
contains out '^Endpoint: tau, all, compared with none .* The intervals draw seeds and paths again'
contains out '^\| regret \(%\) '
contains out '^\| tau of synflow '
contains out '^\| tau of a second training '
lacks out '^This endpoint was not fixed'
absent s/trained-largest-1.jsonl
sed 's/^retrain:/rank: 4\nretrain:/' study.yaml >both.yaml
refuse 2 'key .rank.: given beside .table.' compare both.yaml --out t

finish
