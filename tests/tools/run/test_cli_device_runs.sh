#!/usr/bin/env bash
# Commands on an OpenCL device: the same answers as the CPU's; batches that its memory has no room for; and a device
# that fails under way.
# shellcheck source=tests/tools/lib.sh
. "$(dirname "$0")/../lib.sh"
small+=(--epochs 1)
long=(--epochs 1 --batch 32 --threads 1 --set retrain.eval_every=0)
images=$root/tests/golden/images

# All commands that compute take a device.
expect 0 search "${small[@]}" --out plain
expect 0 retrain --run plain "${long[@]}" --out trained
export CREAM_OPENCL_MODULE=/nonexistent
refuse 1 'use --device cpu$' search "${small[@]}" --device opencl --out none
refuse 1 'use --device cpu$' retrain --run plain "${long[@]}" --device opencl --out none
refuse 1 'use --device cpu$' test --run trained --device opencl
refuse 1 'use --device cpu$' predict --run trained --device opencl "$images/grey8.png"
refuse 1 'use --device cpu$' latency build --space micro --device opencl --out none
cp -r plain unranked
expect 1 rank --run unranked --paths 2 --epochs 1 --device opencl
contains err 'use --device cpu'
absent none unranked/rank.json
unset CREAM_OPENCL_MODULE

keep_pocl_cache
need_device

# near KEY FILE FILE TOLERANCE: all numbers of that key in two JSON documents.
near() {
  python3 - "$@" <<'PYTHON' || fail "$1 differs in $2 and $3"
import json, sys
def numbers(node, key, inside=False):
    if isinstance(node, dict):
        return [n for k, v in node.items() for n in numbers(v, key, inside or k == key)]
    if isinstance(node, list):
        return [n for v in node for n in numbers(v, key, inside)]
    return [node] if inside and isinstance(node, (int, float)) else []
key, tolerance = sys.argv[1], float(sys.argv[4])
a, b = (numbers(json.load(open(name)), key) for name in sys.argv[2:4])
sys.exit(not (a and len(a) == len(b) and all(abs(x - y) <= tolerance * max(1, abs(x)) for x, y in zip(a, b))))
PYTHON
}

expect 0 test --run trained --json
cp out cpu.json
expect 0 test --run trained --device opencl --json
contains err '^device +[^ ]'
near loss cpu.json out 1e-4
expect 0 predict --run trained --json "$images"/{grey8.png,rgb-444.jpg}
cp out cpu.json
expect 0 predict --run trained --device opencl --json "$images"/{grey8.png,rgb-444.jpg}
contains err '^device +[^ ]'
near logits cpu.json out 1e-4
cp -r plain ranked
expect 0 rank --run ranked --paths 2 --epochs 1 --batch 64 --set rank.recalibrate=2 --device opencl
contains err '^device +[^ ]'
exists ranked/rank.json

# Extraction, and a training with inherited weights, a frozen part and a teacher.
tuned=(retrain --run plain --inherit --teacher trained --resolution 16 --epochs 1 --batch 32 --threads 1
  --set heldout=0.9 --set retrain.freeze=blocks.1 --set retrain.lr.lr=0.1 --set retrain.lr.warmup_epochs=0
  --set retrain.ema=0)
for device in cpu opencl; do
  expect 0 extract --run plain --batch 64 --device $device --out $device-extracted
  expect 0 "${tuned[@]}" --device $device --out $device-tuned
done
contains err '^device +[^ ]'
near heldout cpu-extracted/result.json opencl-extracted/result.json 1e-4
near test cpu-tuned/result.json opencl-tuned/result.json 1e-3

# ---- memory --------------------------------------------------------------------------------------------------

with_memory() { CREAM_OPENCL_MEMORY=$1 "${@:2}"; }

# A search is refused, with the largest batch that fits: with that one it would go.
with_memory 8 refuse 1 '^cream search: search.batch: a batch of 64 needs about [0-9.]+ GB of the device.s memory' \
  search "${small[@]}" --device opencl --out none
fits=$(grep -oE '[0-9]+ is the largest' err | cut -d' ' -f1)
[[ "${fits:-0}" -gt 1 && "$fits" -lt 64 ]] || fail "the largest batch is ${fits:-none}"
with_memory 8 refuse 1 ' a batch of [0-9]+ needs ' search "${small[@]}" --batch $((fits + 1)) --device opencl --out none
with_memory 8 expect 0 search "${small[@]}" --batch "$fits" --device opencl --out fitting
with_memory 1 refuse 1 'no batch is small enough' search "${small[@]}" --device opencl --out none
absent none

# The largest buffer of the device has a limit of its own.
CREAM_OPENCL_BUFFER=6 refuse 1 \
  'search.batch: a batch of 512 needs a buffer of [0-9.]+ GB and the device allows 0.01 GB for one; [0-9]+ is the largest' \
  search "${small[@]}" --batch 512 --device opencl --out none
absent none

# A retraining accumulates smaller batches, as if that had been asked for.
with_memory 3 expect 0 retrain --run plain "${long[@]}" --batch 120 --device opencl --out small
contains err '^retrain.batch: a batch of 120 needs about .* of the device.s memory .*; so [0-9]+ batches of'
times=$(grep -oE 'so [0-9]+ batches' err | grep -oE '[0-9]+')
part=$(grep -oE 'batches of [0-9]+' err | grep -oE '[0-9]+')
[[ $((times * part)) -eq 120 && "$times" -gt 1 ]] || fail "$times batches of $part in place of one of 120"
expect 0 retrain --run plain "${long[@]}" --batch "$part" --set retrain.accumulate="$times" --device opencl --out asked
lacks err 'are accumulated'
same small/weights.safetensors asked/weights.safetensors
with_memory 1 refuse 1 '^cream retrain: .*no batch is small enough' retrain --run plain "${long[@]}" \
  --device opencl --out none
absent none

# With auto the CPU takes over, and says so.
export CREAM_DEVICE_UNMEASURED=1
with_memory 1 expect 0 search "${small[@]}" --device auto --out auto
contains err '^device auto: the CPU is used: this run needs about .* of the device.s memory'
same auto/arch.json plain/arch.json
same auto/supernet.safetensors plain/supernet.safetensors
with_memory 1 expect 0 retrain --run plain "${long[@]}" --device auto --out auto --force
contains err '^device auto: the CPU is used: this run needs about .* of the device.s memory'
same auto/weights.safetensors trained/weights.safetensors

# ---- failures --------------------------------------------------------------------------------------------------

# fails FAULT PATTERN: a retraining on the device ends with one line that matches; on auto it resumes on the CPU,
# from its last checkpoint, to as many steps as if nothing had happened.
fails() {
  CREAM_OPENCL_FAULT=$1 expect 1 retrain --run plain "${long[@]}" --set checkpoint.every_steps=10 --device opencl \
    --out failing --force
  contains err "^cream retrain: the device .* $2"
  [ "$(grep -c '^cream retrain' err)" -eq 1 ] || fail "$1: more than one line about the failure"
  CREAM_OPENCL_FAULT=$1 expect 0 retrain --run plain "${long[@]}" --set checkpoint.every_steps=10 --device auto \
    --out failing --force
  contains err "^cream retrain: the device .* $2"
  contains err '^device auto: the run resumes on the CPU$'
  contains err "$3"
  near steps failing/result.json trained/result.json 0
}
fails wait:30:-36 'no longer answers .*--resume' '^resume: continuing from checkpoint-0000000[1-3]0'
fails launch:3000:-5:2 'ran out of memory or was lost .*--resume' '^resume: '

# Memory that is refused before a training has begun.
CREAM_OPENCL_FAULT=alloc:20:-4:1000 expect 1 search "${small[@]}" --device opencl --out none
contains err '^cream search: the device .* has no .* GB left for tensors'
absent none
for command in "search ${small[*]}" "retrain --run plain ${long[*]}"; do
  # shellcheck disable=SC2086
  CREAM_OPENCL_FAULT=alloc:20:-4:1000 expect 0 $command --device auto --out auto --force
  contains err '^device auto: the CPU is used: the device .* has no .* GB left for tensors'
done
same auto/weights.safetensors trained/weights.safetensors

# A run that was ended on a device is resumed elsewhere.
CREAM_OPENCL_FAULT=wait:30:-36 expect 1 retrain --run plain "${long[@]}" --set checkpoint.every_steps=10 \
  --device opencl --out failing --force
expect 0 retrain --resume --device cpu --out failing
contains err '^resume: continuing from checkpoint-'
near steps failing/result.json trained/result.json 0
finish
