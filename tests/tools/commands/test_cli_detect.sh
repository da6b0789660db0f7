#!/usr/bin/env bash
# Data sets with boxes: check, conversion, sheets, and measuring detections.
# shellcheck disable=SC1091
source "$(dirname "$0")/../lib.sh"

images=$root/tests/golden/images
mkdir -p data/images data/labels
cp "$images/grey8.png" data/images/a.png
cp "$images/grey4.png" data/images/b.png
printf 'cat\ndog\n' >data/classes.txt
printf '0 0.5 0.5 0.5 0.5\n1 0.25 0.25 0.25 0.25\n' >data/labels/a.txt
printf '1 0.5 0.5 1 1\n1 0.5 0.5 0 0.5\n' >data/labels/b.txt

expect 0 detect data check --data yolo:data
contains out '^training +2 images, 0 without boxes; 3 boxes'
contains out '^problem +1 boxes without area; first: data/labels/b.txt: box 2'
contains out '^class +dog: 2 training and 0 test boxes'
expect 0 detect data check --data YOLO:data --json
python3 - out <<'PY' || fail "the JSON of data check"
import json, sys
made = json.load(open(sys.argv[1]))
assert made['train']['boxes'] == 3 and made['problems']['empty']['count'] == 1, made
assert made['classes'][1] == {'name': 'dog', 'train': 2, 'test': 0}, made
PY

# Any format into any other, and what a check says of each.
from=yolo:data
for to in coco voc yolo coco; do
  n=$((${n:-0} + 1))
  expect 0 detect data convert --data "$from" --to "$to" --out "made$n"
  from=$(sed 's/.*--data //' out)
  expect 0 detect data check --data "$from"
  contains out '^training +2 images, 0 without boxes; 3 boxes'
done
[ -L made1/images/a.png ] || fail "images are not linked"
expect 0 detect data convert --data yolo:data --to voc --copy --out copied
[ -f copied/JPEGImages/a.png ] && [ ! -L copied/JPEGImages/a.png ] || fail "images are not copied"
refuse 2 'made1 has files in it; expected a new or an empty folder' detect data convert --data yolo:data --out made1

both=coco:made1/images,made1/annotations/train.json
expect 0 detect data check --data "$both,${both#coco:}"
contains out '^duplicates +2 test images are also training images'

expect 0 detect data sheet --data yolo:data --side 64 --out sheet.png
contains out '^#[0-9a-f]{6} +cat: 1 boxes'
cp sheet.png first.png
expect 0 detect data sheet --data yolo:data --side 64 --threads 1 --out sheet.png
cmp -s sheet.png first.png || fail "a sheet depends on the threads"
expect 0 detect data sheet --data yolo:data --side 64 --augment --out changed.jpg
[ "$(head -c 2 changed.jpg | od -An -tx1 | tr -d ' ')" = ffd8 ] || fail "changed.jpg is not a JPEG"

# The objects themselves as detections: all numbers are 1.
truth=coco:made1/images,made1/annotations/train.json
python3 - made1/annotations/train.json <<'PY'
import json, sys
made = json.load(open(sys.argv[1]))
results = [dict(image_id=a['image_id'], category_id=a['category_id'], bbox=a['bbox'], score=0.5) for a in made['annotations']]
json.dump(results, open('results.json', 'w'))
json.dump(results[:1], open('one.json', 'w'))
PY
expect 0 detect eval --data "$truth" --results results.json
contains out '^AP +1\.0000'
contains out '^VOC +1\.0000'
contains out '^dog +2 +2 +1\.0000'
expect 0 detect eval --data "$truth" --results one.json --json
python3 - out <<'PY' || fail "the JSON of eval"
import json, sys
made = json.load(open(sys.argv[1]))
assert abs(made['AP'] - 0.5) < 1e-9 and made['classes'][1]['AP'] == 0, made
assert len(made['classes'][0]['precision']) == 101
PY

echo 'no image' >data/images/b.png
refuse 3 'detection [12]: no image has the id 2' detect eval --data yolo:data --results results.json
expect 3 detect data check --data yolo:data
contains out '^problem +1 images whose file cannot be read; first: .*b\.png'
contains err '1 of 2 images cannot be used'
printf '1 0.5 0.5 1\n' >data/labels/a.txt
refuse 3 'data/labels/a.txt:1: another number of fields' detect data check --data yolo:data
refuse 2 'no data set: expected --data SPEC' detect data check
refuse 2 'no detections: expected --results FILE' detect eval --data yolo:data
refuse 2 'unknown subcommand "data"' detect data
refuse 2 "unknown format 'nothing'" detect data check --data nothing
finish
