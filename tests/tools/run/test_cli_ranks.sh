#!/usr/bin/env bash
# Searches and retrainings in several processes: the same bytes for any number of them, on Open MPI and MPICH; what is
# refused; failures, signals and resuming.
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/tools/mpi.sh
source "$root/tests/tools/mpi.sh"
first=${mpis[0]} last=${mpis[-1]}

# Distillation, meta network, board and selection within a few steps of 8 parts.
sed 's/min: 32, max: 32, step: 32/min: 16, max: 32, step: 16/' "$root/io/config/spaces/micro.yaml" >small.yaml
tiny=(--data digits --space small.yaml --set resolution=16 --flops 0.7:1.3 --epochs 2 --batch 8 --set heldout=0.8
  --set search.accumulate=8 --set search.board.size=2 --set search.board.images=16 --set search.meta.every=2
  --set search.meta.slice=8 --set search.start_epoch=0 --set search.recalibrate=1 --set checkpoint.every_steps=1)

# ---- the same bytes ------------------------------------------------------------------------------------------

# CREAM_TEST_KILLS=N: everything with both MPIs and more processes, and N kills with each.
expect 0 search "${tiny[@]}" --threads 2 --out alone
expect_ranks 0 "$first" 2 search "${tiny[@]}" --threads 1 --out two
same_run alone two
contains err '^search: '
[ "$(grep -c 'done, best' err)" -eq 2 ] || fail "more than one rank prints its progress"

# A rank may have the same images under another name.
cp "$root/io/dataset/data/digits.csv.gz" copy.csv.gz
train=(retrain --run alone --data digits --epochs 2 --batch 8 --set heldout=0.8 --set retrain.accumulate=8
  --set retrain.ema=0.9 --set retrain.mixup=0.2)
expect 0 "${train[@]}" --threads 2 --out t1
timeout 120 "mpirun.$last" -n 1 "$cream" "${train[@]}" --threads 1 --out t2 : \
  -n 1 "$cream" "${train[@]}" --data digits:copy.csv.gz --threads 1 --out t2 >out 2>err </dev/null ||
  fail "two names of one data set: $(head -n 3 err)"
same_run t1 t2
contains out '^test '
exists t2/test.json

# Rank 0 writes the outputs of a teacher, and all ranks read them; from a file that ends within a step too.
taught=(retrain --run alone --data digits --epochs 1 --batch 16 --set heldout=0.8 --set retrain.accumulate=4 --teacher t1
  --set retrain.teacher.top=3 --threads 1)
expect 0 "${taught[@]}" --set retrain.teacher.cache=outputs --out c1
head -c $(($(stat -c %s outputs) - 1000)) outputs >torn
expect_ranks 0 "$first" 2 "${taught[@]}" --set retrain.teacher.cache=torn --out c2
same outputs torn
same_run c1 c2
chmod a-w outputs
expect_ranks 0 "$last" 4 "${taught[@]}" --set retrain.teacher.cache=outputs --out c3
same_run c1 c3
expect_ranks 0 "$last" 2 "${taught[@]}" --set retrain.teacher.cache=new --out c4
same outputs new
expect 0 "${taught[@]}" --epochs 2 --set retrain.teacher.cache=once --set retrain.teacher.epochs=1 --out c5
expect_ranks 0 "$first" 2 "${taught[@]}" --epochs 2 --set retrain.teacher.cache=again --set retrain.teacher.epochs=1 --out c6
same outputs again
same_run c5 c6
refuse_ranks 3 "retrain.teacher: outputs: .*'seed 0', expected 'seed 1'" "$first" 2 "${taught[@]}" --seed 1 \
  --set retrain.teacher.cache=outputs --out no

# Files of one path hold the same on all hosts, or the run does not begin; the space is read by rank 0 alone.
mkdir elsewhere
ln -s ../alone elsewhere/alone
cp -r c1 elsewhere/t1
timeout 120 "mpirun.$first" -n 1 "$cream" search "${tiny[@]}" --threads 1 --out apart : \
  -n 1 -wdir "$PWD/elsewhere" "$cream" search "${tiny[@]}" --threads 1 --out apart >out 2>err </dev/null ||
  fail "a space on the host of rank 0 alone: $(head -n 3 err)"
same_run alone apart
timeout 60 "mpirun.$last" -n 1 "$cream" "${taught[@]}" --out no : \
  -n 1 -wdir "$PWD/elsewhere" "$cream" "${taught[@]}" --out no >out 2>err </dev/null && fail "two teachers of one name"
contains err '^cream retrain: rank 1 \(.*\): retrain.teacher: the weights .* of t1/.* are not those on .*; copy them here$'
absent no

# A dry run of all ranks ends them in order, and rank 0 prints.
expect_ranks 0 "$first" 2 search "${tiny[@]}" --threads 1 --dry-run
contains out '^ranks       2, each computes 4 of the 8 parts of a step$'
contains out '^memory      [0-9.]+ GB on rank 0 '
[ "$(grep -c '^epoch' out)" -eq 1 ] || fail "more than one rank prints"
expect_ranks 0 "$last" 4 "${train[@]}" --threads 1 --dry-run --json
contains out '"ranks": 4,$'

# The processes of a ranking are shards of its folder; any number of them.
rank=(rank --paths 4 --epochs 1 --batch 32 --set rank.recalibrate=1 --set rank.resamples=50 --set retrain.optim=sgd --jobs 1
  --threads 1 --json)
cp -r alone ranked
expect 0 "${rank[@]}" --run alone
cp out printed
for mpi in "${mpis[@]}"; do
  rm -f ranked/rank*
  expect_ranks 0 "$mpi" 3 "${rank[@]}" --run ranked
  same out printed
  same ranked/rank.json alone/rank.json
  contains err '^shard 3/3: 4 paths'
done
expect_ranks 2 "$first" 2 "${rank[@]}" --run ranked --force
contains err '^cream rank: --force discards what other shards have finished; give it to one process'
rm -f alone/rank*

# Those of a study share its arms.
cat >base.yaml <<'END'
data: digits
space: small.yaml
resolution: 16
flops: 0.7:1.3
heldout: 0.8
search: {epochs: 1, batch: 64, board: {size: 2, images: 16}, recalibrate: 1}
retrain: {epochs: 1, batch: 64}
END
cat >study.yaml <<'END'
name: arms
config: base.yaml
budget: {epochs: 1}
seeds: [1]
arms:
  meta: {}
  none: {search: {teacher: none}}
END
expect 0 compare study.yaml --out arms --threads 1
for mpi in "${mpis[@]}"; do
  expect_ranks 0 "$mpi" 2 compare study.yaml --out "arms-$mpi" --threads 1
  cmp -s <(study_without_clock arms/study.json) <(study_without_clock "arms-$mpi/study.json") ||
    fail "$mpi: another result of the study"
done

if [ -n "${CREAM_TEST_KILLS:-}" ]; then
  for mpi in "${mpis[@]}"; do
    for n in 1 2 4 8; do
      for threads in 1 2; do
        expect_ranks 0 "$mpi" "$n" search "${tiny[@]}" --threads "$threads" --out "s-$mpi-$n-$threads"
        same_run alone "s-$mpi-$n-$threads"
        expect_ranks 0 "$mpi" "$n" "${train[@]}" --threads "$threads" --out "t-$mpi-$n-$threads"
        same_run t1 "t-$mpi-$n-$threads"
      done
    done
  done
fi

# ---- what is refused -----------------------------------------------------------------------------------------

refuse_ranks 2 'cream search: 3 processes; expected a power of two' "$first" 3 search "${tiny[@]}" --out no
refuse_ranks 2 'cream test: .* started 2 processes, but the command runs in one' "$last" 2 test --run t1
refuse_ranks 2 'cream bench: 2 processes, but only cream bench cluster' "$last" 2 bench step
CREAM_MPI_MODULE=/nowhere/x.so refuse_ranks 1 'there is no module cream-mpi' "$first" 2 search "${tiny[@]}" --out no
SLURM_STEP_NUM_TASKS=4 SLURM_PROCID=0 refuse 2 'srun started 4 processes without an MPI' search "${tiny[@]}" --out no
CREAM_MPI=pvm refuse 2 'CREAM_MPI: got "pvm", expected openmpi, mpich or none' version
if [ "$first" != "$last" ]; then
  CREAM_MPI=mpich refuse_ranks 2 'started 2 processes, but in MPICH there is 1' openmpi 2 search "${tiny[@]}" --out no
fi
timeout 60 "mpirun.$last" -n 1 "$cream" search "${tiny[@]}" --out no : \
  -n 1 "$cream" search "${tiny[@]}" --seed 5 --out no >out 2>err </dev/null && fail "two seeds in one run"
contains err '^cream search: rank 1 \(.*\): seed is 5 here and .* on rank 0'
"$2" "$root/io/dataset/data/digits.csv.gz" other.csv || fail "could not make other images"
timeout 60 "mpirun.$first" -n 1 "$cream" search "${tiny[@]}" --out no : \
  -n 1 "$cream" search "${tiny[@]}" --data digits:other.csv --out no >out 2>err </dev/null && fail "two data sets"
contains err '^cream search: rank 1 \(.*\): data digits:other.csv: got .* here and .* on rank 0'
absent no
contains <("$cream" version) '^MPI .*MPI'

# ---- steps of several ranks, measured ------------------------------------------------------------------------

expect_ranks 0 "$first" 2 bench cluster --space small.yaml --resolution 16 --batch 4 --threads 1 --rounds 1 --warmup 0
contains out '^exchange of the gradient between 2 ranks: [0-9.]+ ms'
contains out '^step of 2 parts, 1 on each of 2 ranks: [0-9.]+ ms'
[ "$(grep -c '^step of' out)" -eq 1 ] || fail "more than one rank prints"

# ---- failures, signals, resuming -----------------------------------------------------------------------------

# start MPI N DIR ARGUMENT...: in the background, until there is a checkpoint. Sets `launcher`.
start() {
  local mpi=$1 n=$2 dir=$3 i
  shift 3
  "mpirun.$mpi" -n "$n" "$cream" "$@" --out "$dir" >"$dir.out" 2>"$dir.err" </dev/null &
  launcher=$!
  for ((i = 0; i < 600; i++)); do
    compgen -G "$dir/checkpoint-*.safetensors" >/dev/null && return
    sleep 0.1
  done
  fail "no checkpoint in $dir"
}

# The processes of a run, by the argument of --out.
ranks_of() { pgrep -f -- "^$cream .*--out $1\$"; }

# gone DIR: all ranks end within 10 s.
gone() {
  local i
  for ((i = 0; i < 100; i++)); do
    ranks_of "$1" >/dev/null || return 0
    sleep 0.1
  done
  fail "$1: ranks are left 10 s after one was killed"
  ranks_of "$1" | xargs -r kill -9
}

victim=0
killed=("$first")
[ -z "${CREAM_TEST_KILLS:-}" ] || killed=("${mpis[@]}")
for mpi in "${killed[@]}"; do
  for round in $(seq "${CREAM_TEST_KILLS:-1}"); do
    dir=killed-$mpi-$round
    start "$mpi" 2 "$dir" search "${tiny[@]}" --threads 1
    [ -z "${CREAM_TEST_KILLS:-}" ] || sleep "0.$((RANDOM % 5))"
    mapfile -t pids < <(ranks_of "$dir")
    victim=$((victim + 1))
    [ ${#pids[@]} -eq 0 ] || kill -9 "${pids[$((victim % ${#pids[@]}))]}"
    gone "$dir"
    wait "$launcher" && printf '%s: the run had ended before the kill\n' "$dir"
    expect_ranks 0 "$last" $((8 >> victim % 4)) search --resume --out "$dir" --threads 1 --json
    same_run alone "$dir"
    contains out '"state": "finished"'
    [ "$(grep -c '"command"' out)" -eq 1 ] || fail "--json printed $(grep -c '"command"' out) documents"
  done
done

# SIGUSR1 at one rank ends all of them in order.
start "$first" 2 stopped search "${tiny[@]}" --threads 1 --set search.epochs=60
kill -USR1 "$(ranks_of stopped | tail -n 1)"
wait "$launcher"
code=$?
[ "$code" -eq 130 ] || fail "SIGUSR1: exit code $code, expected 130"
contains stopped.err '^cream search: .*continue with'

finish
