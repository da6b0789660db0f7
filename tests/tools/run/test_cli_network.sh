#!/usr/bin/env bash
# Two hosts on one machine: network namespaces that are joined by a link of 1 Gb/s. The same bytes as on one, differences
# are named with their host, and so is a rank whose network is gone. Needs the right to make namespaces.
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/tools/mpi.sh
source "$root/tests/tools/mpi.sh"

skip() {
  echo "skipped: $*"
  exit 77
}
command -v ip >/dev/null && command -v tc >/dev/null && command -v unshare >/dev/null || skip "no ip, tc or unshare"
net=cream$$ place=10.$((RANDOM % 200 + 20)).$((RANDOM % 250))
clean() {
  ip netns del "$net-a" 2>/dev/null
  ip netns del "$net-b" 2>/dev/null
  rm -rf "$work"
}
trap clean EXIT
{
  ip netns add "$net-a" && ip netns add "$net-b" &&
    ip link add "v$$" netns "$net-a" type veth peer name "w$$" netns "$net-b" &&
    ip -n "$net-a" addr add "$place.1/24" dev "v$$" && ip -n "$net-b" addr add "$place.2/24" dev "w$$" &&
    ip -n "$net-a" link set lo up && ip -n "$net-b" link set lo up &&
    ip -n "$net-a" link set "v$$" up && ip -n "$net-b" link set "w$$" up &&
    tc -n "$net-a" qdisc add dev "v$$" root tbf rate 1gbit burst 256kb latency 50ms &&
    tc -n "$net-b" qdisc add dev "w$$" root tbf rate 1gbit burst 256kb latency 50ms
} 2>err || skip "no network namespaces here: $(head -n 1 err)"

# In place of ssh: runs a command on the host of an address.
cat >agent <<SH
#!/bin/sh
while case \$1 in -*) true ;; *) false ;; esac; do shift; done
shift
exec ip netns exec $net-b unshare --uts sh -c 'hostname node-b; exec sh -c "\$0"' "\$*"
SH
chmod +x agent
export OMPI_MCA_btl=self,tcp OMPI_MCA_plm_rsh_agent=$work/agent
export OMPI_MCA_btl_tcp_if_include=$place.0/24 OMPI_MCA_oob_tcp_if_include=$place.0/24

# on_both MPI ARGUMENT...: mpirun, with a rank on each host.
on_both() {
  local launcher=("mpirun.$1" --host "$place.1:1,$place.2:1")
  [ "$1" != mpich ] || launcher=(mpirun.mpich -launcher ssh -launcher-exec "$work/agent" -hosts "$place.1,$place.2" -ppn 1)
  shift
  # shellcheck disable=SC2016
  timeout -k 5 60 ip netns exec "$net-a" unshare --uts sh -c 'hostname node-a; exec "$@"' sh "${launcher[@]}" "$@" </dev/null
}

sed 's/min: 32, max: 32, step: 32/min: 16, max: 32, step: 16/' "$root/io/config/spaces/micro.yaml" >small.yaml
tiny=(search --data digits --space "$work/small.yaml" --set resolution=16 --flops 0.7:1.3 --epochs 1 --batch 16
  --set heldout=0.8 --set search.accumulate=4 --set search.board.size=1 --set search.board.images=16
  --set search.start_epoch=0 --set search.recalibrate=1 --threads 1)
expect 0 "${tiny[@]}" --out alone
for mpi in "${mpis[@]}"; do
  on_both "$mpi" -n 2 "$cream" "${tiny[@]}" --out "$work/two-$mpi" >out 2>err || fail "two hosts with $mpi: $(head -n 3 err)"
  same_run alone "two-$mpi"
  on_both "$mpi" -n 1 "$cream" "${tiny[@]}" --out "$work/no" : -n 1 "$cream" "${tiny[@]}" --seed 7 --out "$work/no" \
    >out 2>err && fail "two seeds in one run"
  contains err '^cream search: rank 1 \(node-b\): seed is 7 here and .* on rank 0 \(node-a\)'
done
on_both "${mpis[0]}" -n 2 "$cream" "${tiny[@]}" --set cluster.exchange=half --out "$work/half" >out 2>err ||
  fail "two hosts in half precision: $(head -n 3 err)"
exists half/arch.json half/supernet.safetensors

# The link goes away during a run.
on_both "${mpis[0]}" -n 2 "$cream" "${tiny[@]}" --set search.epochs=10000 --set checkpoint.every_steps=1 \
  --set cluster.timeout=2 --out "$work/cut" >cut.out 2>cut.err &
launcher=$!
for ((i = 0; i < 300; i++)); do
  compgen -G "cut/checkpoint-*.safetensors" >/dev/null && break
  sleep 0.1
done
ip -n "$net-b" link set "w$$" down
for ((i = 0; i < 300; i++)); do
  pgrep -f "^$cream .*--out $work/cut\$" >/dev/null || break
  sleep 0.1
done
pgrep -f "^$cream .*--out $work/cut\$" >/dev/null && fail "ranks are left 30 s after the network was cut"
pkill -9 -f -- "--out $work/cut\$" # mpirun, which waits for its other half
wait "$launcher" 2>/dev/null
contains cut.err '^cream search: rank 0 \(node-a\): cluster.timeout: 2 s without a message; did not arrive: rank 1 \(node-b'

finish
