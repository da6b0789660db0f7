#!/usr/bin/env bash
# What batch systems and containers do to a run: limits of memory, processors and file sizes, signals, and kills.
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh" "$1"

# A limit of the address space is met with one line, not with an endless wait.
small+=(--epochs 1)
for kilobytes in 150000 450000; do
  rm -rf limited
  got=0
  (
    ulimit -v "$kilobytes"
    exec timeout -s KILL 100 "$cream" search "${small[@]}" --out limited
  ) >out 2>err </dev/null || got=$?
  [ "$got" -ne 137 ] || fail "hangs with $kilobytes kB of address space"
  [ "$kilobytes" -ne 150000 ] || contains err '^cream search: (the address space is limited|threads: 2 need)'
done
# Every signal of a batch system ends the run in order; a repeated one changes nothing.
long=(search --data digits --space "$space" --flops "$flops" --epochs 4000 --batch 16 --threads 1 --set search.recalibrate=2
  --set search.board.images=16)
start() { # FOLDER ARGUMENT...
  local folder=$1
  shift
  "$cream" "${long[@]}" "$@" --out "$folder" >out 2>err </dev/null &
  pid=$!
  for _ in $(seq 300); do
    [ "$(grep -c '"step"' "$folder/metrics.jsonl" 2>/dev/null)" -gt 2 ] 2>/dev/null && return
    sleep 0.05
  done
}
trap - HUP
for signal in HUP USR1 USR2 XCPU; do
  start "run-$signal"
  kill -s "$signal" "$pid" && kill -s "$signal" "$pid" 2>/dev/null
  got=0
  wait "$pid" || got=$?
  [ "$got" -eq 130 ] || fail "exit code $got after SIG$signal, expected 130"
  [ -n "$(find "run-$signal" -name 'checkpoint-*.safetensors')" ] || fail "no checkpoint after SIG$signal"
done

# A site that uses a signal otherwise; and nohup.
start run-ignored 2>/dev/null --set signals=HUP,XCPU
kill -s USR1 "$pid"
got=0
wait "$pid" 2>/dev/null || got=$?
[ "$got" -eq $((128 + $(kill -l USR1))) ] || fail "exit code $got after a signal that is not among signals"
trap '' HUP
start run-nohup
trap - HUP
kill -s HUP "$pid"
sleep 0.3
kill -s TERM "$pid" || fail "a run under nohup ended with its terminal"
wait "$pid"
# A study and a ranking too.
cat >long.yaml <<END
{data: digits, space: $space, flops: $flops, threads: 1, search: {epochs: 4000, batch: 16, recalibrate: 2, board: {images: 16}}}
END
study() { # SIGNALS CODE SIGNAL
  printf 'name: s\nconfig: long.yaml\nsettings: {signals: "%s"}\nretrain: false\nseeds: [1]\narms: {a: {}}\n' "$1" >study.yaml
  rm -rf study
  "$cream" compare study.yaml --out study --threads 1 >out 2>err </dev/null &
  pid=$!
  for _ in $(seq 300); do
    [ "$(grep -c '"step"' study/a-1/metrics.jsonl 2>/dev/null)" -gt 2 ] 2>/dev/null && break
    sleep 0.05
  done
  kill -s "$3" "$pid"
  got=0
  wait "$pid" 2>/dev/null || got=$?
  [ "$got" -eq "$2" ] || fail "compare with signals=$1: exit code $got after SIG$3, expected $2"
}
for signal in HUP USR1 USR2 XCPU; do
  study HUP,USR1,USR2,XCPU 130 "$signal"
  contains err 'interrupted; finished work is saved'
  [ -n "$(find study/a-1 -name 'checkpoint-*.safetensors')" ] || fail "compare: no checkpoint after SIG$signal"
done
study HUP $((128 + $(kill -l USR1))) USR1
study none $((128 + $(kill -l HUP))) HUP
sed -i 's/arms: .*/arms: {a: {}, b: {signals: XCPU}}/' study.yaml
refuse 2 'signals: arm b has XCPU, expected the same for all arms' compare study.yaml --out x
sed -i 's/signals: "none"/signals: "QUIT"/; s/, b: .*/}/' study.yaml
refuse 2 'signals: got "QUIT"' compare study.yaml --out x
refuse 2 'signals: got "QUIT"' rank --run run-HUP --set signals=QUIT
expect 0 rank --help
contains out 'signals'
refuse 2 'signals: got "QUIT", expected some of HUP,USR1,USR2,XCPU' search "${small[@]}" --out x --set signals=HUP,QUIT
refuse 2 'signals: got ""' search "${small[@]}" --out x --set signals=
absent x

# A limit of file sizes is a full disk, whatever SIGXFSZ would do.
got=0
(
  ulimit -f 100
  exec "$cream" search "${small[@]}" --out full
) >out 2>err </dev/null || got=$?
[ "$got" -eq 1 ] || fail "exit code $got with a limit of file sizes, expected 1"
contains err '^cream search: cannot write full/.*: File too large'

# What a killed run has left in the folder is removed by the next one, also where there is nothing else.
mkdir left
echo part >left/board.json.tmp-123456-0
expect 0 search "${small[@]}" --out left
absent left/board.json.tmp-123456-0
for part in train val; do printf '%s\t0\t%s\n' "$root/tests/golden/images/rgb-444.jpg" "$part"; done >two.txt
echo part >two.pack.tmp-99-1
echo part >other.pack.tmp-99-1
expect 0 data pack --data list:two.txt --out two.pack
absent two.pack.tmp-99-1
exists other.pack.tmp-99-1

# In a container: control groups as files.
groups() { # COMMAND...: runs it with the files of the shell script groups.sh in place of /sys/fs/cgroup
  unshare -rm bash -c 'mount -t tmpfs tmpfs /sys/fs/cgroup && cd /sys/fs/cgroup && . "$0" && exec "$@"' "$work/groups.sh" "$@"
}
echo true >groups.sh
if [ "$(nproc)" -gt 1 ] && groups true 2>/dev/null; then
  echo 'echo 100000 100000 >cpu.max' >groups.sh
  groups "$cream" version >out 2>err
  contains out '^threads   1$'
  cat >groups.sh <<'SH'
echo 4000000000 >memory.max
echo 3980000000 >memory.current
printf 'anon 20000000\ninactive_file 3900000000\nactive_file 60000000\n' >memory.stat
SH
  groups "$cream" search "${small[@]}" --out "$work/cached" >out 2>err || fail "page cache counts as used"
  echo 'echo 4000000000 >memory.max; echo 3980000000 >memory.current' >groups.sh
  groups "$cream" search "${small[@]}" --out "$work/used" >out 2>err && fail "the limit of the group does not count"
  contains err '^cream search: .*of memory'
fi

finish
