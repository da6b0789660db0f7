# Shared by the command line's tests: source it with the program's path as the first argument.
# shellcheck shell=bash disable=SC2034
set -uo pipefail

cream=$(realpath "$1")
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
# Tests run side by side, as many as there are processors: threads of their own would only wait for each other.
export OMP_WAIT_POLICY=passive OMP_NUM_THREADS=1
failures=0

fail() {
  printf 'FAILED: %s\n' "$*"
  failures=$((failures + 1))
}

# expect CODE ARGUMENT...: runs cream; output goes to the files out and err.
expect() {
  local code=$1 got=0
  shift
  "$cream" "$@" >out 2>err </dev/null || got=$?
  [ "$got" -eq "$code" ] || {
    fail "cream $*: exit code $got, expected $code"
    tail -n 3 err
  }
}

# refuse CODE PATTERN ARGUMENT...: cream fails with one line on stderr that matches, and nothing on stdout.
refuse() {
  local code=$1 pattern=$2
  shift 2
  expect "$code" "$@"
  [ ! -s out ] || fail "cream $*: wrote to stdout"
  [ "$(wc -l <err)" -eq 1 ] || {
    fail "cream $*: $(wc -l <err) lines on stderr, expected 1"
    head -n 5 err
  }
  grep -qE -- "$pattern" err || fail "cream $*: \"$(cat err)\" does not match /$pattern/"
}

# What depends on the clock is left out: of metrics.jsonl, and of a study's results.
without_clock() {
  sed -E 's/,? ?"(seconds|images_per_second|waited|waited_network|peak_memory)": ?[^,}]*//g' "$1"
}
study_without_clock() {
  sed -E '/"key": "(seconds|memory)", "n"/d; s/, "(seconds|memory)": [^,}]*//g' "$1"
}

# same_metrics DIR DIR: of two runs.
same_metrics() {
  cmp -s <(without_clock "$1/metrics.jsonl") <(without_clock "$2/metrics.jsonl") ||
    fail "$1 and $2 have different metrics"
}

# killed_after PATTERN ARGUMENT...: starts cream, and kills it when there is a file of that pattern.
killed_after() {
  local pattern=$1 pid
  shift
  "$cream" "$@" >out 2>err </dev/null &
  pid=$!
  for _ in $(seq 900); do
    compgen -G "$pattern" >/dev/null && break
    sleep 0.02
  done
  compgen -G "$pattern" >/dev/null || fail "cream $*: $pattern did not come"
  kill -KILL "$pid"
  wait "$pid" 2>/dev/null
}

# same_summary DIR DIR: of two runs, without what depends on the clock.
same_summary() {
  cmp -s <(cut -d, -f1-8 "$1/summary.csv") <(cut -d, -f1-8 "$2/summary.csv") || fail "summaries differ"
}

# Files appear whole, so no kill breaks a checkpoint.
no_broken() { [ -z "$(find "$1"/ -name "*.broken" 2>/dev/null)" ] || fail "a checkpoint of $1 was broken"; }

# kill_often FOLDER MILLISECONDS TIMES ARGUMENT...: starts and kills until it has been killed so often, then
# lets it end. Half of the kills come while a checkpoint is on its way to disk.
killed=0 writing=0
kill_often() {
  local folder=$1 most=$2 times=$3 n=0
  shift 3
  while [ "$n" -lt "$times" ]; do
    setsid "$cream" "$@" --out "$folder" --resume >out 2>err </dev/null &
    local pid=$!
    sleep "$(printf '0.%03d' $((RANDOM % most + 1)))"
    if [ $((n % 2)) -eq 0 ]; then
      for _ in $(seq 400); do
        compgen -G "$folder/checkpoint-*.tmp-*" >/dev/null && break
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.002
      done
    fi
    if kill -KILL "$pid" 2>/dev/null; then
      compgen -G "$folder/checkpoint-*.tmp-*" >/dev/null && writing=$((writing + 1))
      n=$((n + 1)) killed=$((killed + 1))
    else # it came to its end: once more from an early checkpoint
      rm -rf "$folder"
    fi
    wait "$pid" 2>/dev/null
    no_broken "$folder"
  done
  expect 0 "$@" --out "$folder" --resume
}

contains() { grep -qE -- "$2" "$1" || fail "$1 has no line that matches /$2/"; }

lacks() { ! grep -qE -- "$2" "$1" || fail "$1 has a line that matches /$2/"; }

exists() {
  local file
  for file in "$@"; do [ -s "$file" ] || fail "$file is missing or empty"; done
}

absent() {
  local file
  for file in "$@"; do [ ! -e "$file" ] || fail "$file should not exist"; done
}

same() { cmp -s "$1" "$2" || fail "$1 and $2 differ"; }

finish() {
  [ "$failures" -eq 0 ] || {
    printf '%d checks failed\n' "$failures"
    exit 1
  }
  exit 0
}

# For scripts with an OpenCL device: what PoCL compiles is shared with the other tests of the build folder, and CLBlast's
# kernels are compiled once (tests/opencl/clblast_sources.c).
keep_pocl_cache() {
  export POCL_CACHE_DIR=${CREAM_POCL_CACHE:-$(dirname "$cream")/pocl}
  mkdir -p "$POCL_CACHE_DIR"
  [ -z "${CREAM_CLBLAST_SOURCES:-}" ] || export LD_PRELOAD=$CREAM_CLBLAST_SOURCES
}

# use_oclgrind: from here on Oclgrind is the OpenCL driver, where it is installed.
use_oclgrind() {
  local library
  for library in /usr/lib{,64,/*}/oclgrind/liboclgrind-rt-icd.so /usr/local/lib/oclgrind/liboclgrind-rt-icd.so; do
    [ -f "$library" ] || continue
    mkdir -p "$work/vendors"
    echo "$library" >"$work/vendors/oclgrind.icd"
    export OCL_ICD_VENDORS=$work/vendors OCLGRIND_BUILD_OPTIONS="-cl-opt-disable -DINLINE=static"
    return
  done
}

# need_device: ends the script as skipped where there is no OpenCL device.
need_device() {
  "$cream" devices >out 2>err && grep -q '^opencl:0:0' out && return
  tail -n 1 out
  exit 77
}

# find_onnx: sets `python` to a Python that has onnx and onnxruntime: that of CREAM_ONNX_PYTHON, else one beside cream,
# where they are installed first. Fails, with the reason on stdout, where there is none.
find_onnx() {
  local venv
  venv=$(dirname "$cream")/venv-onnx
  local log=$work/pip.log
  python=${CREAM_ONNX_PYTHON:-$venv/bin/python}
  onnx_usable() { [ -x "$python" ] && "$python" -c 'import onnx, onnxruntime' 2>>"$log"; }
  (
    flock 9 # another test may be installing them
    if ! onnx_usable && [ -z "${CREAM_ONNX_PYTHON:-}" ]; then
      rm -rf "$venv"
      { python3 -m venv "$venv" && timeout 400 "$venv/bin/pip" install -q --no-compile onnx onnxruntime pillow; } >>"$log" 2>&1 ||
        rm -rf "$venv"
    fi
  ) 9>"$venv.lock"
  onnx_usable && return
  printf 'skipped: onnx and onnxruntime are not there and could not be installed:\n'
  tail -n 2 "$log" 2>/dev/null
  return 1
}

# A space and a range of FLOPs for scripts to which any network will do; and a search of a few steps.
space=$root/tests/tools/small.yaml
flops=0.16:0.25
small=(--data digits --space "$space" --flops "$flops" --epochs 2 --batch 64 --threads 1 --set search.recalibrate=2)
