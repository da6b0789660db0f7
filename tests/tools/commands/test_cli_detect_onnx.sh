#!/usr/bin/env bash
# Exported detectors, with and without suppression in the model, in ONNX Runtime against cream detect predict.
# CREAM_ONNX_PYTHON may name a Python that has onnx, onnxruntime and pillow; else they are installed beside cream.
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh" "$1"

find_onnx || exit 77
"$python" "$root/tests/tools/squares.py" data || exit 1

# Trained far enough that no two scores are alike. In level P3 there are more boxes than candidates.
training=(detect train --data yolo:data --backbone cream-14 --resolution 64 --batch 4 --threads 1 --epochs 10
  --set detect.channels=8 --set detect.cells=1 --set detect.convs=1 --set heldout=0 --set retrain.ema=0
  --set retrain.lr.lr=0.5 --set retrain.lr.warmup_epochs=0)
for head in lite:0.03 retina:0.1; do
  run=${head%:*}
  expect 0 "${training[@]}" --head "$run" --out "$run"
  "$python" "$root/tests/tools/check_detector.py" "$cream" "$run" "${head#*:}" data/images/val/0[0-3].png ||
    fail "$run: detections differ from those of predict"
done

expect 0 detect export --run lite --nms --set detect.detections=7 --set detect.score=0.01 --out lite.onnx
contains out '^lite.onnx: ONNX opset 17, input \[batch,3,64,64\], size \[batch,2\], count \[batch\], boxes \[batch,7,4\], scores \[batch,7\], classes \[batch,7\]$'

# The example of the docs, on a wide image of another size, prints what predict does, to a tenth of a pixel.
# shellcheck disable=SC2016
sed -n '/^```python$/,/^```$/p' "$root/docs/detection.md" | sed '/^```/d' >detect.py
"$python" -c "from PIL import Image; Image.open('noise-2.png').resize((96, 60), Image.BILINEAR).save('large.png')"
"$python" detect.py lite.onnx large.png >theirs || fail "the example of docs/detection.md"
expect 0 detect predict --run lite --set detect.detections=7 --score 0.01 large.png
"$python" - <<'PY' || fail "the example of docs/detection.md prints something else"
ours, theirs = ([line.split() for line in open(name)] for name in ('out', 'theirs'))
assert ours and len(ours) == len(theirs), (ours, theirs)
for a, b in zip(ours, theirs):
    assert a[:2] == b[:2] and all(abs(float(x) - float(y)) < 0.11 for x, y in zip(a[4:], b[4:])), (a, b)
PY

finish
