#!/usr/bin/env bash
# Help at every level, and wrong usage.
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh" "$1"

commands=(search retrain test profile settings version)

expect 0 --help
for command in "${commands[@]}"; do contains out "^  $command "; done
expect 2
contains err '^usage: cream COMMAND'
refuse 2 'unknown command "serch"' serch
expect 0 --version
contains out '^cream [0-9]+\.[0-9]+\.[0-9]+$'

for command in "${commands[@]}"; do
  expect 0 "$command" --help
  contains out "Usage: cream $command \[options\]"
  contains out 'Exit codes: 0 done, 1 failed, 2 wrong'
  [ ! -s err ] || fail "cream $command --help wrote to stderr"
  cp out help
  expect 0 help "$command"
  same out help
  refuse 2 '--nonsense.*cream '"$command"' --help' "$command" --nonsense
  refuse 2 'unexpected argument "stray"' "$command" stray
done

expect 0 predict --help
contains out 'Usage: cream predict \[options\] IMAGE\.\.\.'
contains out '--top=N .*default: 5'
expect 0 export --help
contains out 'Usage: cream export \[options\] onnx'
contains out '--out=FILE .*net\.onnx'

expect 0 search --help
for option in config set data space flops epochs batch seed threads out time-budget json force; do
  contains out "^ +(-., )?--$option"
done
contains out '--flops=MIN:MAX .*millions'
contains out '--epochs=N .*default: 120'
contains out '--time-budget=MINUTES'
contains out 'meta\.every.*200'
refuse 2 '--epochs.*missing argument' search --epochs
refuse 2 'expected KEY=VALUE' search --set epochs

expect 0 version
for line in '^cream ' '^compiler' '^CPU' '^OpenBLAS' '^threads'; do contains out "$line"; done
expect 0 version --json
python3 -m json.tool <out >/dev/null 2>&1 || ! command -v python3 >/dev/null || fail "version --json is not JSON"
contains out '"openblas_core"'
"$cream" version >unbound && OMP_PROC_BIND=true "$cream" version >bound || fail 'version with OMP_PROC_BIND'
cmp -s unbound bound || fail 'with OMP_PROC_BIND=true the program sees other processors'

finish
