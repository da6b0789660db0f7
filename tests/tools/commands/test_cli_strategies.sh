#!/usr/bin/env bash
# Strategies and budgets: the same bytes from run to run and after a stop; a network for each budget, which
# retrain and test take by its name; what is refused.
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh" "$1"

options=(search --data digits --space "$root/tests/tabular/space.yaml" --epochs 2 --batch 64 --seed 5
  --set search.recalibrate=2 --set search.start_epoch=1 --set search.meta.every=4 --set search.board.images=32
  --set search.board.size=4 --set search.board.buckets=2 --set search.evolution.population=4
  --set search.evolution.generations=1 --set search.random.paths=4)
numbers() { sed 's/, "\(waited\|seconds\)": .*//' "$1/metrics.jsonl"; }

for strategy in cream spos random fair sandwich; do
  expect 0 "${options[@]}" --set search.strategy=$strategy --threads 1 --out $strategy
  exists $strategy/{arch.json,board.json,result.json,supernet.safetensors}
  contains $strategy/metrics.jsonl '"kind": "select"'
  expect 0 "${options[@]}" --set search.strategy=$strategy --threads 2 --out $strategy-again
  for file in arch.json board.json supernet.safetensors; do same $strategy/$file $strategy-again/$file; done
  cmp -s <(numbers $strategy) <(numbers $strategy-again) || fail "$strategy: other numbers with 2 threads"
done

# The report of a strategy without a teacher mentions none.
expect 0 report spos --out spos.html
for text in 'The search has no teacher, by its strategy or its settings' 'meta network updated</th><td>-</td>'; do
  contains spos.html "$text"
done
lacks spos.html "teacher's output|>matching degree<|Search again with --set search.teacher=none"
expect 0 report cream --out cream.html
contains cream.html "teacher&#39;s output"
contains cream.html 'id="matching-degree"'

# A checkpoint in the middle leads to the same end.
for strategy in random sandwich; do
  run=("${options[@]}" --set "search.strategy=$strategy" --threads 1)
  expect 0 "${run[@]}" --set checkpoint.every_steps=13 --set checkpoint.every_minutes=0 --out stopped-$strategy
  rm stopped-$strategy/result.json stopped-$strategy/arch.json
  find stopped-$strategy -name 'checkpoint-*' | sort | tail -n 1 | xargs rm
  expect 0 search --out stopped-$strategy --resume
  contains err '^resume: continuing from checkpoint-'
  for file in arch.json board.json supernet.safetensors; do
    same $strategy/$file stopped-$strategy/$file
  done
done

# Budgets.
for strategy in cream random fair; do
  expect 0 "${options[@]}" --set search.strategy=$strategy --set search.random.paths=3 \
    --budgets 0.01,0.02,0.03 --out several-$strategy
  exists several-$strategy/{arch,board}-0.0{1,2,3}.json
  absent several-$strategy/arch.json several-$strategy/board.json
  contains several-$strategy/result.json '"budget": "0.02"'
  contains out '^budget +0\.03$'
  contains several-$strategy/metrics.jsonl '"board".*"budget": "0.02"'
done
expect 0 profile --arch several-cream/arch-0.02.json --json
# Each board is written after each epoch: here the first is over, and nothing is written at the end.
"$cream" "${options[@]}" --epochs 500 --budgets 0.01,0.02,0.03 --out killed >out 2>err </dev/null &
pid=$!
for _ in $(seq 1000); do
  [ "$(grep -c '"epoch", "phase"' killed/metrics.jsonl 2>/dev/null)" -ge 2 ] 2>/dev/null && break
  sleep 0.02
done
kill -KILL "$pid"
wait "$pid" 2>/dev/null
absent killed/result.json
exists killed/board-0.0{1,2,3}.json
python=${CREAM_PYTHON:-python3}
"$python" - several-*/result.json <<'PY' || fail "a network outside its budget"
import json, sys
for name in sys.argv[1:]:
    for network in json.load(open(name))['budgets']:
        most = float(network['budget']) * 1e6
        assert 0.8 * most <= network['flops'] <= most, (name, network)
PY
refuse 2 'several-cream has networks for several budgets \(0\.01,0\.02,0\.03\); choose one with --budget' \
  retrain --run several-cream --out trained --epochs 1
refuse 2 '\-\-budget 0\.04: the search in several-cream has networks for 0\.01' \
  retrain --run several-cream --budget 0.04 --out trained --epochs 1
refuse 2 '\-\-budget needs --run DIR' retrain --budget 1 --out trained
refuse 2 '\-\-budget 1: the search in cream has no budgets' retrain --run cream --budget 1 --out trained
expect 0 retrain --run several-cream --budget 0.020 --out trained --epochs 1 --batch 64
expect 0 test --run trained
absent trained/arch-0.02.json
"$python" - several-cream/arch-0.02.json trained/arch.json <<'PY' || fail "another network was trained"
import json, sys
a, b = (json.load(open(name)) for name in sys.argv[1:])
assert a['stages'] == b['stages']
PY

refuse 2 'search\.budgets: a FLOPs range is given too' "${options[@]}" --flops 0.01:0.02 --budgets 0.02 --out no
refuse 2 'search\.budgets: got "1;2", expected positive numbers' "${options[@]}" --budgets '1;2' --out no
refuse 2 'search\.budgets: no supernet of space `tabular` has paths for all of the 2 budgets' \
  "${options[@]}" --budgets 0.02,5 --out no
refuse 2 'latency: a limit of 3 ms needs a table' "${options[@]}" --budgets 3ms --out no
absent no

finish
