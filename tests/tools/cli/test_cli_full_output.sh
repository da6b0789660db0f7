#!/usr/bin/env bash
# A standard output that cannot be written (a full disk) ends every command with exit code 1 and one line that says so.
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh" "$1"
[ -c /dev/full ] || exit 77

# full ARGUMENT...: fails on a full stdout; the last line on stderr says why.
full() {
  local got=0
  "$cream" "$@" >/dev/full 2>err </dev/null || got=$?
  [ "$got" -eq 1 ] || fail "cream $* >/dev/full: exit code $got, expected 1"
  tail -n 1 err | grep -qE '^cream.*: standard output: cannot write.*incomplete$' ||
    fail "cream $* >/dev/full: $(tail -n 1 err)"
  [ "$(grep -c 'standard output' err)" -eq 1 ] || fail "cream $* >/dev/full: $(grep -c 'standard output' err) lines"
}

full --help
full --version
full help search
for page in man bash settings; do full docs "$page"; done
for command in $(sed -n 's/^  X(\([a-z]*\)).*/\1/p' "$root/tools/commands/commands.h"); do full "$command" --help; done

full settings
full devices
full version
full version --json
full profile --arch cream-14 --json
one=(--data digits --space "$space" --flops "$flops" --epochs 1 --batch 256 --threads 1 --set search.recalibrate=1)
full search "${one[@]}" --out found --json
exists found/arch.json found/result.json
full retrain --run found --out trained --epochs 1 --batch 256 --json
exists trained/weights.safetensors trained/result.json
full test --run trained
full test --run trained --json
full runs .
full runs . --json
full watch found --once
full report found --out page.html --json
expect 0 data show --data digits --out shown.png
full predict --run trained shown.png
full data check --data digits --json

# Closed from the start: the same, and no file of the run takes its place.
got=0
"$cream" test --run trained >&- 2>err || got=$?
[ "$got" -eq 1 ] || fail "test >&-: exit code $got, expected 1"
contains err 'standard output: cannot write'
got=0
"$cream" version >out 2>&- <&- || got=$?
[ "$got" -eq 0 ] || fail "version 2>&-: exit code $got"
# A failure of the command itself keeps its exit code and its line.
got=0
"$cream" test --run absent >/dev/full 2>err || got=$?
[ "$got" -eq 1 ] && [ "$(wc -l <err)" -eq 1 ] || fail "test --run absent >/dev/full: $got, $(cat err)"

finish
