#!/usr/bin/env bash
# Training from given weights with a frozen part: what changes, other classes and resolutions, resuming, refusals.
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh" "$1"

# changed A B PATTERN: exactly the tensors whose names match the pattern differ.
changed() {
  command -v python3 >/dev/null || return 0
  python3 - "$@" <<'PYTHON' || fail "$1 and $2: other tensors than $3 differ"
import json, re, sys
def tensors(name):
    data = open(name, 'rb').read()
    start = 8 + int.from_bytes(data[:8], 'little')
    header = json.loads(data[8:start])
    return {k: data[start + v['data_offsets'][0]:start + v['data_offsets'][1]]
            for k, v in header.items() if k != '__metadata__'}
a, b = tensors(sys.argv[1]), tensors(sys.argv[2])
wrong = [k for k in a if (a[k] != b[k]) != bool(re.match(sys.argv[3], k))]
if wrong:
    sys.exit(', '.join(wrong[:5]))
PYTHON
}

micro=(--data digits --batch 32 --threads 1 --set heldout=0.9) # a tenth of the images
expect 0 search "${small[@]}" --epochs 1 --set heldout=0.9 --set search.recalibrate=1 --out found
expect 0 retrain --arch found/arch.json "${micro[@]}" --epochs 1 --set retrain.ema=0 --out base
tune=(retrain --arch found/arch.json "${micro[@]}" --weights base/weights.safetensors --epochs 2 --set retrain.ema=0.8
  --set retrain.lr.warmup_epochs=0 --set retrain.eval_every=0)
# Weights with a normalisation of their own.
expect 0 convert base/weights.safetensors other.safetensors --arch found/arch.json --mean 0.5 --std 0.25
other=("${tune[@]}" --weights other.safetensors --set retrain.freeze=backbone)
expect 0 "${other[@]}" --out head
contains err '^data: images are normalised with the mean and std of other\.safetensors'
contains head/weights.safetensors '"mean": "\[0\.5, 0\.5, 0\.5\]", "std": "\[0\.25, 0\.25, 0\.25\]"'
changed base/weights.safetensors head/weights.safetensors 'classifier\.'
# At another resolution than the weights'.
expect 0 "${tune[@]}" --epochs 1 --resolution 24 --set retrain.freeze=blocks.0 --set retrain.lr.backbone=0.1 --out partly
changed base/weights.safetensors partly/weights.safetensors '(?!conv_stem\.|bn1\.|blocks\.0\.)'

# A training that is continued has the same bytes, also where the file of the weights is gone.
expect 0 "${other[@]}" --epochs 1 --out resumed
rm other.safetensors
expect 0 retrain --resume --epochs 2 --out resumed
same resumed/weights.safetensors head/weights.safetensors

refuse 2 'retrain.freeze: got "blocks.99", expected none, stem, blocks.0 \(1 block\), .*or backbone' \
  "${tune[@]}" --set retrain.freeze=blocks.99 --out none
absent none/weights.safetensors
refuse 3 'base/weights.safetensors.*does not match the network' retrain --arch cream-14 "${micro[@]}" --epochs 1 \
  --weights base/weights.safetensors --set retrain.freeze=backbone --out none
absent none/weights.safetensors
refuse 2 'retrain.freeze: got "backbone" without weights.*--weights FILE' \
  retrain --arch found/arch.json "${micro[@]}" --set retrain.freeze=backbone --out none
absent none/weights.safetensors

finish
