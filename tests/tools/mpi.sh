# Shared by tests of runs in several processes: source it after lib.sh.
# shellcheck shell=bash disable=SC2034,SC2154

# As root, in containers, with more processes than processors; and quietly where a run is meant to fail.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_btl_vader_single_copy_mechanism=none OMPI_MCA_hwloc_base_binding_policy=none
export OMPI_MCA_plm_rsh_agent=true OMPI_MCA_btl=self,vader

# The MPIs that there are a module and a launcher for.
mpis=()
for mpi in openmpi mpich; do
  if [ -e "$(dirname "$cream")/cream-mpi-$mpi.so" ] && command -v "mpirun.$mpi" >/dev/null; then
    mpis+=("$mpi")
  else
    printf 'without %s, which is not installed\n' "$mpi"
  fi
done
[ ${#mpis[@]} -gt 0 ] || exit 77

# ranks MPI N ARGUMENT...: runs cream in N processes; output goes to the files out and err. Returns its exit code.
ranks() {
  local mpi=$1 n=$2
  shift 2
  timeout 120 "mpirun.$mpi" -n "$n" "$cream" "$@" >out 2>err </dev/null
}

# expect_ranks CODE MPI N ARGUMENT...
expect_ranks() {
  local code=$1 got=0
  shift
  ranks "$@" || got=$?
  [ "$got" -eq "$code" ] || {
    fail "$1 in $2 processes: cream ${*:3}: exit code $got, expected $code"
    head -n 5 err
  }
}

# refuse_ranks CODE PATTERN MPI N ARGUMENT...: exactly one line of cream, which matches; launchers add their own.
refuse_ranks() {
  local code=$1 pattern=$2
  shift 2
  expect_ranks "$code" "$@"
  [ "$(grep -c '^cream' err)" -eq 1 ] || {
    fail "$1 in $2 processes: cream ${*:3}: $(grep -c '^cream' err) lines of cream, expected 1"
    head -n 5 err
  }
  grep -E '^cream' err | grep -qE -- "$pattern" || fail "\"$(grep '^cream' err)\" does not match /$pattern/"
}

# same_run DIR DIR: the results of two runs, and their metrics but for times.
same_run() {
  local file
  for file in "$1"/*; do
    case ${file##*/} in
      checkpoint*) ;;
      arch*.json | board*.json | rank.json | test.json | *.safetensors) same "$file" "$2/${file##*/}" ;;
      metrics.jsonl) same_metrics "$1" "$2" ;;
    esac
  done
}
