#!/usr/bin/env bash
# cream report: every section, one run and several, a ranking and a study, hostile names; cream watch; and the
# page in a browser, where there is one.
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh" "$1"

sections=(summary network board pareto losses learning-rate matching choices convergence rank arms retraining
  detection classes resources repeat)
options=("${small[@]}" --set search.start_epoch=1 --set search.meta.every=4 --set search.board.every=2
  --set search.board.size=4 --set search.board.images=32)

# page FILE: well-formed, complete, and alone in the world.
page() {
  exists "$1"
  python3 "$root/tests/tools/report_page.py" "$1" "${sections[@]}" >faults || {
    fail "$1"
    cat faults
  }
  local bytes
  bytes=$(wc -c <"$1")
  [ "$bytes" -lt 2000000 ] || fail "$1 has $bytes bytes"
}

# filled FILE SECTION...: these sections have data, according to --json; the others have none.
filled() {
  python3 - "$@" <<'PY' || fail "sections of $1"
import json, sys
sections = json.load(open(sys.argv[1]))["sections"]
expected = set(sys.argv[2:])
wrong = [k for k, v in sections.items() if v != (k in expected)]
if wrong:
    sys.exit(f"other than expected: {wrong}")
PY
}

expect 0 search "${options[@]}" --seed 3 --out with
expect 0 search "${options[@]}" --seed 3 --set search.teacher=none --out without
expect 0 retrain --run with --epochs 2 --batch 64 --set retrain.eval_every=1 --out trained

# One run.
expect 0 report with
contains out '^report +report.html: 1 runs, 0 studies'
page report.html
contains report.html 'Search again with --set search.teacher=none'
contains report.html 'cream rank --run DIR'
contains report.html 'cream search --data digits --space [^ ]*small.yaml' # the command line
contains report.html 'fingerprint <code>[0-9a-f]{32}</code>'
contains report.html '^ +size: 4$' # the settings
lacks report.html 'A rollback after|dark cell' # a warm-up that ends is none; strong cells are light in dark mode
expect 0 report with --json --out again.html
filled out summary network board pareto losses learning-rate matching choices resources repeat
same report.html again.html

# Numbers of the page are those of the run.
python3 - with report.html <<'PY' || fail "the page's numbers"
import html, json, re, sys
result = json.load(open(sys.argv[1] + "/result.json"))
text = open(sys.argv[2], encoding="utf-8").read()
plain = html.unescape(re.sub(r"<[^>]+>", " ", text))
assert f"{100 * result['heldout']['top1']:.2f} %" in plain
assert f"{result['meta_updates']} times" in plain
assert f"{result['flops'] / 1e6:.4g} M" in plain
steps = [json.loads(l) for l in open(sys.argv[1] + "/metrics.jsonl")]
steps = [l for l in steps if l["kind"] == "step"]
table = text.split('<figure id="losses-all">')[1].split("</figure>")[0]
rows = re.findall(r"<tr><td>total</td><td>([^<]*)</td><td>([^<]*)</td>", table)
assert len(rows) == min(len(steps), 80), (len(rows), len(steps))
assert float(rows[0][0]) == steps[0]["step"] and abs(float(rows[0][1]) - steps[0]["loss"]) < 1e-4
assert float(rows[-1][0]) == steps[-1]["step"] and abs(float(rows[-1][1]) - steps[-1]["loss"]) < 1e-4
heat = text.split('<figure id="choices-trained-0">')[1].split("</figure>")[0]
shares = re.findall(r"<tr><td>1\.0</td><td>([^<]*)</td><td>([^<]*)</td>", heat)
counts = [0] * len(shares)
for step in steps:
    counts[step["path"][1]] += 1
for (name, share), count in zip(shares, counts):
    assert abs(float(share) - 100 * count / len(steps)) < 0.01, (name, share, count)
PY

# Several: overlays, and a ranking and a study beside them.
python3 - <<'PY'
import json, os
path = {"path": [["ds3"], ["k3e4"]], "choices": [0, 0], "flops": 4e6, "macs": 4e6, "params": 1e5}
def score(x): return {"top1": x, "top5": 1, "loss": 1, "images": 32}
tau = {"value": 0.41, "low": 0.2, "high": 0.6}
none = {"value": None, "low": None, "high": None}
json.dump({"format": "cream-rank", "version": 1, "bootstrap": {"resamples": 10, "level": 0.95},
           "paths": [dict(path, supernet=score(i / 10), heldout=score(i / 20), test=score(0.5)) for i in range(5)],
           "correlations": [
               {"best": 5, "by": "supernet", "measure": "top1", "split": "heldout", "tau": tau, "rho": none}]},
          open("with/rank.json", "w"))
os.mkdir("study")
os.rename("without", "study/none-1")
os.symlink("../study", "study/up")
json.dump({"format": "cream-study", "version": 1, "name": "<img src=x onerror=alert(1)>", "seeds": [1],
           "measures": [{"key": "tau", "title": "tau", "unit": ""}, {"key": "trained", "title": "test", "unit": "%"}],
           "arms": [{"name": "none", "settings": {"search.teacher": "none"},
                     "runs": [{"seed": 1, "dir": "none-1", "state": "finished", "values": {"tau": 0.5}}],
                     "results": [{"key": "tau", "n": 1, "mean": 0.4321, "deviation": None}]},
                    {"name": "meta", "settings": {}, "runs": [{"seed": 1, "dir": "../with", "state": "failed"}],
                     "results": [{"key": "tau", "n": 2, "mean": 0.5, "deviation": 0.1, "difference": 0.07,
                                  "p": 0.25}]}]},
          open("study/study.json", "w"))
PY
expect 0 report with study/ trained --json --out all.html
filled out "${sections[@]/detection/}" # the report has no detector
page all.html
for text in 'Ranking of with, tau 0.41' '0.410 \(0.200 to 0.600\)' 'not defined' '0.4321' '\+0.07, p 0.250' \
  'no distillation' 'teacher meta, from epoch 2 on' 'trained, test'; do
  contains all.html "$text"
done
for plot in convergence-loss losses-hard board-best ranking-0 retraining-accuracy matching-distribution net-0 \
  arms-loss-0 arms-board-flops-0; do
  contains all.html "<figure id=\"$plot\">"
done
contains out '"runs": *3'
lacks all.html '<img'

# By class: the numbers of the test, and what is shown of a thousand classes.
python3 - <<'PY' || fail "the page's classes"
import html, json, os, re, shutil
test = json.load(open("trained/test.json"))
part = open("all.html", encoding="utf-8").read().split('<section id="classes">')[1].split("</section>")[0]
part = html.unescape(part)
rows = re.findall(r'<tr><th scope="row">([^<]*)</th><td>([^<]*) %</td><td>(\d+)</td><td>(\d+)</td>', part)
assert sorted((n, int(c), int(i)) for n, _, c, i in rows) == sorted(
    (c["name"], c["correct"], c["images"]) for c in test["classes"]), rows
shares = [float(a) for _, a, _, _ in rows]
assert shares == sorted(shares), shares
most = max(test["confusions"], key=lambda c: c[2])
first = re.search(r'<ol class="confusions"><li>([^<]*)<', part).group(1)
name = [c["name"] for c in test["classes"]]
assert f": {most[2]} of {test['classes'][most[0]]['images']} images" in first, first
cells = dict(re.findall(r"<title>(\d, \d): ([0-9.]+) %</title>", part))
for label, predicted, images in test["confusions"]:
    share = 100 * images / test["classes"][label]["images"]
    assert abs(float(cells[f"{name[label]}, {name[predicted]}"]) - share) < 0.051, (label, predicted)
shutil.copytree("trained", "many")
classes = [{"name": f"n{c} <b>", "images": 50 if c < 990 else 0, "correct": c % 50 if c < 990 else 0} for c in range(1000)]
confusions = [[c, (c + 7) % 1000, 50 - c % 50] for c in range(990)]
json.dump(dict(test, classes=classes, confusions=confusions), open("many/test.json", "w"))
shutil.copytree("many", "damaged")
bad = [[0, 5000, 1], [-1, 0, 1], [0, 1, 51], [0, 0, 1], "x", [0], [0, 1, 2.5], {}, [1, 2, 3]]
json.dump({"classes": classes[:3] + [3, {"name": 1, "images": 2, "correct": 3}], "confusions": bad, "data": [1]},
          open("damaged/test.json", "w"))
PY
expect 0 report many --out many.html
page many.html
for text in 'of 1000 classes, the 50 least and the 10 most accurate' 'The 20 most frequent of 990 confusions' \
  'Of 1000 classes, these are the 20 with the most mistakes' 'The test has no images of 10 classes'; do
  contains many.html "$text"
done
lacks many.html '<b>'
expect 0 report damaged --out damaged.html
page damaged.html
contains damaged.html 'All confusions, the most frequent first'
rm -r damaged many

# A study alone: lines of arms, in place of those of runs, are means over seeds.
cp -r with study/meta-1
cp -r trained study/none-1-trained
sed -i 's|../with|meta-1|' study/study.json
expect 0 report study --out one-seed.html
page one-seed.html
python3 - <<'PY'
import json, shutil
shutil.copytree("study/none-1", "study/none-2")
lines = [json.loads(l) for l in open("study/none-1/metrics.jsonl")]
for line in lines:
    if line["kind"] == "step":
        line["hard"] += 1
    if "board_flops" in line:
        line["board_flops"] = [f + 2e6 for f in line["board_flops"]]
open("study/none-2/metrics.jsonl", "w").write("".join(json.dumps(l) + "\n" for l in lines))
study = json.load(open("study/study.json"))
study["arms"][0]["runs"].append({"seed": 2, "dir": "none-2", "state": "finished", "values": {}})
study["arms"][1]["results"][0]["p"] = 1e-5
json.dump(study, open("study/study.json", "w"))
PY
expect 0 report study --out two-seeds.html
page two-seeds.html
contains two-seeds.html 'p &lt; 0.001'
python3 - <<'PY' || fail "means over seeds"
import re
def rows(page, figure):
    text = open(page, encoding="utf-8").read().split(f'<figure id="{figure}-0">')[1].split("</figure>")[0]
    return [tuple(map(float, r)) for r in re.findall(r"<tr><td>none</td><td>([^<]*)</td><td>([^<]*)</td>", text)]
for figure, more in ("arms-loss", 0.5), ("arms-board-flops", 1):
    one, two = rows("one-seed.html", figure), rows("two-seeds.html", figure)
    assert len(one) == len(two) > 3, (figure, len(one), len(two))
    for a, b in zip(one, two):
        assert a[0] == b[0] and abs(b[1] - a[1] - more) < 2e-3, (figure, a, b)
PY
contains two-seeds.html '<figure id="arms-retraining-0">'
lacks two-seeds.html '<figure id="(convergence-loss|board-size)">'

# A network and a board for each of several budgets.
expect 0 search --data digits --space "$space" --epochs 2 --batch 64 --threads 1 --set search.recalibrate=2 \
  --set search.start_epoch=1 --set search.board.every=2 --set search.board.images=32 --set search.budgets=0.16,0.25 \
  --out budgets
expect 0 report budgets --out budgets.html
page budgets.html
for text in '<b>0.16:</b> [0-9.]+ %, <b>0.25:</b> [0-9.]+ %' 'A network for each budget' 'Network of budgets, budget 0.16' \
  'Scores on the board, budget 0.25' 'id="choices-board-0"'; do
  contains budgets.html "$text"
done

# Names that would be markup, files that are damaged, a run that has hardly begun.
hostile=$'<script>alert(1)<\'"&\xff'
cp -r with "$hostile"
head -c 3000 with/metrics.jsonl >"$hostile/metrics.jsonl"
printf '\n{"kind": "note", "note": "</style><script>x"}\n{"kind": "step", "path": [1e9], "rho": "x"}\nx\n' \
  >>"$hostile/metrics.jsonl"
echo '{"entries": [{"path": [["<b>", 1]]}]}' >"$hostile/board.json"
echo '[' >"$hostile/result.json"
echo '{"starts": [{"command": "<b>x"}], "data": 3}' >"$hostile/origin.json"
mkdir empty
: >empty/metrics.jsonl
expect 0 report "$hostile" empty --out hostile.html
page hostile.html
lacks hostile.html '<script|<b>'
contains hostile.html 'lines of the metrics could not be read'
expect 0 report empty --json --out empty.html
filled out summary repeat

# A folder of runs: a table, and the report of each with ids of its own; one of them cannot be read.
mkdir -p folder/none folder/unread/metrics.jsonl
mv budgets "$hostile" empty folder
cp -r trained folder
echo 'A rollback: went back to step 3 and halved the learning rate' >note
python3 -c 'import json; print(json.dumps({"kind": "note", "phase": "retrain", "note": open("note").read().strip()}))' \
  >>folder/trained/metrics.jsonl
expect 0 report folder --json --out folder.html
contains out '"runs": *5'
contains out '"classes": true'
own=("${sections[@]}")
sections=(runs)
for i in 0 1 2 3; do # the last cannot be read: it has no sections
  sections+=("${own[@]/#/run-$i-}")
done
contains folder.html 'The run cannot be read: cannot read folder/unread/metrics.jsonl'
page folder.html
sections=("${own[@]}")
python3 - <<'PY' || fail "the table of runs"
import html, re
text = open("folder.html", encoding="utf-8").read()
table = text.split('<table class="runs">')[1].split("</table>")[0]
rows = [[html.unescape(re.sub("<[^>]+>", " ", cell)).strip() for cell in re.findall("<t[hd][^>]*>(.*?)</t[hd]>", row)]
        for row in table.split("<tr>")[2:]]
assert len(rows) == 5 and all(len(r) == 8 for r in rows), rows
trained = [r for r in rows if r[0] == "trained"][0]
assert trained[1:3] == ["retrain", "finished"] and trained[3].endswith("% (test)"), trained
assert trained[4].endswith("M") and trained[5].endswith("M") and re.match(r"\d{4}-\d\d-\d\d", trained[6]), trained
assert trained[7].startswith("ds3 "), trained
number = re.search(r'<a href="#run-(\d)">trained</a>', table).group(1)
report = text.split(f'<div id="run-{number}">')[1].split("</details>\n<details")[0]
assert f'<section id="run-{number}-classes">' in report and "A rollback after the loss" in report
PY
cp folder.html before.html
refuse 2 'folder: a folder of runs is reported alone' report folder with --out folder.html
refuse 2 'folder/none: neither a run folder nor a study, nor a folder that contains runs' report folder/none --out folder.html
same folder.html before.html
refuse 1 'cannot' report folder --out nowhere/report.html

refuse 2 'no folder: expected cream report DIR' report
refuse 2 'nowhere: neither a run folder nor a study' report nowhere
refuse 1 'cannot' report with --out nowhere/report.html
absent nowhere

# In the terminal.
expect 0 watch with --once --ascii
contains out '^with  search, finished$'
contains out '^\[#+\] step ([0-9]+)/\1 '
contains out '^loss \* all [0-9.]+'
lacks out $'\033'
COLUMNS=60 LINES=40 LC_ALL=C.UTF-8 "$cream" watch with >out 2>err </dev/null || fail "watch without a terminal"
[ "$(wc -l <out)" -le 40 ] || fail "watch: $(wc -l <out) lines in a terminal of 40"
contains out '│'
expect 0 watch nowhere --once
contains out 'waiting for its first line'
refuse 2 'no folder: expected cream watch DIR' watch
if command -v script >/dev/null; then
  # On a terminal, while the run continues: until its end, and until q.
  "$cream" search "${options[@]}" --out live >/dev/null 2>&1 </dev/null &
  pid=$!
  timeout 120 script -qec "$cream watch live" typed >/dev/null 2>&1 </dev/null || fail "watch on a terminal"
  wait "$pid" || fail "the search that was watched"
  contains typed 'live  search, finished'
  contains typed 'q: quit'
  started=$SECONDS
  { sleep 1 && printf q && sleep 3; } | timeout 60 script -qec "$cream watch nowhere" typed >/dev/null 2>&1 ||
    fail "watch did not end by q"
  [ $((SECONDS - started)) -lt 40 ] || fail "watch took $((SECONDS - started)) s to quit"
fi

[ "$failures" -eq 0 ] || finish
chromium=$(command -v chromium || command -v chromium-browser) || {
  echo "no chromium: the page was not opened in a browser"
  exit 77
}
python3 "$root/tests/tools/report_page.py" --browser "$chromium" all.html hostile.html folder.html >faults || {
  fail "the pages in a browser"
  cat faults
}
finish
