#!/usr/bin/env bash
# Studies: the same table again, after a kill too; a run that fails does not end the others; and what is no study.
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh" "$1"

cat >base.yaml <<END
data: digits
space: $space
flops: $flops
heldout: 0.6
search:
  epochs: 7
  batch: 64
  start_epoch: 0
  board: {images: 64, size: 3}
  meta: {every: 4}
  recalibrate: 2
retrain:
  epochs: 1
  batch: 64
  optim: sgd
  lr: {lr: 3.2, warmup_epochs: 0}
  ema: 0
rank: {epochs: 1, batch: 64, recalibrate: 2, resamples: 200}
END
cat >study.yaml <<'END'
name: small
config: base.yaml
budget: {epochs: 1}
rank: 3
seeds: [1, 2]
arms:
  meta: {}
  none: {search: {teacher: none}}
END

expect 0 compare study.yaml --out a --threads 2
cp out table
exists a/study.json a/study.md a/meta-1.log
for run in meta-1 meta-2 none-1 none-2; do exists "a/$run/result.json" "a/$run/rank.json" "a/$run-trained/result.json"; done
contains a/none-1/config.yaml "teacher: none"
contains a/none-1/config.yaml "  epochs: 1"
same out a/study.md
# A search of the study can be ranked alone: the resolution is that of the search.
expect 0 rank --run a/meta-1 --paths 3
cp table out
contains out '^\| small +\| +meta \| +none \|'
contains out '^\| tau, all +\| +-?[01]\.[0-9]{3} ± '
contains out '^\| retrained, test \(%\) +\| '
contains out '^\| hard loss, end \(nats\) +\| +[0-9.]+ ± '
contains out '^\| board FLOPs, half way \(M\) +\| +0\.[12][0-9]* ± '
lacks out 'latency' # there is no table
contains out '^Compared with meta, paired by seed'
contains a/study.json '"settings": \{"search.teacher": "none"\}'
contains a/study.json '"key": "tau", "n": 2, "mean": .*"difference": .*"wilcoxon": '
# Paths trained from scratch serve all arms of a seed.
exists a/trained-meta-1.jsonl a/trained-meta-2.jsonl
absent a/trained-none-1.jsonl a/none-1/rank-trained.jsonl
contains a/none-1.log "3 to be scored by the supernet, 0 to be trained"

# Again: nothing is run but the rankings' statistics, and the answer is the same.
expect 0 compare study.yaml --out a --json
lacks err "^(search|retrain) of"
same out a/study.json
same a/study.md table

# Killed after the first search, and again in the middle of the retraining.
for until in b/meta-1/result.json b/meta-2-trained/metrics.jsonl; do
  "$cream" compare study.yaml --out b --jobs 1 --threads 1 >out 2>err </dev/null &
  pid=$!
  for _ in $(seq 900); do
    [ -e "$until" ] && break
    sleep 0.05
  done
  kill -KILL "$pid"
  wait "$pid" 2>/dev/null
  absent b/study.json
  for _ in $(seq 100); do # until its worker has ended too
    flock --nonblock b/run.lock true && break
    sleep 0.1
  done
done
expect 0 compare study.yaml --out b
lacks err "^search of meta-1"
cmp -s <(study_without_clock a/study.json) <(study_without_clock b/study.json) || fail "the study that was killed has other results"

# An endpoint that is added later is marked; the plan runs nothing and needs no folder.
sed 's/^rank: 3/rank: 3\nendpoint: {measure: tau}/' study.yaml >late.yaml
expect 0 compare late.yaml --out b --json
contains out '"endpoint": \{'
contains out '"fixed": false'
contains out '"before": "none"'
head -1 b/study.md | grep -q '^Endpoint: tau, all, compared with meta (paired t test' || fail "study.md does not begin with its endpoint"
expect 0 compare late.yaml --plan --threads 2
contains out '^\| meta +\| +[0-9.]+ s \| +[0-9.]+ s \|'
contains out '^In all about [0-9]+ s '
contains out '^2 seeds; differences of seeds deviate by [0-9.]+ \(what drawing 3 paths leaves of a tau of 0.4'
contains out '^A difference of [0-9.]+ is found with power 0.8'
expect 0 compare study.yaml --plan --threads 2
contains out '^Endpoint: none'
refuse 2 "give it without --json" compare late.yaml --plan --json
sed 's/measure: tau/measure: tau, test: sign-flip/' late.yaml >strict.yaml
expect 0 compare strict.yaml --plan --out b --threads 2
contains out '^With 2 seeds p is never below 0.5'

# A study with other settings does not go with what there is.
sed 's/epochs: 1}/epochs: 2}/' study.yaml >longer.yaml
refuse 2 "a/meta-1 was made with search.epochs 1, and the study has 2; choose another --out, or --force" compare longer.yaml --out a
sed 's/optim: sgd/optim: adam/' base.yaml >changed.yaml && sed 's/base.yaml/changed.yaml/' study.yaml >adam.yaml
refuse 2 "a/meta-1-trained was made with retrain.optim sgd, and the study has adam" compare adam.yaml --out a

# A ranking with other settings is made with --force alone; each path is again trained once for all arms, nothing
# is retrained where the study does not ask for it, and a random search has nothing to rank.
sed 's/rank: {epochs: 1/rank: {epochs: 2/' base.yaml >twice.yaml
cat >forced.yaml <<'END'
name: forced
config: twice.yaml
budget: {epochs: 1}
rank: 3
retrain: false
seeds: [1]
arms:
  meta: {}
  none: {search: {teacher: none}}
  random: {search: {strategy: random, random: {paths: 2}}}
END
rm -r a/*-trained a/*.log
expect 1 compare forced.yaml --out a
contains err "^rank of meta-1 failed: .*trained-meta-1.jsonl: rank.epochs was 1 .*--force"
expect 0 compare forced.yaml --out a --force
contains err "^rank of meta-1: "
lacks err "^retrain of|^rank of random"
absent a/meta-1-trained a/random-1-trained
contains a/meta-1.log " 3 to be scored by the supernet, 3 to be trained"
contains a/none-1.log " 3 to be scored by the supernet, 0 to be trained"
contains a/trained-meta-1.jsonl 'rank:.* epochs: 2\\u'
sed '/^rank:/d; /^  none:/d' forced.yaml >unranked.yaml
expect 0 compare unranked.yaml --out a --force
contains err "^search of random-1: "
lacks err "^rank of"

# A budget of steps, counted in paths; one arm that cannot run.
cat >steps.yaml <<'END'
name: steps
config: base.yaml
budget: {steps: 18}
retrain: false
seeds: [1]
arms:
  one: {}
  large: {search: {batch: 1000}}
END
expect 1 compare steps.yaml --out c --threads 2
contains err "^search of large-1 failed: batch: got 1000"
contains err "^cream compare: 1 of 2 runs failed; the reasons are in c/study.json"
contains c/study.json '"dir": "large-1", "state": "failed", "error": "search: batch: got 1000'
contains c/study.json '"dir": "one-1", "state": "finished"'
contains c/one-1/config.yaml "  epochs: 2" # of 9 batches each

bad() { # PATTERN FROM TO: the study with a line replaced
  sed "s/$2/$3/" study.yaml >bad.yaml
  refuse 2 "$1" compare bad.yaml --out d
  absent d
}
bad 'bad.yaml:8: key .arms.none.search.teachr.: no such setting, did you mean .search.teacher.' teacher teachr
bad 'bad.yaml:8: key .arms.none.search.teacher.: got .nobody., expected one of' 'teacher: none' 'teacher: nobody'
bad 'key .rang.: .*rank' 'rank: 3' 'rang: 3'
bad 'key .rank.: got 1, expected 2 or more paths' 'rank: 3' 'rank: 1'
bad 'key .seeds\[1\].: duplicate seed' '1, 2' '1, 1'
bad 'key .budget.hours.: no such budget, expected one of epochs, steps, seconds' 'epochs: 1' 'hours: 1'
bad 'letters, digits' 'meta: ' 'me ta: '
sed 's/base.yaml/nothing.yaml/' study.yaml >bad.yaml
refuse 1 'cannot open nothing.yaml' compare bad.yaml --out d
refuse 2 "no study: expected cream compare STUDY.yaml" compare --out d
refuse 2 "no folder: expected --out DIR" compare study.yaml
refuse 1 "nowhere.yaml" compare nowhere.yaml --out d

finish
