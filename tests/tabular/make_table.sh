#!/usr/bin/env bash
# Trains every network of space.yaml to the end on the digits, with three seeds, and writes their
# accuracies to digits.json. Takes minutes on two cores; needed after a change of the space or the recipe only.
# Usage: make_table.sh CREAM
set -euo pipefail
cream=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMP_WAIT_POLICY=passive

seeds=(1 2 3)
for seed in "${seeds[@]}"; do
  # The supernet is hardly trained: only the paths that the ranking trains from scratch are used.
  "$cream" search --data digits --space "$here/space.yaml" --seed "$seed" --epochs 1 --batch 32 \
    --set search.strategy=spos --set search.evolution.population=2 --set search.evolution.generations=0 \
    --out "$work/$seed" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
  "$cream" rank --run "$work/$seed" --set rank.paths=64 --set rank.epochs=24 --set rank.batch=32 \
    --set retrain.optim=sgd --set retrain.lr.lr=3.2 --set retrain.lr.schedule=cosine \
    --set retrain.lr.warmup_epochs=1 --set retrain.lr.warmup_lr=0 --set retrain.weight_decay=1e-4 \
    --set retrain.dropout=0 >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
done
python3 - "$work" "${seeds[@]}" >"$here/digits.json" <<'PY'
import json, sys
folder, seeds = sys.argv[1], sys.argv[2:]
tables = []
for seed in seeds:
    ranking = json.load(open(f'{folder}/{seed}/rank.json'))
    table = {tuple(path['choices'][1:]): path['test']['top1'] for path in ranking['paths']}
    assert len(table) == 64
    tables.append(table)
print('{\n  "format": "cream-tabular", "version": 1,')
print('  "data": "digits", "space": "space.yaml", "epochs": 24,')
print('  "seeds": [%s],' % ', '.join(seeds))
print('  "note": "test accuracy by seed; network a + 4*b + 16*c has choices a, b, c of the three layers",')
print('  "accuracy": [')
rows = []
for table in tables:
    values = ['%.5f' % table[i % 4, i // 4 % 4, i // 16] for i in range(64)]
    lines = [', '.join(values[i:i + 8]) for i in range(0, 64, 8)]
    rows.append('    [' + ',\n     '.join(lines) + ']')
print(',\n'.join(rows) + '\n  ]\n}')
PY
