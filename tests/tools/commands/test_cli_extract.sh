#!/usr/bin/env bash
# cream extract and cream retrain --inherit: networks with the weights that they have in the supernet of a search.
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh" "$1"

expect 0 search "${small[@]}" --epochs 1 --set heldout=0.6 --set search.board.images=64 \
  --set search.board.size=3 --out run
[ "$failures" -eq 0 ] || finish # a resumed search would otherwise start with the paper's settings
heldout() { grep -o '"heldout": {[^}]*}' "$1/result.json"; }

# The path found: scored as the search scored it, bit for bit, and a folder for the other commands.
expect 0 extract --run run --out found
contains out '^held out    top-1 '
contains out '^next        cream test --run found$'
same run/arch.json found/arch.json
[ "$(heldout run)" = "$(heldout found)" ] || fail "found: $(heldout found), in the search $(heldout run)"
contains found/result.json '"command": "extract"'
contains found/result.json "\"supernet\": \"$work/run\""
contains found/origin.json '"command": "cream extract --run run --out found"'
exists found/split.json found/config.yaml
expect 0 test --run found
contains out '^test +top-1 '
expect 0 export onnx --run found --out found.onnx
exists found.onnx
expect 0 runs .
contains out '^found +extract +finished .* held out '

# The same path by names and by numbers, from --json; other threads give the same bytes.
stages=$(sed -n 's/.*"path": \(.*\),$/\1/p' found/result.json)
expect 0 extract --run run --path "$stages" --threads 1 --out names --json
same out names/result.json
same found/weights.safetensors names/weights.safetensors
expect 0 extract --run run --path '[[0],[3,0],[1,2],[0,1]]' --out numbers
line=$(sed -n 's/^network .*pixels: //p' out)
[ "$line" = "ds3 k5e6-k3e4 k3e6-k5e4 k3e4-k3e6" ] || fail "numbers: $line"
cp numbers/weights.safetensors before.safetensors
expect 0 extract --run run --path "$line" --out numbers --force
same numbers/weights.safetensors before.safetensors

# The best path of the board inside a limit; where there is none, evolution, the same each time.
expect 0 extract --run run --flops "$flops" --out limit
contains err '^extract: 3 paths of the board inside the limit$'
same found/weights.safetensors limit/weights.safetensors
evolution=(--flops 0.261:0.269 --set search.evolution.population=2 --set search.evolution.generations=1
  --set search.evolution.images=32)
expect 0 extract --run run "${evolution[@]}" --out evolved
contains err '^extract: no path of the board is inside the limit; 2 generations of 2 paths are evolved$'
contains out ' 0\.26[0-9]+ M FLOPs '
expect 0 extract --run run "${evolution[@]}" --threads 1 --out evolved2
same evolved/weights.safetensors evolved2/weights.safetensors

# One line each, and nothing is written.
no() {
  local code=$1 pattern=$2
  shift 2
  refuse "$code" "$pattern" extract --out none "$@"
  absent none
}
no 2 '^cream extract: --path: got 2 choices, expected 7, one for each layer of the supernet \(1, 2, 2, 2 by stage\)$' \
  --run run --path '[0,1]'
no 2 'layer 1 of stage 2: got k9e6, expected one of k3e4, k3e6, k5e4, k5e6, or 0 to 3$' \
  --run run --path 'ds3 k3e4-k3e4 k3e6-k9e6 k3e4-k3e4'
no 2 'layer 0 of stage 1: got -1, expected' --run run --path '[[0],[-1,0],[1,2],[0,1]]'
no 2 'layer 0 of stage 1: got 4, expected' --run run --path '[[0],[4,0],[1,2],[0,1]]'
no 2 'no path lies in 0.05:0.1 M; this supernet reaches ' --run run --flops 0.05:0.1
no 2 '--flops: expected MAX or MIN:MAX' --run run --flops 0.25:0.16
no 2 '--flops: expected MAX or MIN:MAX' --run run --flops some
no 2 '--path and --flops both choose' --run run --flops 0.2 --path '[0]'
no 2 'no search: expected --run DIR'
no 1 'nowhere/config.yaml' --run nowhere
no 2 'found has no supernet.safetensors: .* a single network, whose weights are in found/weights' --run found
cp -r run broken
sed -i 's/"ds3"/"ds9"/' broken/board.json
no 3 'broken/board.json: entries\[0\].path: expected a path of the supernet$' --run broken --flops 0.2
refuse 2 'no run folder: expected --out' extract --run run
refuse 2 '--out found already has a network or a run; .*--force' extract --run run --out found
refuse 2 '--out run/ is the folder of the search' extract --run run --out run/ --force

# --inherit: the weights that extract writes; the same bytes after an interruption.
train=(--epochs 1 --batch 64 --threads 1 --set retrain.ema=0 --set retrain.optim=sgd --set retrain.lr.warmup_epochs=0
  --set checkpoint.every_steps=3)
expect 0 retrain --run run --inherit "${train[@]}" --out inherited
contains err "^inherit: the training starts from the network's weights in the supernet of run$"
contains inherited/config.yaml "^inherit: $work/run\$"
contains inherited/result.json "\"supernet\": \"$work/run\""
expect 0 retrain --run found --weights found/weights.safetensors "${train[@]}" --out weights
lacks weights/result.json supernet
same inherited/weights.safetensors weights/weights.safetensors
cp -r inherited resumed
rm resumed/result.json resumed/weights.safetensors resumed/checkpoint-000000008.safetensors
expect 0 retrain --resume --out resumed
contains err '^resume: .*6'
same inherited/weights.safetensors resumed/weights.safetensors
rm resumed/result.json resumed/weights.safetensors resumed/checkpoint-*
expect 0 retrain --resume --inherit --out resumed
contains err '^inherit: '
same inherited/weights.safetensors resumed/weights.safetensors

refuse 2 '--inherit needs --run DIR' retrain --inherit --arch run/arch.json --data digits --out none
refuse 2 '--inherit and --weights both' retrain --run run --inherit --weights found/weights.safetensors --out none
refuse 2 'found has no supernet' retrain --run found --inherit --out none
refuse 2 'mobilenet-v3-large is no path of the supernet: its depths' retrain --data digits --resolution 32 \
  --arch mobilenet-v3-large --set inherit=run --out none
sed 's/"kernel": 5/"kernel": 7/' numbers/arch.json >other.json
refuse 2 'other.json is no path of the supernet: layer 0 of stage 1 is k5e6' retrain --data digits --arch other.json \
  --set inherit=run --out none
absent none

# A supernet without its weights: from the last checkpoint again, if there is one.
cp run/supernet.safetensors before.safetensors
rm run/supernet.safetensors
no 2 'run has no supernet.safetensors: .*; cream search --resume --out run writes it from the last checkpoint$' --run run
expect 0 search --resume --out run
same run/supernet.safetensors before.safetensors
rm run/supernet.safetensors run/checkpoint-*
no 2 'run has no supernet.safetensors: .* there is no checkpoint to write it from, so run the search again$' --run run
refuse 2 'run has no supernet.safetensors' retrain --run run --inherit --out none
sed -i 's/strategy: cream/strategy: random/' run/config.yaml
no 2 'run: a random search has no supernet; expected the folder of another search$' --run run

finish
