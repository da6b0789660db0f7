#!/usr/bin/env bash
# Searches a network, trains it, and fails where the result misses a bar. docs/ci.md describes the job.
#   CREAM_CONFIG      settings file of the search and the training
#   CREAM_BARS        bars for the trained network on the test images: top1=97.5,loss=0.2
#   CREAM_RANK_BARS   bars for the order of the supernet's paths: tau=0.3; empty: no ranking
#   CREAM_MINUTES     minutes for the search and the training together (20); empty: as long as their epochs take
#   CREAM_HASHES      file of hashes, lines of sha256sum with paths from CREAM_OUT on, that the results must have; empty: none
#   CREAM_OUT         folder for all that the job makes
set -euo pipefail

PATH=$PATH:/usr/lib/cream-nas/bin
out=${CREAM_OUT:-cream-results}
budget=()
minutes=${CREAM_MINUTES-20}
[ -z "$minutes" ] || budget=(--time-budget "$(awk "BEGIN {print $minutes / 2}")")
hashes=${CREAM_HASHES:+$(realpath "$CREAM_HASHES")}
mkdir -p "$out"

# With --resume, a job that was interrupted continues where its folder is still there.
cream search --config "${CREAM_CONFIG:?}" "${budget[@]}" --resume --out "$out/search" --json >"$out/search.json"
cream retrain --run "$out/search" "${budget[@]}" --resume --out "$out/trained" --json >"$out/trained.json"

# A bar that is missed ends the job after the report, with exit code 1.
code=0
if [ -n "${CREAM_RANK_BARS:-}" ]; then
  cream rank --run "$out/search" --require "$CREAM_RANK_BARS" --junit "$out/junit-rank.xml" --json >"$out/rank.json" ||
    code=$?
fi
cream test --run "$out/trained" --require "${CREAM_BARS:?}" --junit "$out/junit-test.xml" --json >"$out/test.json" ||
  code=$?
[ -z "$hashes" ] || (cd "$out" && sha256sum --check --quiet "$hashes") || code=1
cream report "$out/search" "$out/trained" --out "$out/report.html"
exit "$code"
