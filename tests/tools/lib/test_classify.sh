#!/usr/bin/env bash
# docs/examples/classify.c, built against an installed package, gives the answers of cream predict.
# test_classify.sh CREAM HELPER RANDOM_WEIGHTS
random_weights=$(realpath "$3")
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh" "$1"

build=$(dirname "$cream")
grep -q '^CREAM_SANITIZE:STRING=.' "$build/CMakeCache.txt" && {
  echo "skipped: programs that link a library with sanitizers need them too"
  exit 77
}
cmake --install "$build" --prefix "$work/prefix" >install.log 2>&1 || fail "cmake --install: $(grep . install.log | tail -n 1)"
lib=$(dirname "$(find "$work/prefix" -name libcream.a)")
export PKG_CONFIG_PATH=$lib/pkgconfig LD_LIBRARY_PATH=$lib
# shellcheck disable=SC2046
cc -std=gnu11 -Wall -Wextra -Werror "$work/prefix/share/doc/cream/docs/examples/classify.c" -o classify \
  $(pkg-config --cflags --libs cream) || fail "the example does not build"

mkdir named plain
"$random_weights" micro 1 32 named || fail "random_weights"
"$random_weights" micro 2 32 plain plain || fail "random_weights"
expect 0 retrain --arch plain/arch.json --data digits --epochs 1 --batch 256 --threads 1 --out trained
images=$root/tests/golden/images

# answers WHAT IMAGE WORD...: the example with these words, and predict with PREDICT, give the same classes.
answers() {
  local image=$1
  shift
  ./classify "$@" "$image" >library 2>err || fail "classify $* $image: $(cat err)"
  expect 0 predict "${predict[@]}" --json "$image"
  python3 - out library <<'PYTHON' || fail "classify $* $image and cream predict differ"
import json, sys
expected = [(str(c['class']), c['name'], c['probability']) for c in json.load(open(sys.argv[1]))['images'][0]['top']]
lines = [line.split() for line in open(sys.argv[2])]
found = [(label, name, float(share)) for label, name, share in lines]
assert len(expected) == 5
assert [e[:2] for e in expected] == [f[:2] for f in found], (expected, found)
assert all(abs(e[2] - f[2]) <= 1e-9 * e[2] for e, f in zip(expected, found)), (expected, found)
PYTHON
}
for kind in named plain; do
  predict=(--arch "$kind/arch.json" --weights "$kind/weights.safetensors")
  for image in rgb-444.jpg grey8.png cmyk-adobe.jpg; do
    answers "$images/$image" $kind/arch.json $kind/weights.safetensors
  done
done
predict=(--run trained)
answers "$images/grey8.png" trained
# Settings of the run that images are prepared by are those of predict.
sed -i 's/test_crop: .*/test_crop: 0.5/' trained/config.yaml
answers "$images/rgb-444.jpg" trained

# refuse_classify CODE PATTERN WORD...: one line on stderr.
refuse_classify() {
  local code=$1 pattern=$2 got=0
  shift 2
  ./classify "$@" >out 2>err || got=$?
  [ "$got" -eq "$code" ] && [ ! -s out ] && [ "$(wc -l <err)" -eq 1 ] || fail "classify $*: exit code $got, expected $code"
  contains err "$pattern"
}
refuse_classify 3 '^absent.png: ' trained absent.png
refuse_classify 1 'absent/config.yaml: No such file' absent "$images/grey8.png"
refuse_classify 3 'does not match the network' cream-14 named/weights.safetensors "$images/grey8.png"
mkdir search
cp trained/config.yaml trained/arch.json search
touch search/supernet.safetensors
refuse_classify 2 '^search is a search, and its network is not trained yet' search "$images/grey8.png"
finish
