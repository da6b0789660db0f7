#!/usr/bin/env bash
# Bad input: each with its exit code and one line that says what, where and what was expected.
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh" "$1"

# The run folder must not appear where the input is refused.
search() {
  local code=$1 pattern=$2
  shift 2
  refuse "$code" "$pattern" search "${small[@]}" --space micro --flops 3:5 --out run "$@"
  absent run
}

# Settings.
printf 'seed: 1\nsearch:\n  epochz: 3\n' >key.yaml
search 2 'key\.yaml:3: .*search\.epochz.*did you mean .*search\.epochs' --config key.yaml
printf 'search:\n  teacher: metta\n' >value.yaml
search 2 'value\.yaml:2: .*search\.teacher.*metta.*meta' --config value.yaml
printf 'search: [\n' >syntax.yaml
search 2 'syntax\.yaml:[0-9]+' --config syntax.yaml
search 1 'absent\.yaml' --config absent.yaml
search 2 'search\.epochz.*did you mean' --set search.epochz=3
search 2 'search\.lr\.lr.*fast.*number' --set search.lr.lr=fast
search 2 'expected KEY=VALUE' --set search.epochs
for pair in epochs=0 epochs=-3 epochs=1.5 batch=0 batch=-64 threads=-1 time-budget=-1 seed=x; do
  search 2 "${pair%%=*}|time_budget" "--$pair"
done
search 2 'retrain\.dropout' --set retrain.dropout=1.5

# Spaces.
search 2 'nosuchspace.*micro' --space nosuchspace
sed 's/^  *channels: 24/&0000000000/; s/kernel: 3/kernel: 4/' "$root/io/config/spaces/micro.yaml" >even.yaml
search 2 'even\.yaml.*kernel' --space even.yaml
grep -v '^stages' "$root/io/config/spaces/micro.yaml" >nostages.yaml
search 2 'nostages\.yaml' --space nostages.yaml
: >empty.yaml
search 2 'empty\.yaml' --space empty.yaml

search 2 'search\.fixed_prior: got 6 weights or more, but space .micro. has 5 ops' \
  --set search.prior=fixed --set search.fixed_prior=1,1,1,1,1,1

# The FLOPs range.
search 2 'reach.*[0-9]' --flops 5000:6000
search 2 'reach.*[0-9]' --flops 0.0001:0.0002
search 2 'flops.*MIN:MAX' --flops 12
search 2 'flops' --flops 3:2
search 2 'flops' --flops -2:3

# Depths.
search 2 'depth: got 2 numbers, but space .micro. has 4 stages' --set depth=1,2
search 2 'depth: got 5 numbers, but space .micro. has 4 stages' --set depth=1,1,1,1,1
search 2 'depth\[1\]: got 9, expected 1 to 3' --set depth=1,9,1,1

# Data.
search 2 'nodata.*digits' --data nodata
search 2 'batch.*(1[0-9]{3})' --batch 5000
for share in 0.9999 -0.1; do search 2 'heldout' --set "heldout=$share"; done
for share in 0 0.0001; do
  search 2 'heldout: none of the 1437 training images are held out' --set "heldout=$share"
done
search 2 'search\.meta\.slice: got 4, expected at most the 3 held-out images; raise heldout' --set heldout=0.002
digits=$root/io/dataset/data/digits.csv.gz
head -c 20000 "$digits" >cut.csv.gz
search 3 'cut\.csv\.gz' --data digits:cut.csv.gz
gzip -dc "$digits" | sed '7s/,[0-9]*$/,12/' >label.csv
search 3 'label\.csv:7' --data digits:label.csv
gzip -dc "$digits" | sed '9s/^[0-9]*/x/' >pixel.csv
search 3 'pixel\.csv:9' --data digits:pixel.csv
gzip -dc "$digits" | head -n 5 >short.csv
search 3 'short\.csv' --data digits:short.csv
search 1 'absent\.csv' --data digits:absent.csv

# Run folders.
refuse 2 'expected --out' search "${small[@]}"
mkdir used
echo kept >used/file
refuse 2 'used.*--force' search "${small[@]}" --out used
[ "$(cat used/file)$(find used | wc -l)" = kept2 ] || fail "the refused folder was touched"
touch plain
refuse 1 'plain' search "${small[@]}" --out plain/run
refuse 1 'proc' search "${small[@]}" --out /proc/cream-run

# Architectures and weights.
refuse 2 'expected --arch' retrain --data digits --out run
refuse 2 'expected --arch' test --data digits
refuse 1 'absent\.json' retrain --arch absent.json --data digits --out run
echo '{"space": 3' >broken.json
refuse 2 'broken\.json' retrain --arch broken.json --data digits --out run
refuse 1 'absent' test --run absent
mkdir searched
cp "$root/io/config/archs/cream-14.json" searched/arch.json
touch searched/{config.yaml,supernet.safetensors}
for command in 'test --data digits' 'predict x.png' 'export onnx'; do
  # shellcheck disable=SC2086
  refuse 2 'searched is a search, .*cream retrain --run searched --out DIR' $command --run searched
done
absent run

finish
