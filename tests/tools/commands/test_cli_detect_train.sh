#!/usr/bin/env bash
# Detectors: training, resuming, testing, predicting, and what is refused.
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh" "$1"

python3 "$root/tests/tools/squares.py" data || exit 1

small=(--data yolo:data --backbone cream-14 --resolution 64 --batch 4 --threads 1 --set detect.channels=8
  --set detect.cells=1 --set detect.convs=1 --set detect.score=0.001 --set detect.anchor_scale=3
  --set heldout=0.2)

# What it would take is printed, and nothing is written.
expect 0 detect train "${small[@]}" --epochs 2 --dry-run --out none
absent none
contains out '^neck, heads +2>1 +192>2 +0\.[0-9]+  lite$'
contains out '^memory      0\.[0-9]+ GB \([0-9.]+ GB are free\)$'
contains out '^epoch       about [0-9.]+ s: 2 steps of [0-9.]+ s, .* with a batch of 4'
expect 0 detect train "${small[@]}" --epochs 2 --dry-run --json
contains out '"command": "detect train",$'
contains out '"steps_per_epoch": 2,$'
! grep anchor_scale err || fail "a warning without a reason"
refuse 2 'no backbone: expected --backbone' detect train --data yolo:data --dry-run

# At half of the resolution the squares have 10 to 17 pixels.
expect 0 detect train "${small[@]}" --resolution 32 --epochs 2 --dry-run
contains err '^detect.anchor_scale: [0-9]+ % of the training boxes are smaller than 15 pixels at a resolution of 32, .* set it to 1.5,'

expect 0 detect train "${small[@]}" --epochs 2 --set checkpoint.every_steps=1 --out whole
contains out '^weights +(trained|averaged) are written; held out: trained AP [0-9.]+, averaged AP [0-9.]+'
contains out '^AP50 +[0-9.]+ +IoU 0.50'
contains out '^next +cream detect test --run whole'
contains whole/arch.json '"head": "lite"'
contains whole/metrics.jsonl '"class_loss": [0-9.e-]+, "box_loss": [0-9.e-]+, "foreground": '
contains whole/metrics.jsonl '"split": "heldout", "ap": [0-9.e-]+, "ap50": '
contains whole/result.json '"test": \{"ap": [0-9.e-]+, "ap50": [0-9.e-]+, "count": 4\}'
contains whole/origin.json '"command": "cream detect train --data '
exists whole/{weights.safetensors,config.yaml,detections.json,coco.json,examples.json}

# Killed after its first checkpoint, and continued: the same bytes.
killed_after 'killed/checkpoint-*.safetensors' detect train "${small[@]}" --epochs 2 --set checkpoint.every_steps=1 --out killed
expect 0 detect train --resume --out killed
same whole/weights.safetensors killed/weights.safetensors
same_metrics whole killed
refuse 2 '--resume: detect.channels is 16, but the run in killed has 8; leave it unchanged' \
  detect train --resume --out killed --set detect.channels=16

# The test of the run is that of the training, but for the rounding of folded batch norms; its detections measure the same.
expect 0 detect test --run whole --json --out found.json
mv out tested.json
python3 - <<'PY' || fail "cream detect test differs from the test of the training"
import json
a, b = json.load(open('tested.json')), json.load(open('whole/coco.json'))
assert all(abs(a[k] - b[k]) < 0.05 for k in ('AP', 'AP50', 'AR100')), (a, b)
a, b = json.load(open('found.json')), json.load(open('whole/detections.json'))
assert a and abs(len(a) - len(b)) <= 2, (len(a), len(b))
PY
expect 0 detect eval --data yolo:data --results found.json --json
same out tested.json

expect 0 detect predict --run whole --score 0.001 --draw drawn --out boxes.json data/images/val
exists drawn/data_images_val_00.png.jpg
python3 - <<'PY' || fail "the detections of predict"
import json
boxes = json.load(open('boxes.json'))
assert boxes and {'image_id', 'file_name', 'category', 'category_id', 'bbox', 'score'} == set(boxes[0]), boxes[:1]
assert {b['category'] for b in boxes} <= {'red', 'green'} and all(b['score'] > 0.001 for b in boxes)
PY
cp data/images/val/00.png one.png
echo broken >broken.png
expect 3 detect predict --run whole one.png broken.png
contains err '^broken.png: '
contains err '1 of 2 images could not be used$'

expect 0 detect export --run whole --out whole.onnx
contains out '^whole.onnx: ONNX opset 17, input \[batch,3,64,64\], boxes \[batch,774,4\], scores \[batch,774,2\]$'
exists whole.onnx

expect 0 report whole --json --out page.html
contains out '"detection": true'
contains out '"retraining": false'
contains page.html '<figure id="detection-precision-0">'
contains page.html '<figure id="detection-image-3">'
contains page.html '<title>(red|green), annotated</title>'
contains page.html '<image width="64" height="64" href="data:image/jpeg;base64,/9j/'

# A run as a backbone: its network and its weights.
expect 0 detect train "${small[@]}" --backbone whole --epochs 1 --set retrain.freeze=backbone --out again

# What is refused leaves no folder.
refuse 2 'no backbone: expected --backbone' detect train --data yolo:data --out none
refuse 2 'no run folder: expected --out' detect train "${small[@]}"
refuse 2 'retrain.freeze: got "backbone" without weights' detect train "${small[@]}" \
  --set retrain.freeze=backbone --out none
refuse 2 'detect.channels: got 12, expected a multiple of 8' detect train "${small[@]}" --set detect.channels=12 --out none
refuse 2 'retrain.mixup: got 0.2, but a detector has none' detect train "${small[@]}" --set retrain.mixup=0.2 --out none
refuse 2 'whole/arch.json: the network is a detector, expected one that classifies' test --run whole --data digits
refuse 2 'cream-14: the network classifies images, expected a detector' detect test --arch cream-14 \
  --weights whole/weights.safetensors --data yolo:data
refuse 3 'weights.safetensors' detect train "${small[@]}" --backbone cream-43 --weights whole/weights.safetensors --out none
sed 's/red, green/red, blue/' data/data.yaml >blue && mv blue data/data.yaml
refuse 3 "data: class 1 of yolo:.*data is 'blue', but that of the detector 'green'" detect test --run whole
refuse 2 'no images: expected files or folders' detect predict --run whole
absent none

finish
