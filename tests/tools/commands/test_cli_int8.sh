#!/usr/bin/env bash
# cream export onnx --int8 and cream test --int8: test_cli_int8.sh CREAM HELPER RANDOM_WEIGHTS IMAGE_PIXELS. The last part,
# against ONNX Runtime, is skipped where it cannot be had (find_onnx in lib.sh).
random_weights=$(realpath "$3")
image_pixels=$(realpath "$4")
# shellcheck source=tests/tools/lib.sh
. "$(dirname "$0")/../lib.sh" "$1"

# Every op of networks in 8 bits: activations by table and by saturation, squeeze-excite, sums.
cat >tiny.yaml <<'TEXT'
name: tiny
padding: same
defaults: {act: hard-swish, se: 0.25, se_act: relu, se_gate: sigmoid}
ops:
  ds3: {block: separable, kernel: 3, act: relu6, se: 0}
  one: {block: mbconv, kernel: 3, expand: 3}
  two: {block: mbconv, kernel: 5, expand: 2, act: swish, se_gate: hard-sigmoid}
stem: {channels: 12, kernel: 3, stride: 2, act: relu}
stages:
  - {channels: 12, stride: 1, depth: [1, 1], choices: [ds3]}
  - {channels: 20, stride: 2, depth: [2, 2], choices: [one, two]}
head: {channels: 40, features: 32, classes: 10}
resolution: {min: 16, max: 16, step: 8, scale_at: 16, scale_flops: 5}
TEXT
mkdir start
"$random_weights" tiny.yaml 1 0 start || fail "random_weights"
expect 0 retrain --arch start/arch.json --data digits --epochs 12 --batch 32 --threads 1 --set retrain.ema=0 \
  --out run

for calibration in entropy percentile; do
  expect 0 test --run run --int8 --calibration $calibration --json
  cp out $calibration.json
  tr -d ' \n' <out >line
  contains line '"int8":\{"top1":0\.9[0-9]+,.*"calibration_images":512\}'
  python3 - $calibration.json <<'PY' || fail "8 bits cost too much: $(cut -c 1-300 line)"
import json, sys
result = json.load(open(sys.argv[1]))
int8 = result['int8']
assert abs(int8['top1'] - result['top1'] - int8['top1_difference']) < 1e-12
assert result['top1'] > 0.9 and int8['top1_difference'] >= -0.005 and abs(int8['loss'] - result['loss']) < 0.02
PY
  expect 0 export onnx --run run --int8 --calibration $calibration --out $calibration.onnx
  contains out 'ONNX opset 17, .*, 8 bits calibrated on 512 images$'
done
expect 0 export onnx --run run --out float.onnx
[ "$(stat -c %s entropy.onnx)" -lt "$(stat -c %s float.onnx)" ] || fail "8 bits are not smaller than floats"
! cmp -s entropy.onnx percentile.onnx || fail "both calibrations wrote the same model"
lacks float.onnx QuantizeLinear

# The same for any number of threads; other images by another seed; all images where there are fewer than asked for.
expect 0 export onnx --run run --int8 --threads 1 --out again.onnx
same again.onnx entropy.onnx
expect 0 export onnx --run run --int8 --seed 7 --out again.onnx
! cmp -s again.onnx entropy.onnx || fail "the seed does not matter"
expect 0 test --run run --int8 --calibration-images 5000
contains err '^calibration: 1437 training images instead of 5000, all that there are$'
contains out '^in 8 bits +top-1 9[0-9.]+ %, top-5 [0-9.]+ %, loss [0-9.]+, calibrated on 1437 images$'
contains out '^difference +top-1 [+-][0-9.]+ points'
expect 0 test --run run
lacks out 'in 8 bits'

# Bad input: one line, and no file.
network=(--arch run/arch.json --weights run/weights.safetensors)
refuse 2 '--int8 needs --data SPEC' export onnx "${network[@]}" --int8 --out no.onnx
refuse 3 'absent: the folder' export onnx "${network[@]}" --int8 --data folder:absent --out no.onnx
refuse 2 '--calibration needs --int8' export onnx "${network[@]}" --calibration entropy --out no.onnx
refuse 2 '--calibration-images needs --int8' test "${network[@]}" --data digits --calibration-images 9
refuse 2 'calibration.*entropy' export onnx "${network[@]}" --data digits --int8 --calibration most --out no.onnx
refuse 2 'calibration-images' export onnx "${network[@]}" --data digits --int8 --calibration-images 0 --out no.onnx
refuse 2 '--int8 computes on the CPU, but the device is opencl; expected cpu: --set device=cpu' \
  test "${network[@]}" --data digits --int8 --device opencl
image=$root/tests/golden/images/rgb8.png
for class in a b; do
  mkdir -p two/{train,test}/$class
  cp "$image" two/train/$class/1.png
  cp "$image" two/test/$class/1.png
done
refuse 2 'the network has 10 classes, but the data \(folder\) has 2' \
  export onnx "${network[@]}" --data folder:two --int8 --out no.onnx
for class in 0 1 2 3 4 5 6 7 8 9; do
  mkdir -p tests/test/$class
  cp "$image" tests/test/$class/1.png
done
refuse 3 'tests has no training images.*expected at least one' \
  export onnx "${network[@]}" --data folder:tests --int8 --out no.onnx
absent no.onnx

find_onnx || {
  [ "$failures" -eq 0 ] || finish
  exit 77
}
count=$("$image_pixels" digits 16 pixels)
for calibration in entropy percentile; do
  "$python" "$root/tests/tools/check_onnx_int8.py" $calibration.onnx pixels "$count" $calibration.json ||
    fail "$calibration: ONNX Runtime and cream test --int8 differ"
done
finish
