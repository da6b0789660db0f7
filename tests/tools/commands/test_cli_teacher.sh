#!/usr/bin/env bash
# Retraining and searching with an external teacher: resuming, the cache of its outputs, classes by name, refusals; and
# searching with teachers from another search.
random_weights=$(realpath "$3")
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh" "$1"

micro=(--data digits --batch 32 --threads 1 --set heldout=0.9 --set retrain.ema=0 --set retrain.eval_every=0) # a tenth of the images
supernet=(search --data digits --space micro --flops any --set "depth=1,1,1,1" --batch 64 --threads 1
  --set heldout=0.9 --set search.recalibrate=1 --set search.board.size=2)
expect 0 "${supernet[@]}" --epochs 1 --out found
expect 0 retrain --arch found/arch.json "${micro[@]}" --epochs 1 --resolution 24 --out teacher
student=(retrain --arch found/arch.json "${micro[@]}" --epochs 2 --resolution 16 --set retrain.mixup=0.2 --set retrain.accumulate=2)
taught=("${student[@]}" --teacher teacher)

# The teacher sees the student's images at its own resolution; a training that is continued has the same bytes.
expect 0 "${taught[@]}" --out whole
contains whole/config.yaml "run: $work/teacher"
expect 0 "${taught[@]}" --epochs 1 --out resumed
expect 0 retrain --resume --epochs 2 --out resumed
same resumed/weights.safetensors whole/weights.safetensors

# With all classes in the cache, what is read is what was computed; the student may be another one.
cached=("${taught[@]}" --set retrain.teacher.cache=outputs --set retrain.teacher.top=10)
expect 0 "${cached[@]}" --dry-run
absent outputs
expect 0 "${cached[@]}" --epochs 1 --out writes
head -c 5000 outputs >torn # the process was killed
expect 0 "${cached[@]}" --set retrain.teacher.cache=torn --out extends
expect 0 "${cached[@]}" --out whole-again
same torn outputs
cp outputs kept
chmod a-w outputs
expect 0 "${cached[@]}" --out reads
same reads/weights.safetensors extends/weights.safetensors
expect 0 "${cached[@]}" --epochs 1 --set retrain.dropout=0 --set retrain.teacher.temperature=1 --out other
same outputs kept

# A file of one epoch teaches three, which have the same images: with a rate of 0 their losses are equal.
repeated=("${cached[@]}" --epochs 3 --set retrain.teacher.cache=one --set retrain.teacher.epochs=1
  --set retrain.lr.lr=0 --set retrain.lr.warmup_epochs=0 --set retrain.dropout=0)
expect 0 "${repeated[@]}" --out thrice
expect 0 "${repeated[@]}" --out thrice-read
same_metrics thrice thrice-read
size=$(stat -c %s outputs) half=$(stat -c %s one) # of two epochs, of one
[ $((2 * (half - 4096))) -eq $((size - 4096)) ] || fail "a file of one epoch has $half bytes, one of two has $size"
losses() { sed -nE 's/.*"kind": "step".*"epoch": '"$2"',.*"loss": ([^,]*).*/\1/p' "$1/metrics.jsonl"; }
[ -n "$(losses thrice 0)" ] || fail "no losses of an epoch"
[ "$(losses thrice 0)" = "$(losses thrice 1)" ] || fail "the second epoch has other images"
[ "$(losses thrice 0)" = "$(losses thrice 2)" ] || fail "the third epoch has other images"
expect 0 "${repeated[@]}" --set retrain.teacher.epochs=2 --set retrain.teacher.cache=kept --out differ
[ "$(losses differ 0)" != "$(losses differ 1)" ] || fail "two epochs of two have the same images"
[ "$(losses differ 0)" = "$(losses differ 2)" ] || fail "the third epoch of two has other images"

# A whole file also teaches at another resolution; one that has to be extended does not.
expect 0 "${cached[@]}" --resolution 12 --out coarse
contains err 'retrain.teacher.cache: the outputs are those for images of 16 pixels, of the same crops'
same outputs kept

bad() { refuse "$1" "cream retrain: $2" "${@:3}" --out none; absent none; }
bad 3 "retrain.teacher: outputs: .*'seed 0', expected 'seed 1'" "${cached[@]}" --seed 1
bad 3 "retrain.teacher: outputs: .*'top 10', expected 'top 3'" "${cached[@]}" --set retrain.teacher.top=3
bad 3 "retrain.teacher: outputs: .*'teacher .*', expected 'teacher " "${cached[@]}" --set retrain.teacher.resolution=16
bad 3 "retrain.teacher: outputs: .*'augment.enabled true', expected 'augment.enabled false'" "${cached[@]}" \
  --set augment.enabled=false
bad 3 "retrain.teacher: outputs: .*'mixup 0.2', expected 'mixup 0'" "${cached[@]}" --set retrain.mixup=0
bad 3 "retrain.teacher: outputs: .*'.images of 16 pixels', expected '.images of 12 pixels'" "${cached[@]}" --resolution 12 \
  --epochs 3
cp kept damaged
printf 'x' | dd of=damaged bs=1 seek=4200 conv=notrunc 2>/dev/null
expect 3 "${cached[@]}" --set retrain.teacher.cache=damaged --out broken
contains err 'damaged: the outputs for batch 0 are damaged; delete the file'
bad 3 'retrain.teacher: found/arch.json: not a cache' "${taught[@]}" --set retrain.teacher.cache=found/arch.json
bad 2 'retrain.teacher.cache: there is no teacher; expected retrain.teacher.run' "${student[@]}" \
  --set retrain.teacher.cache=outputs

bad 2 'retrain.teacher.epochs: there is no teacher; expected retrain.teacher.run' "${student[@]}" \
  --set retrain.teacher.epochs=1
bad 2 'retrain.teacher.epochs: got 1 without retrain.teacher.cache; expected' "${taught[@]}" --set retrain.teacher.epochs=1

# The teacher's files.
bad 2 'retrain.teacher: found is a search, and its network is not trained yet' "${student[@]}" --teacher found
bad 1 'retrain.teacher: .*nowhere/arch.json' "${student[@]}" --teacher nowhere
bad 2 'retrain.teacher: got run and arch; expected run, or arch and weights' "${taught[@]}" \
  --set retrain.teacher.arch=cream-14
bad 2 'retrain.teacher: got arch without weights' "${student[@]}" --set retrain.teacher.arch=teacher/arch.json
bad 2 'retrain.teacher: resolution: got 4, expected 8 to 4096' "${taught[@]}" --set retrain.teacher.resolution=4
bad 3 'retrain.teacher: .*tensors' "${student[@]}" --set retrain.teacher.arch=cream-14 \
  --set retrain.teacher.weights=teacher/weights.safetensors
mkdir large
"$random_weights" cream-14 1 32 large plain || fail "random_weights"
bad 3 'retrain.teacher: large/weights.safetensors has 1000 classes, the data \(digits\) 10; expected a network of the same' \
  "${student[@]}" --set retrain.teacher.arch=large/arch.json --set retrain.teacher.weights=large/weights.safetensors

# Classes are matched by name: a teacher that has them in another order teaches the same.
if command -v python3 >/dev/null; then
  python3 - <<'PYTHON'
import json, struct
def write(source, to, change):
    data = bytearray(open(source, 'rb').read())
    start = 8 + int.from_bytes(data[:8], 'little')
    header = json.loads(data[8:start])
    body = data[start:]
    change(header, body)
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % 8)
    open(to, 'wb').write(struct.pack('<Q', len(text)) + text + body)
def names(header):
    key = next(k for k, v in header['__metadata__'].items() if 'class' in k)
    return key, json.loads(header['__metadata__'][key])
def turn(header, body):
    key, old = names(header)
    header['__metadata__'][key] = json.dumps(old[::-1])
    for name in ('classifier.weight', 'classifier.bias'):
        a, b = header[name]['data_offsets']
        row = (b - a) // len(old)
        body[a:b] = b''.join(bytes(body[a + i * row:a + (i + 1) * row]) for i in reversed(range(len(old))))
def rename(header, body):
    key, old = names(header)
    header['__metadata__'][key] = json.dumps(['another'] + old[1:])
write('teacher/weights.safetensors', 'turned.safetensors', turn)
write('teacher/weights.safetensors', 'renamed.safetensors', rename)
PYTHON
  by_name=("${student[@]}" --set retrain.teacher.arch=teacher/arch.json)
  expect 0 "${by_name[@]}" --set retrain.teacher.weights=turned.safetensors --out turned
  contains err 'retrain.teacher: the classes are matched by name'
  same turned/weights.safetensors whole/weights.safetensors
  bad 3 "retrain.teacher: renamed.safetensors lacks the class '.*' of the data; expected a network of the same classes" \
    "${by_name[@]}" --set retrain.teacher.weights=renamed.safetensors
fi

# A search.
search=("${supernet[@]}" --epochs 2 --set search.start_epoch=1
  --set search.lr.schedule=constant --set search.external.run=teacher)
expect 0 "${search[@]}" --out beside
expect 0 "${search[@]}" --epochs 1 --out continued
expect 0 search --resume --epochs 2 --out continued
same continued/supernet.safetensors beside/supernet.safetensors
refuse 2 'search.external: search.strategy is spos, which has no teachers, expected cream' "${search[@]}" \
  --set search.strategy=spos --out none

# Teachers from the board of another search, which go with a checkpoint.
several=(search "${small[@]}" --set heldout=0.8 --set search.start_epoch=0 --set search.board.images=32 --set search.board.size=3)
expect 0 "${several[@]}" --epochs 1 --out elder
other=("${several[@]}" --set search.lr.schedule=constant --set search.meta.every=2 --seed 3 --set search.teacher_run=elder)
expect 0 "${other[@]}" --out by-board
contains by-board/config.yaml "teacher_run: $work/elder"
contains by-board/metrics.jsonl '"step": 1, .*"rho"' # from the first step on
contains by-board/metrics.jsonl '"kind": "meta"'
ln -s elder elder-3
expect 0 "${other[@]}" --set 'search.teacher_run=elder-{seed}' --epochs 1 --out half
expect 0 search --resume --epochs 2 --out half
same half/supernet.safetensors by-board/supernet.safetensors
expect 0 "${other[@]}" --epochs 1 --out changed
cp by-board/supernet.safetensors elder/
refuse 3 'search.teacher_run: the board or the supernet that teaches has changed since' search --resume --epochs 2 --out changed
bad_board() { refuse "$1" "cream search: search.teacher_run: $2" "${other[@]}" "${@:3}" --out none; absent none; }
bad_board 2 'search.teacher is none, which is no path of a board; expected meta, top1 or random' --set search.teacher=none
bad_board 2 'teacher has no supernet.safetensors: expected the folder of a search' --set search.teacher_run=teacher
bad_board 1 '.*nowhere/config.yaml' --set search.teacher_run=nowhere
bad_board 3 '.*elder/board.json: entries.0..path: expected a path of the supernet' --set depth=1,1,1,1 --flops any
rm elder/board.json
bad_board 2 '.*elder has no board.json with a path; expected the folder of a search without budgets'

refuse 1 'search.external: .*nowhere/arch.json' "${search[@]}" --set search.external.run=nowhere --out none

finish
