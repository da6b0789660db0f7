#!/usr/bin/env bash
# cream convert, and weights between this program and PyTorch: test_cli_convert.sh CREAM HELPER RANDOM_WEIGHTS
random_weights=$(realpath "$3")
# shellcheck source=tests/tools/lib.sh
. "$(dirname "$0")/../lib.sh" "$1"

fixtures=$root/tests/io/weights/torch
archs=$root/io/config/archs

# What needs no PyTorch.
for file in old.pth.tar zip.pth deflated.pth; do
  expect 0 convert "$fixtures/$file" "$file.safetensors"
  contains out "$file.safetensors: 10 tensors"
done
same old.pth.tar.safetensors zip.pth.safetensors
same old.pth.tar.safetensors deflated.pth.safetensors
expect 0 convert --ema "$fixtures/zip.pth" ema.safetensors --json
contains out '"tensors": 10'
! cmp -s ema.safetensors zip.pth.safetensors || fail "the averaged weights are the others"
refuse 3 'names .posix.system., expected only tensors and containers; nothing was run' \
  convert "$fixtures/hostile.pth" no.safetensors
refuse 3 'does not match the network: [0-9]+ tensors missing: conv_stem.weight, .*; 10 tensors not in this network' \
  convert "$fixtures/zip.pth" no.safetensors --arch cream-14
refuse 2 'no averaged weights|one set of weights' convert --ema zip.pth.safetensors no.safetensors
refuse 2 'expected two files' convert "$fixtures/zip.pth"
refuse 2 'unexpected argument' convert a b c
refuse 1 'No such file' convert none.pth no.safetensors
refuse 2 'did you mean .cream-287.' convert "$fixtures/zip.pth" no.safetensors --arch cream-2877
refuse 3 'got a file saved by PyTorch, expected safetensors; convert it with cream convert' \
  test --arch cream-14 --data digits --weights "$fixtures/zip.pth"
absent no.safetensors

# What stands beside the tensors, where they are, and what is no checkpoint.
for file in beside beside-old beside-4 attributes nested averaged; do
  expect 0 convert "$fixtures/$file.pth" "$file.safetensors"
  contains out "$file.safetensors: 2 tensors"
  same beside.safetensors "$file.safetensors"
done
refuse 3 'got 2 dicts of tensors, .student. \(2 tensors\), .teacher. \(2 tensors\); choose one with --key KEY' \
  convert "$fixtures/several.pth" no.safetensors
expect 0 convert "$fixtures/several.pth" key.safetensors --key ema.shadow
expect 0 convert "$fixtures/several.pth" ema.safetensors --ema
same key.safetensors ema.safetensors
expect 0 convert "$fixtures/averaged.pth" ema.safetensors --ema
same key.safetensors ema.safetensors
refuse 3 'a whole object of class .torch.nn.modules.container.Sequential.*state_dict\(\)' \
  convert "$fixtures/module.pth" no.safetensors
echo '<!DOCTYPE html><html>' >page.pth
refuse 3 'got a web page' convert page.pth no.safetensors
refuse 3 'got a web page' predict --arch cream-14 --weights page.pth x.png
gzip -c page.pth >page.pth.gz
refuse 3 'got a gzip file' convert page.pth.gz no.safetensors
tar -cf page.tar page.pth
refuse 3 'got a tar archive' convert page.tar no.safetensors
absent no.safetensors

# Metadata: kept from file to file; names can be given.
mkdir micro
"$random_weights" micro 1 32 micro || fail "random_weights"
expect 0 convert micro/weights.safetensors once.safetensors --arch micro/arch.json
expect 0 convert once.safetensors twice.safetensors
same once.safetensors twice.safetensors
echo >unnamed
refuse 2 'unnamed: no names in it' convert micro/weights.safetensors no.safetensors --class-names unnamed
absent no.safetensors
expect 0 convert once.safetensors bicubic.safetensors --interpolation bicubic
contains bicubic.safetensors '"interpolation": "bicubic"'
sed 's/bicubic/lanczos/' bicubic.safetensors >lanczos.safetensors
refuse 3 'interpolation.: got .lanczos., expected bilinear or bicubic' \
  export --arch micro/arch.json --weights lanczos.safetensors --out no.onnx onnx
absent no.onnx
refuse 3 'got .lanczos.' convert lanczos.safetensors no.safetensors
absent no.safetensors
expect 0 convert lanczos.safetensors mended.safetensors --interpolation bicubic
same bicubic.safetensors mended.safetensors
seq -f 'class %g' 10 >names
expect 0 convert micro/weights.safetensors named.safetensors --arch micro/arch.json --class-names names
contains named.safetensors 'class 10'
head -n 3 names >three
refuse 2 '3 names, but the network has 10 classes' \
  convert micro/weights.safetensors no.safetensors --arch micro/arch.json --class-names three

python=${CREAM_PYTHON:-/usr/bin/python3}
if ! "$python" -c 'import torch, numpy, PIL' 2>message; then
  [ "$failures" -eq 0 ] || finish
  printf 'the rest was skipped: %s has no PyTorch (Debian: python3-torch): %s\n' "$python" "$(tail -n 1 message)"
  exit 77
fi
export OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=1
check() {
  "$python" "$root/tests/tools/check_torch.py" "$@" >said 2>message || fail "check_torch.py $1: $(tail -n 1 message)"
  cat said
}

# Both forms, weights and averaged weights, exactly.
check make "$archs/cream-14.json" .
for file in old.pth.tar zip.pth; do
  expect 0 convert "$file" plain.safetensors
  check equal "$file" state_dict plain.safetensors
  expect 0 convert "$file" checked.safetensors --arch cream-14
  contains checked.safetensors '"mean": "\[0\.485, 0\.456, 0\.406\]"'
  check equal "$file" state_dict checked.safetensors
  expect 0 convert "$file" averaged.safetensors --ema --arch "[[3],[3,3],[3,3],[3],[3]]"
  check equal "$file" state_dict_ema averaged.safetensors
done
expect 0 convert state.pth state.safetensors --arch cream-14
check equal state.pth "" state.safetensors
refuse 2 'no averaged weights' convert --ema state.pth no.safetensors
refuse 3 '5 tensors missing: bn1.weight, bn1.bias, classifier.bias, ...; 1 tensor of another shape: classifier.weight is \[3,5\], expected \[3,1280\]; 1 tensor not in this network: fc.weight' \
  convert misfit.pth no.safetensors --arch cream-14
check hostile evil.pth
refuse 3 'nothing was run' convert evil.pth no.safetensors
absent was-run no.safetensors

# Into PyTorch with strict=True and back, without a changed byte.
check strict "$archs/cream-14.json" checked.safetensors again.safetensors again.pth
same checked.safetensors again.safetensors
expect 0 convert again.pth back.safetensors --arch cream-14
same checked.safetensors back.safetensors

# The example of the docs.
mkdir run
cp micro/arch.json run/arch.json
cp once.safetensors run/weights.safetensors
awk '/^...python$/ { inside = 1; next } /^...$/ { inside = 0 } inside' "$root/docs/weights.md" >example.py
[ "$(wc -l <example.py)" -lt 30 ] || fail "the example has $(wc -l <example.py) lines"
PYTHONPATH=$root/docs "$python" example.py 2>message || fail "the example: $(tail -n 1 message)"
same run/weights.safetensors again.safetensors

# The same logits: SE of both kinds, residuals, all activations, dilation, bottlenecks, skips.
# same-48 and same-35: TensorFlow's padding of even and odd sides, and its epsilon.
sed 's/^name: cream-hard/name: same\npadding: same\nbn_eps: 0.001/; s/min: [0-9]*, max: [0-9]*, step: [0-9]*/min: 32, max: 64, step: 1/' \
  "$root/io/config/spaces/cream-hard.yaml" >same.yaml
for network in cream-14:64 efficientnet-b0:64 mobilenet-v3-large:96 cream-hard:64 micro:32 same-48:48 same-35:35; do
  name=${network%:*}
  space=$name
  [[ $name != same-* ]] || space=same.yaml
  mkdir -p "$name"
  "$random_weights" "$space" 5 "${network#*:}" "$name" || fail "random_weights $name"
  check images "${network#*:}" "$name/1.png" "$name/2.png"
  expect 0 predict --arch "$name/arch.json" --weights "$name/weights.safetensors" --no-resize --json \
    "$name/1.png" "$name/2.png"
  check logits "$name/arch.json" "$name/weights.safetensors" out "$name/1.png" "$name/2.png"
  check strict "$name/arch.json" "$name/weights.safetensors" again.safetensors again.pth
  same "$name/weights.safetensors" again.safetensors
done

finish
