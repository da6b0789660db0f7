#!/usr/bin/env bash
# Exported models against ONNX Runtime and ONNX's own checker: test_cli_onnx.sh CREAM HELPER RANDOM_WEIGHTS.
# CREAM_ONNX_PYTHON may name a Python that has onnx and onnxruntime; else they are installed beside cream.
random_weights=$(realpath "$3")
# shellcheck source=tests/tools/lib.sh
. "$(dirname "$0")/../lib.sh" "$1"

find_onnx || exit 77

# Activations that the built-in spaces do not have, and a head without features.
cat >acts.yaml <<'TEXT'
name: acts
defaults: {act: hard-swish, se: 0.25, se_act: relu, se_gate: sigmoid}
ops:
  ds3: {block: separable, kernel: 3, act: relu, se_act: swish}
  one: {block: mbconv, kernel: 5, expand: 3, dilation: 2}
  two: {block: mbconv, kernel: 3, expand: 2, se: 0}
  three: {block: bottleneck, kernel: 3, expand: 0.5, act: sigmoid}
  four: {block: mbconv, kernel: 7, expand: 1, act: hard-sigmoid, se_gate: swish}
  five: {block: mbconv, kernel: 3, expand: 2, act: relu6, se_act: relu6}
  skip: {block: skip}
stem: {channels: 8, kernel: 5, stride: 2, act: relu}
stages:
  - {channels: 8, stride: 1, depth: [1], choices: [ds3]}
  - {channels: 16, stride: 2, depth: [4, 6], choices: [one, two, three, four, five, skip]}
  - {channels: 24, stride: 1, depth: [4, 6], choices: [one, two, three, four, five, skip]}
head: {channels: 32, features: 0, classes: 10}
resolution: {min: 32, max: 64, step: 16, scale_at: 32, scale_flops: 5}
TEXT

# The same with TensorFlow's padding, of even and odd sides, and its epsilon.
sed 's/^name: acts/name: same\npadding: same\nbn_eps: 0.001/; s/step: 16/step: 1/' acts.yaml >same.yaml

networks=(acts.yaml 1 48 acts.yaml 2 32 same.yaml 1 48 same.yaml 2 35)
for seed in 1 2 3; do networks+=(micro "$seed" 0); done
for seed in 1 2 3; do networks+=(cream "$seed" 0 cream-hard "$seed" 0); done
for file in "$root"/io/config/archs/*.json; do
  case $file in *efficientnet-b[1-9]* | *lite[1-9]*) continue ;; esac # wider and deeper, without anything new
  networks+=("$(basename "$file" .json)" 1 32)
done
"$python" "$root/tests/tools/check_onnx.py" "$cream" "$random_weights" "${networks[@]}" ||
  fail "models differ from what predict says"

# A built-in network by its name takes its number of classes from the weights.
mkdir named
"$random_weights" cream-14 2 0 named || fail "random_weights"
expect 0 export onnx --arch cream-14 --weights named/weights.safetensors --out named.onnx
contains out 'named.onnx: ONNX opset 17, input \[batch,3,64,64\], logits \[batch,1000\]'
cp named.onnx before.onnx
expect 0 export onnx --arch named/arch.json --weights named/weights.safetensors --out named.onnx
same named.onnx before.onnx

# The example of the docs prints what predict does.
if "$python" -c 'import PIL' 2>/dev/null; then
  # shellcheck disable=SC2016
  sed -n '/^```python$/,/^```$/p' "$root/docs/export.md" | sed '/^```/d' >classify.py
  mkdir path
  "$random_weights" micro 3 32 path || fail "random_weights"
  network=(--arch path/arch.json --weights path/weights.safetensors)
  expect 0 export onnx "${network[@]}"
  inputs=("$root"/tests/golden/images/large.jpg "$root"/tests/golden/images/{rgb8,palette8,grey8}.png)
  "$python" classify.py net.onnx "${inputs[@]}" >theirs || fail "the example of docs/export.md"
  expect 0 predict --top 1 "${network[@]}" "${inputs[@]}"
  same out theirs
fi

# The comparison of speed runs the network that cream serves, in float and in 8 bits, and its logits are the same. OpenVINO
# takes part where that Python has it.
"$root/tools/bench/bench_onnx" --cream "$cream" --python "$python" --arch cream-14 --resolution 32 --batch 2 --int8 \
  --rounds 1 --warmup 0 --json >out || fail "bench_onnx"
"$python" - <<'PYTHON' || fail "bench_onnx --json"
import json
r = json.load(open('out'))
assert [(x['batch'], x['threads']) for x in r['results']] == [(2, 1)]
for x in r['results']:
    sides = x['sides']
    assert {'cream', 'onnxruntime', 'onnxruntime-int8'} <= set(sides) and set(x['skipped']) <= {'openvino', 'openvino-int8'}
    assert all(side['difference'] < (0.3 if 'int8' in name else 1e-4) for name, side in sides.items() if name != 'cream')
    assert abs(x['speedup'] - sides[x['best']]['median'] / sides['cream']['median']) < 1e-9
PYTHON

# Nothing is written, or what was there stays, when something is wrong.
refuse 2 'expected a format' export --arch cream-14 --weights named/weights.safetensors
refuse 2 'expected a format' export torch --arch cream-14 --weights named/weights.safetensors
refuse 2 'no weights' export onnx --arch cream-14 --out no.onnx
refuse 2 'no network' export onnx --weights named/weights.safetensors --out no.onnx
refuse 3 'does not match the network' export onnx --arch cream-43 --weights named/weights.safetensors --out named.onnx
refuse 1 'absent/no.onnx' export onnx --arch cream-14 --weights named/weights.safetensors --out absent/no.onnx
absent no.onnx
same named.onnx before.onnx
finish
