#!/usr/bin/env bash
# cream predict: test_cli_predict.sh CREAM HELPER RANDOM_WEIGHTS
random_weights=$(realpath "$3")
# shellcheck source=tests/tools/lib.sh
. "$(dirname "$0")/../lib.sh" "$1"

mkdir named plain
"$random_weights" micro 1 32 named || fail "random_weights"
"$random_weights" micro 1 32 plain plain || fail "random_weights"
named=(predict --arch named/arch.json --weights named/weights.safetensors)
plain=(predict --arch plain/arch.json --weights plain/weights.safetensors)
images=$root/tests/golden/images
pictures=("$images"/rgb-444.jpg "$images"/{grey8,palette8,rgba16}.png "$images"/cmyk-adobe.jpg)

# A line a picture, in their order; names from the metadata, else numbers.
expect 0 "${named[@]}" "${pictures[@]}"
[ "$(wc -l <out)" -eq ${#pictures[@]} ] || fail "$(wc -l <out) lines for ${#pictures[@]} pictures"
contains out '^.*/rgb-444.jpg:( [^,%]+ [0-9.]+ %,){4}( [^,%]+ [0-9.]+ %)$'
sed -n 2p out >second
contains second '/grey8.png:'
expect 0 "${plain[@]}" --top 1 "${pictures[@]}"
contains out 'grey8.png: [0-9] [0-9.]+ %$'
expect 0 "${plain[@]}" --top 99 "${pictures[0]}"
[ "$(grep -o '%' out | wc -l)" -eq 10 ] || fail "--top 99 did not show the ten classes"

# As JSON; the same for any number of threads.
expect 0 "${named[@]}" --json --threads 1 "${pictures[@]}"
cp out one.json
expect 0 "${named[@]}" --json --threads 2 "${pictures[@]}"
same out one.json
python3 - one.json <<'PYTHON' || fail "JSON of predict"
import json, math, sys
images = json.load(open(sys.argv[1]))['images']
assert len(images) == 5
for image in images:
    logits, top = image['logits'], image['top']
    assert len(logits) == 10 and len(top) == 5
    total = sum(math.exp(v) for v in logits)
    for i, entry in enumerate(top):
        assert abs(entry['probability'] - math.exp(logits[entry['class']]) / total) < 1e-9
        assert i == 0 or entry['probability'] <= top[i - 1]['probability']
        assert not entry['name'].isdigit()
PYTHON

# The same pixels and the same answers as in a test.
for class in 0 1 2 3 4 5 6 7 8 9; do
  mkdir -p "set/train/$class" "set/val/$class"
  cp "$images/grey8.png" "set/train/$class/a.png"
done
i=0
for file in "$images"/*.jpg "$images"/*.png; do cp "$file" "set/val/$((i++ % 10))/$(basename "$file")"; done
expect 0 test --data folder:set --arch plain/arch.json --weights plain/weights.safetensors --json --threads 2
cp out test.json
expect 0 "${plain[@]}" --json --threads 2 set/val/*/*
python3 - test.json out <<'PYTHON' || fail "predict and test differ"
import json, math, sys
test, predict = (json.load(open(name)) for name in sys.argv[1:])
confusion, loss = [[0] * 10 for _ in range(10)], 0
for image in predict['images']:
    label, logits = int(image['image'].split('/')[2]), image['logits']
    confusion[label][image['top'][0]['class']] += 1
    loss += math.log(sum(math.exp(v) for v in logits)) - logits[label]
assert sum(map(sum, confusion)) == test['images'] > 32, 'number of pictures'
assert confusion == test['confusion'], 'answers'
assert abs(loss / test['images'] - test['loss']) < 1e-6, 'loss'
PYTHON
# Names of classes are cut off and lined up by characters, not by bytes.
mv set set.latin
mkdir -p set
for part in train val; do
  cp -r "set.latin/$part" "set/$part"
  mv "set/$part/9" "set/$part/éééééééééééééé"
done
expect 0 test --data folder:set --arch plain/arch.json --weights plain/weights.safetensors --threads 2
contains out '^(é){12} +[0-9.]+ %'
contains out '^ +0 ( +[0-9]){8} (é){6}$'
rm -r set
mv set.latin set
# Settings go before what the file says.
expect 0 "${named[@]}" --json --set augment.test_crop=1 "${pictures[@]}"
! cmp -s out one.json || fail "augment.test_crop has no effect"

# A run's folder will do: its weights know the names.
expect 0 retrain --arch plain/arch.json --data digits --epochs 1 --batch 128 --threads 2 --out trained
expect 0 predict --run trained --json --top 1 "${pictures[0]}"
contains out '"top": \[\{"class": ([0-9]), "name": "\1", '
expect 0 export onnx --run trained --out trained.onnx
grep -aqE '\["0", ?"1"' trained.onnx || fail "trained.onnx does not name its classes"

# Pictures that cannot be used have a line each; the others are classified.
echo no picture >text.png
head -c 200 "$images/rgb-444.jpg" >cut.jpg
expect 3 "${named[@]}" --json text.png "${pictures[0]}" absent.png "${pictures[1]}" cut.jpg
for name in text.png absent.png cut.jpg; do contains err "^$name: "; done
contains err '^cream predict: 3 of 5 pictures could not be used'
[ "$(wc -l <err)" -eq 4 ] || fail "$(wc -l <err) lines on stderr, expected 4"
python3 - one.json out <<'PYTHON' || fail "pictures beside bad ones"
import json, sys
good, mixed = (json.load(open(name))['images'] for name in sys.argv[1:])
assert [('error' in image) for image in mixed] == [True, False, True, False, True]
for a, b in zip((mixed[1], mixed[3]), good): # batches of other sizes may round otherwise
    assert a['image'] == b['image']
    assert max(abs(x - y) for x, y in zip(a['logits'], b['logits'])) < 1e-5
PYTHON

expect 3 "${named[@]}" --no-resize "${pictures[0]}"
contains err 'rgb-444.jpg: [0-9]+ x [0-9]+ pixels, but --no-resize takes pictures of 32 x 32'

refuse 2 'no pictures' "${named[@]}"
refuse 2 'no weights' predict --arch named/arch.json "${pictures[0]}"
refuse 2 'no network' predict --weights named/weights.safetensors "${pictures[0]}"
refuse 2 'expected a whole number from 1' "${named[@]}" --top 0 "${pictures[0]}"
refuse 3 'does not match the network' predict --arch cream-14 --weights named/weights.safetensors absent.png
refuse 2 'unexpected argument' test "${pictures[0]}"
finish
