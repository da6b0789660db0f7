#!/usr/bin/env bash
# Bars and JUnit files, and the job of docs/ci.md: it passes with bars that are reached, fails with others and names them.
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh" "$1"
command -v python3 >/dev/null || exit 77

# ---- the job: its script as it is, with a search of seconds ----------------------------------------------

mkdir bin
ln -s "$cream" bin/cream
PATH=$work/bin:$PATH
cat >ci.yaml <<YAML
data: digits
space: $space
flops: $flops
threads: 2
search: {epochs: 1, batch: 64, recalibrate: 2, board: {images: 64, size: 3}}
retrain: {epochs: 4, batch: 32, ema: 0, optim: sgd, lr: {lr: 3.2, warmup_epochs: 0}}
heldout: 0.6
rank: {paths: 3, epochs: 1, batch: 64, recalibrate: 1, resamples: 100}
YAML
job() { # CODE BARS RANK_BARS
  local got=0
  CREAM_CONFIG=ci.yaml CREAM_BARS=$2 CREAM_RANK_BARS=$3 CREAM_MINUTES=3 CREAM_OUT=results \
    bash "$root/docs/examples/ci/cream.sh" >job.out 2>job.err || got=$?
  [ "$got" -eq "$1" ] || {
    fail "the job with $2 $3: exit code $got, expected $1"
    tail -n 3 job.err
  }
}
job 0 top1=2,loss=100 tau=-1
exists results/{search,trained,rank,test}.json results/report.html results/junit-{rank,test}.xml
for file in results/*.json; do python3 -m json.tool "$file" >/dev/null || fail "$file is not JSON"; done
contains results/junit-test.xml 'tests="2" failures="0" errors="0"'
contains results/report.html 'id="rank"'

cp results/trained/weights.safetensors first.safetensors

# Both bars are missed. Nothing is trained again, and the report is made all the same.
rm results/report.html
job 1 top1=2,loss=0.0001,top5=100 tau=1,rho=1,tau.test=1,tau.loss=1,tau.low=1
contains job.err '^cream rank: results/search/rank.json: .*tau.* below the bar of 1'
contains job.err '^cream test: results/trained: top5 is [0-9.]+ %, [0-9.]+ points below the bar of 100 %; loss is [0-9.]+, [0-9.]+ above the bar of 0.0001$'
same first.safetensors results/trained/weights.safetensors
contains results/junit-test.xml 'tests="3" failures="2" errors="0"'
exists results/report.html

# Without a time budget, and with hashes of the results: the same ones, then others.
(cd results && sha256sum search/arch.json trained/weights.safetensors) >golden
sed 's/^......../00000000/' golden >others
hashed() { # CODE HASHES
  local got=0
  CREAM_CONFIG=ci.yaml CREAM_BARS=top1=2 CREAM_MINUTES='' CREAM_HASHES=$2 CREAM_OUT=results \
    bash "$root/docs/examples/ci/cream.sh" >job.out 2>job.err || got=$?
  [ "$got" -eq "$1" ] || fail "the job with hashes: exit code $got, expected $1"
}
hashed 0 golden
hashed 1 others
contains job.out '^search/arch.json: FAILED$'

# ---- bars ----------------------------------------------------------------------------------------------

test=(test --run results/trained --threads 2)
expect 0 "${test[@]}" --json
top1=$(python3 -c 'import json; print(100 * json.load(open("out"))["top1"])')
weakest=$(python3 -c 'import json; print("%.6g" % (100 * min(c["accuracy"] for c in json.load(open("out"))["classes"])))')
expect 0 "${test[@]}" --require "top1=$top1" --junit passed.xml
contains out '^test  '
refuses() { expect 1 "${test[@]}" "$@" && contains err '^cream test: results/trained: '; }
refuses --require weakest=100
contains err "weakest is $weakest %, [0-9.]+ points below the bar of 100 %"
expect 1 "${test[@]}" --require "top1=$top1,top5=99.99" --require loss=0.01 --junit 'a "b" <c> &.xml'
[ "$(grep -c '^cream test: ' err)" -eq 1 ] || fail "not one line: $(cat err)"
contains err 'results/trained: .*loss is [0-9.]+, [0-9.]+ above the bar of 0.01$'
contains out '^test  ' # the result is printed all the same
# The later of two bars for one measure counts.
expect 0 "${test[@]}" --require loss=0.01 --require loss=100
cp -r results/trained 'odd <&">'
expect 1 test --run 'odd <&">' --require top1=100 --junit odd.xml
expect 1 test --run 'odd <&">' --weights nowhere --require top1=100,loss=1 --junit none.xml # nothing was measured
contains none.xml 'tests="2" failures="0" errors="2"'

refuse 2 '^cream test: --require: got "top11", expected one of top1, top5, .* \(did you mean `top1`\?\)$' "${test[@]}" --require top11=5
refuse 2 '--require: got "tau", expected one of top1, ' "${test[@]}" --require tau=0.3
refuse 2 '--require: got "top1", expected MEASURE=VALUE' "${test[@]}" --require top1
refuse 2 '--require: got "", expected MEASURE=VALUE' "${test[@]}" --require top1=50,
for value in 0.975 101 -1 nan 5x ''; do
  refuse 2 "--require: top1: got \"$value\", expected a number from 1 to 100, in per cent" "${test[@]}" --require "top1=$value"
done
refuse 2 '--require: int8.drop needs --int8' "${test[@]}" --require int8.drop=1
refuse 2 '--junit needs --require' "${test[@]}" --junit x.xml
refuse 2 '--require: tau: got "1.5", expected a number from -1 to 1$' rank --run results/search --require tau=1.5
refuse 2 'expected one of tau, tau.low, ' rank --run results/search --require top1=90
absent x.xml
mkdir folder
expect 1 "${test[@]}" --require top1=2 --junit folder
contains err '^cream test: .*folder: it is a folder$'

# ---- JUnit ---------------------------------------------------------------------------------------------

cat >junit.py <<'PYTHON'
"""What Jenkins's and the Ant task's schemas require: elements in order, attributes, counts that fit."""
import re, sys
import xml.etree.ElementTree as ET

for name in sys.argv[1:]:
    root = ET.parse(name).getroot()
    assert root.tag == 'testsuites' and len(root) == 1, name
    suite = root[0]
    assert suite.tag == 'testsuite', name
    for key in ('id', 'package', 'name', 'timestamp', 'hostname', 'tests', 'failures', 'errors', 'time'):
        assert suite.get(key), (name, key)
    assert re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d', suite.get('timestamp')), name
    tags = [child.tag for child in suite]
    cases = suite.findall('testcase')
    assert tags == ['properties'] + ['testcase'] * len(cases) + ['system-out', 'system-err'], (name, tags)
    for prop in suite.find('properties'):
        assert prop.tag == 'property' and prop.get('name') and prop.get('value') is not None, name
    for case in cases:
        assert case.get('name') and case.get('classname') and float(case.get('time')) >= 0, name
        for problem in case:
            assert problem.tag in ('failure', 'error') and problem.get('type') and problem.get('message'), name
    assert int(suite.get('tests')) == len(cases), name
    assert int(suite.get('failures')) == len(suite.findall('testcase/failure')), name
    assert int(suite.get('errors')) == len(suite.findall('testcase/error')), name
    assert abs(float(suite.get('time')) - sum(float(c.get('time')) for c in cases)) < 0.01, name
odd = ET.parse('odd.xml').getroot()
assert [p.get('value') for p in odd.iter('property') if p.get('name') == 'measured'] == ['odd <&">']
PYTHON
python3 junit.py results/junit-*.xml passed.xml odd.xml none.xml 'a "b" <c> &.xml' || fail 'JUnit'

# ---- docs/ci.md has the files as they are, and both jobs are YAML that runs the scripts --------------------

python3 - "$root/docs" <<'PYTHON' || fail 'docs/ci.md'
import re, sys
docs = sys.argv[1]
page = open(docs + '/ci.md').read()
blocks = re.findall(r'^```\w+\n(.*?)^```', page, re.M | re.S)
for name in ('github.yml', 'gitlab.yml', 'install.sh', 'cream.sh'):
    assert open(docs + '/examples/ci/' + name).read() in blocks, name
    assert '](examples/ci/%s)' % name in page, name
PYTHON
# A YAML parser: PyYAML where it is installed; else the program's own, for which a setting is missing in the file.
for file in github gitlab; do
  if python3 -c 'import yaml' 2>/dev/null; then
    python3 - "$root/docs/examples/ci/$file.yml" <<'PYTHON' || fail "$file.yml"
import sys, yaml
name = sys.argv[1]
job = yaml.safe_load(open(name))
if name.endswith('github.yml'):
    job = job['jobs']['search']
    variables, lines = job['env'], [step['run'] for step in job['steps'] if 'run' in step]
else:
    job = job['cream']
    variables, lines = job['variables'], job['script']
assert lines == ['ci/install.sh', 'ci/cream.sh'], lines
assert all(name.startswith('CREAM_') for name in variables)
PYTHON
  fi
  refuse 2 "$file.yml:[0-9]+: (key|unknown)" search --config "$root/docs/examples/ci/$file.yml" --out none
done
bash -n "$root/docs/examples/ci/install.sh" || fail 'install.sh'

finish
