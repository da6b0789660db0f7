#!/usr/bin/env bash
# Pictures of the user's own: letters of the installed fonts, checked, packed, cut down, searched and trained on.
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh" "$1"

python=python3
[ ! -x /usr/bin/python3 ] || python=/usr/bin/python3
made=0
"$python" "$root/tests/tools/letters.py" letters || made=$?
if [ "$made" -ne 0 ]; then
  echo "skipped: the pictures need python3-pil and fonts (fonts-dejavu-core)"
  exit 0
fi

number() { grep -oE "\"$1\": *[0-9.e+]+" "$2" | head -n 1 | grep -oE '[0-9.e+]+$'; }

expect 0 data check --data folder:letters
contains out '^pictures +600 for training, 120 for tests, 10 classes'
contains out '^unusable +0'
contains out '^duplicates +0'
expect 0 data show --data folder:letters --side 64 --count 3 --out sheet.png
contains out '^column 2 +crop: area 0.08 to 1'
[ "$(head -c 4 sheet.png | tail -c 3)" = PNG ] || fail "sheet.png is not a PNG"

# Bad pictures and duplicates are found, and the rest can still be read.
cp -r letters spoilt
head -c 700 'letters/train/A/A 1.jpg' >'spoilt/train/A/A 1.jpg'
cp 'letters/train/C/C 0.png' 'spoilt/val/B/B 0.png'
expect 3 data check --data folder:spoilt --json
contains out '"reason": "spoilt/train/A/A 1\.jpg'
contains out '"test": "spoilt/val/B/B 0\.png"'
contains err '1 of 720 pictures cannot be used'
if command -v python3 >/dev/null; then python3 -m json.tool <out >/dev/null || fail "data check --json is not JSON"; fi
expect 0 data pack --data folder:spoilt --shorter 48 --out spoilt.pack
contains err '^left out: spoilt/train/A/A 1\.jpg'
expect 3 data pack --data folder:spoilt --set max_bad=0 --out none.pack
contains err 'max_bad: 1 of 720 images cannot be used, expected at most the share 0'
absent none.pack

# Packed, and a subset.
expect 0 data pack --data folder:letters --shorter 48 --out letters.pack
expect 0 data check --data pack:letters.pack
contains out '^pictures +600 for training, 120 for tests, 10 classes'
expect 0 data speed --data pack:letters.pack --side 32 --batch 32 --count 4 --json
contains out '"images_per_second"'
head -c 300000 letters.pack >cut.pack
refuse 3 'cut\.pack' data check --data pack:cut.pack
refuse 3 'not a file of packed images' data check --data pack:sheet.png
for seed in 1 2; do
  expect 0 data subset --data folder:letters --classes 3 --train 20 --val 5 --seed "$seed" --out "part$seed.txt"
done
expect 0 data subset --data folder:letters --classes 3 --train 20 --val 5 --seed 1 --out again.txt
same part1.txt again.txt
! cmp -s part1.txt part2.txt || fail "another seed chose the same subset"
expect 0 data check --data list:part1.txt,labels=names
contains out '^pictures +60 for training, 15 for tests, 3 classes'
refuse 3 'class A has 60 training pictures, wanted are 61' data subset --data folder:letters --classes 10 --train 61 \
  --out none.txt
absent none.txt

# Wrong usage.
refuse 2 'expected a mode' data --data folder:letters
refuse 2 'give --out' data pack --data folder:letters
refuse 2 '--side: got 0' data show --data folder:letters --out x.png --side 0
refuse 2 'augment\.randaugment' data show --data folder:letters --out x.png --set augment.randaugment=rand-m99

# A network found for the letters, and trained.
options=(--batch 32 --threads 2 --set augment.flip=0 --set augment.randaugment=none --set augment.erase=0
  --set augment.scale_min=0.6 --set augment.test_crop=1)
expect 0 search --data folder:letters --space micro --flops 3:5 --epochs 3 "${options[@]}" --set search.recalibrate=4 \
  --set search.board.every=4 --set search.board.images=32 --out found
training=(--epochs 12 --set retrain.ema=0.9 --set retrain.lr.lr=0.2 --set retrain.lr.warmup_epochs=1
  --set retrain.eval_every=0)
expect 0 retrain --run found "${options[@]}" "${training[@]}" --out trained
accuracy=$(number top1 trained/result.json)
awk -v a="$accuracy" 'BEGIN { exit !(a >= 0.6) }' || fail "accuracy $accuracy on ten letters, expected 0.6 at least"
expect 0 test --run trained
expect 0 test --arch trained/arch.json --weights trained/weights.safetensors --data pack:letters.pack \
  --set augment.test_crop=1 --json
packed=$(number top1 out)
awk -v a="$accuracy" -v p="$packed" 'BEGIN { exit !(p > a - 0.1) }' || fail "packed: accuracy $packed, not $accuracy"

finish
