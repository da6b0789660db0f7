#!/usr/bin/env bash
# The classes of weights and data are compared by name, a test part alone can be tested, and a run finds its data from
# another folder.
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh" "$1"

# A PNG of 8 x 8 grey pixels, from its bytes: no program that writes images is needed.
image() {
  base64 -d >"$1" <<'PNG'
iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAAAAADhZOFXAAAADklEQVR42mNIgQIGyhgAhHUZAUxWjfQAAAAASUVORK5CYII=
PNG
}
# classes FOLDER COUNT NAME...
classes() {
  local folder=$1 count=$2 name i
  shift 2
  for name in "$@"; do
    mkdir -p "$folder/$name"
    for ((i = 0; i < count; i++)); do image "$folder/$name/$i.png"; done
  done
}
images() { grep -q "\"images\": $1," out || fail "not $1 images: $(grep -m 1 '"images"' out)"; }

mkdir work other
classes work/set/train 4 a b c
classes work/set/val 2 a b c
cd work || exit 1
expect 0 retrain --arch mobilenet-v3-large --resolution 32 --data folder:set --epochs 1 --batch 4 --threads 1 \
  --set heldout=0 --set retrain.ema=0 --out run
contains run/config.yaml "data: .*folder:$work/work/set"
cd ../other || exit 1
test_on() { # DATA CODE
  expect "$2" test --run ../work/run --data "$1" --threads 1 --json
}
expect 0 test --run ../work/run --threads 1 --json # its own data, from elsewhere
images 6
lacks err '^classes:'
# A run of an older version, whose paths are those of a folder that it does not name.
mkdir ../work/runs && mv ../work/run ../work/runs/old
sed -i 's#^data: .*#data: folder:set,x,val=all#; s#^out: .*#out: ./runs/old/#' ../work/runs/old/config.yaml
mkdir ../work/set,x && cp -r ../work/set/val/* ../work/set,x
expect 0 test --run ../work/runs/old --threads 1 --json
images 6
sed -i 's#^data: .*#data: folder:set#' ../work/runs/old/config.yaml
expect 0 retrain --resume --out ../work/runs/old --threads 1
contains ../work/runs/old/config.yaml "data: .*folder:$work/work/set"
sed -i 's#^data: .*#data: folder:set#; s#^out: .*#out: runs/old#' ../work/runs/old/config.yaml
mv ../work/runs ../work/moved
refuse 2 "data: folder:set in ../work/moved/old/config.yaml is a relative path, .* in $work/other; give the data with --data" \
  test --run ../work/moved/old --threads 1
mkdir ../work/runs && mv ../work/moved/old ../work/runs && mv ../work/set ../work/away
refuse 2 "there is no such file in $work/other or in $work/work; give" test --run ../work/runs/old --threads 1
expect 0 test --run ../work/runs/old --threads 1 --json --data folder:../work/away
images 6
mv ../work/away ../work/set && mv ../work/runs/old ../work/run
classes bcd/train 2 b c d && classes bcd/val 2 b c d
refuse 3 "class 'a', which the data lacks, and the data the class 'd'" test --run ../work/run --data folder:bcd --threads 1
classes xyz/train 2 x y z && classes xyz/val 2 x y z
test_on folder:xyz 3
contains err 'contradict each other'
classes bc/train 2 b c && classes bc/val 2 b c
test_on folder:bc 0 # a part of the network's classes
images 4
contains err '^classes: the data has 2, the network 3; they are matched by name$'
contains out '"name": "c", "images": 2'
contains out '"name": "a", "images": 0, "correct": 0, "accuracy": null'
expect 0 test --run ../work/run --data folder:bc --threads 1
contains out '^a +- +0$'
classes more/val 2 a b c d # more, and no training images
test_on folder:more 0
images 6
contains err 'images of other classes are not tested'
test_on folder:more/val,val=all 0
images 6
test_on folder:more/val 0
contains err 'has no test part: 2 of its 8 images'
refuse 3 'no training images, only test images' search --data folder:more --out none
absent none
printf '%s\tc\tval\n%s\ta\ttest\n' "$PWD/bc/val/c/0.png" "$PWD/bc/val/b/0.png" >list.txt
test_on list:list.txt 0
images 2
classes one/train 2 a && classes one/val 1 a
refuse 3 "has only one class, 'a'" search --data folder:one --out none
expect 0 data check --data folder:more
contains out '^images +0 for training, 8 for tests, 4 classes'
expect 0 retrain --arch mobilenet-v3-large --weights ../work/run/weights.safetensors --resolution 32 --data folder:bcd \
  --epochs 1 --batch 4 --threads 1 --set heldout=0 --set retrain.ema=0 --out again
contains err 'new classifier: 2 of its 3 classes keep the weights of the same name, 1 is new; .* for 3 classes$'

finish
