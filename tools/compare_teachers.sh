#!/usr/bin/env bash
# Does distillation help? The demo's search with the matched teacher and without any, over seeds; each network
# found is retrained and tested. usage: tools/compare_teachers.sh [FOLDER [SEED...]]
set -euo pipefail
program=${CREAM:-build/cream}
folder=${1:-runs/compare-teachers}
shift || true
seeds=("$@")
[ ${#seeds[@]} -gt 0 ] || seeds=(1 2 3 4 5)
threads=${THREADS:-0}

# number FILE SECTION KEY: a number out of a result.json
number() { sed -n "s/.*\"$2\": {.*\"$3\": \([-0-9.e]*\).*/\1/p" "$1"; }
field() { sed -n "s/^  \"$2\": \([-0-9.e]*\).*/\1/p" "$1"; }

mkdir -p "$folder"
table=$folder/table.tsv
: >"$table"
for seed in "${seeds[@]}"; do
  for teacher in meta none; do
    run=$folder/$teacher-$seed
    if [ ! -f "$run-trained/result.json" ]; then
      "$program" search --config tools/demo.yaml --seed "$seed" --threads "$threads" \
        --set search.teacher="$teacher" --out "$run" --force >/dev/null 2>"$folder/log"
      "$program" retrain --run "$run" --threads "$threads" --out "$run-trained" --force >/dev/null 2>"$folder/log"
    fi
    printf '%s\t%s\t%s\t%s\t%s\n' "$teacher" "$seed" "$(number "$run/result.json" heldout top1)" \
      "$(number "$run-trained/result.json" test top1)" "$(field "$run/result.json" flops)" >>"$table"
  done
done

awk -F'\t' '
  BEGIN { printf "%-8s %5s %18s %16s %12s\n", "teacher", "seed", "held-out (search)", "test (retrained)", "M FLOPs" }
  { printf "%-8s %5s %17.2f%% %15.2f%% %12.3f\n", $1, $2, 100*$3, 100*$4, $5/1e6
    n[$1]++; h[$1] += $3; t[$1] += $4; hh[$1,$2] = $3; tt[$1,$2] = $4; seeds[$2] = 1 }
  function deviation(kind, mean, arm,   s, sum, x) {
    for (s in seeds) { x = kind == "h" ? hh[arm,s] : tt[arm,s]; sum += (x-mean)^2 }
    return n[arm] > 1 ? sqrt(sum/(n[arm]-1)) : 0
  }
  function paired(kind,   s, d, m, k, v) {
    for (s in seeds) { d[s] = kind == "h" ? hh["meta",s]-hh["none",s] : tt["meta",s]-tt["none",s]; m += d[s]; k++ }
    m /= k; for (s in seeds) v += (d[s]-m)^2
    if (k < 2 || v == 0) return "-"
    return sprintf("%+.2f points, t = %.2f with %d degrees of freedom", 100*m, m/sqrt(v/(k-1)/k), k-1)
  }
  END {
    for (a in n) printf "mean of %s: held-out %.2f%% (deviation %.2f), test %.2f%% (deviation %.2f), %d seeds\n", a,
      100*h[a]/n[a], 100*deviation("h", h[a]/n[a], a), 100*t[a]/n[a], 100*deviation("t", t[a]/n[a], a), n[a]
    print "meta - none, held-out: " paired("h")
    print "meta - none, test:     " paired("t")
  }' "$table"
