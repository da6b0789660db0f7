#!/usr/bin/env bash
# What ./build.sh package made, installed in a bare Debian root and used there: the program with its demo, the library
# with its C examples, ranks of Open MPI and MPICH, a device of OpenCL, the wheel with the example of its documentation;
# then removed, and nothing is left behind; then the tarball, in a folder that is moved.
# Needs root, debootstrap and Debian's mirror. Not a test of CTest: ./build.sh package test.
#   package.sh PACKAGES    the folder; the output of all commands is in package-test.log beside it
#   CREAM_PACKAGE_ROOT     a root of debootstrap to copy; made there where it does not exist
#   CREAM_DEBIAN_MIRROR    http://deb.debian.org/debian
set -euo pipefail

refuse() {
  printf 'package.sh: %s\n' "$*" >&2
  exit 2
}
for file in {cream-nas,libcream0,libcream-dev,cream-nas-opencl,cream-nas-mpi}_\*.deb cream-\*.tar.gz cream_nas-\*.whl; do
  compgen -G "${1:-}/$file" >/dev/null ||
    refuse "no $file in \"${1:-}\"; ./build.sh package makes them, with OpenCL and MPI where their packages are installed"
done
[ "$(id -u)" -eq 0 ] || refuse "needs root, for chroot: sudo $0 $1"
command -v debootstrap >/dev/null || refuse "needs debootstrap (Debian: debootstrap)"
# In a mount namespace: no mount outlives it, whatever ends it.
[ "${CREAM_PACKAGE_MOUNTS:-}" = mine ] || CREAM_PACKAGE_MOUNTS=mine exec unshare --mount --propagation private "$0" "$@"

packages=$(realpath "$1")
source=$(cd "$(dirname "$0")/.." && pwd)
log=$(dirname "$packages")/package-test.log
suite=$(. /etc/os-release && echo "${VERSION_CODENAME:?}")
mirror=${CREAM_DEBIAN_MIRROR:-http://deb.debian.org/debian}
step=start
work=$(mktemp -d)
root=$work/root
: >"$log"

# What failed is the last line of the log: a message, or the command that printed none.
finish() {
  local code=$?
  trap - EXIT
  if [ "$code" -ne 0 ]; then
    printf 'package.sh: failed after %d s: %s: %s; the output is in %s\n' "$SECONDS" "$step" \
      "$(grep -v '^ *$' "$log" | tail -n 1)" "$log" >&2
  fi
  cd /
  ! mountpoint -q "$root/proc" || umount -R -l "$root/proc"
  ! mountpoint -q "$root/sys" || umount -R -l "$root/sys"
  ! mountpoint -q "$root/dev/shm" || umount "$root/dev/shm"
  rm -rf --one-file-system "$work"
  exit "$code"
}
trap finish EXIT
trap 'echo interrupted >>"$log"; exit 130' INT TERM

say() {
  step=$*
  printf -- '-- %4d s  %s\n' "$SECONDS" "$step"
  printf '\n==== %s\n' "$step" >>"$log"
}
fail() {
  printf '%s\n' "$*" >>"$log"
  exit 1
}

# inside COMMANDS: in the root, in /tmp, as in a shell of a new user; the first that fails ends the test.
inside() {
  timeout --foreground 1800 chroot "$root" /usr/bin/env -i HOME=/tmp LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
    PATH=/usr/sbin:/usr/bin:/sbin:/bin PIP_ROOT_USER_ACTION=ignore PYTHONDONTWRITEBYTECODE=1 \
    OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 \
    OMPI_MCA_rmaps_base_oversubscribe=1 bash -exuc "cd /tmp; $1" >>"$log" 2>&1
}
apt() { inside "apt-get -q -y -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 $*"; }

# Every file with its rights and its content, but for temporary ones, logs, caches, and what apt and dpkg write about
# themselves; and the state of every package.
list() {
  (
    cd "$root"
    leave=(-path ./tmp -o -path ./var/log -o -path ./var/cache/apt -o -path ./var/cache/debconf -o -path
      ./var/cache/ldconfig -o -path ./var/lib/apt -o -path ./var/lib/dpkg)
    find . -xdev \( "${leave[@]}" \) -prune -o -printf '%p %M %u %g %l\n' | sort
    find . -xdev \( "${leave[@]}" \) -prune -o -type f -print0 | sort -z | xargs -0 md5sum
  )
  # shellcheck disable=SC2016
  chroot "$root" dpkg-query -W -f '${Package} ${Status}\n'
}

bootstrap() {
  debootstrap --variant=minbase "$suite" "$1" "$mirror" >>"$log" 2>&1 || fail "debootstrap failed"
}

say "a bare $suite, by debootstrap"
base=${CREAM_PACKAGE_ROOT:-}
if [ -z "$base" ]; then
  bootstrap "$root"
else
  if [ ! -e "$base" ]; then
    bootstrap "$base.part"
    mv "$base.part" "$base"
  fi
  cp -a "$base" "$root"
fi
mount --rbind /proc "$root/proc"
mount --rbind /sys "$root/sys"
mount -t tmpfs tmpfs "$root/dev/shm"
cp /etc/resolv.conf "$root/etc/resolv.conf"
printf 'APT::%s "false";\n' Install-Recommends AutoRemove::RecommendsImportant >"$root/etc/apt/apt.conf.d/90package"
echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/package" # without waiting for the disk after each file
mkdir "$root/tmp/packages"
cp "$packages"/* "$root/tmp/packages"

# Groups that Open MPI's dependencies make stay where Debian removes these: they are there before.
say "what the examples need: a compiler and Python"
apt update
apt install gcc libc6-dev pkg-config python3-venv openssh-client libibverbs1
list >"$work/before"

# Beside the packages, what they recommend, and numpy, for which OpenBLAS would stay.
others="openmpi-bin mpich pocl-opencl-icd python3-numpy"
say "the packages are installed, with $others"
apt install "/tmp/packages/*.deb" "$others"
[ -z "$base" ] || cp -u "$root"/var/cache/apt/archives/*.deb "$base/var/cache/apt/archives"
inside 'test -z "$(dpkg --audit)"; cream-nas version; test -L /usr/lib/cream-nas/bin/cream; test ! -e /usr/bin/cream
  cream-nas version | grep "Open MPI.*MPICH"; test -s /usr/share/doc/cream-nas/README.Debian
  cd /usr/share
  zgrep "cream.-nas " man/man1/cream-nas.1.gz
  zgrep "cream.-nas search" man/man1/cream-nas-search.1.gz
  grep "cream-nas$" bash-completion/completions/cream-nas
  grep "^#compdef cream-nas" zsh/vendor-completions/_cream-nas
  grep "^complete -c cream-nas" fish/vendor_completions.d/cream-nas.fish'

say "cream search on the digits"
inside 'export PATH=/usr/lib/cream-nas/bin:$PATH
  cream search --data digits --space micro --flops 3:5 --epochs 2 --batch 64 --set search.recalibrate=2 --out found
  test -s found/arch.json'

say "the demo, with fewer epochs"
inside 'cd /usr/share/doc/cream-nas; cream-nas search --config tools/demo.yaml --epochs 4 --out /tmp/demo; cd /tmp
  cream-nas retrain --run demo --epochs 12 --out demo-trained
  cream-nas test --run demo-trained --require top1=90
  cream-nas report demo demo-trained --out report.html; test -s report.html'

say "the C examples"
inside 'for name in search classify; do
    cc -std=gnu11 /usr/share/doc/cream-nas/docs/examples/$name.c $(pkg-config --cflags --libs cream) -o $name
    readelf -d $name | grep "libcream.so.0"
  done
  mkdir c; cd c; ../search; ../classify ../demo-trained /usr/share/doc/cream-nas/docs/images/report.png'

ranks='cream-nas search --data digits --space micro --flops 3:5 --epochs 1 --batch 64 --threads 1 --set search.accumulate=2
  --set search.recalibrate=2'
say "two ranks have the bytes of one process"
inside "search='${ranks//$'\n'/ }'"'
  $search --out one
  for mpi in openmpi mpich; do
    timeout 600 mpirun.$mpi -n 2 $search --out $mpi 2>$mpi.log
    test "$(grep -c "done, best" $mpi.log)" = 1
    for file in arch.json board.json supernet.safetensors; do cmp one/$file $mpi/$file; done
  done'

say "a device of OpenCL"
inside 'cream-nas devices >devices; cat devices; grep "^ *self-test passed" devices'

say "the wheel and the Python example"
cp "$source/docs/python.ipynb" "$source/tests/tools/python/notebook.py" "$root/tmp"
inside 'python3 -m venv --system-site-packages venv
  (cd venv; find . | sort) >venv.before
  venv/bin/pip install --no-index --no-deps packages/*.whl
  mkdir python; cd python; ../venv/bin/python ../notebook.py ../python.ipynb'

say "the packages and the wheel are removed, and nothing is left"
inside 'venv/bin/pip uninstall -y cream-nas; (cd venv; find . | sort) | diff venv.before -'
# shellcheck disable=SC2016
apt purge --auto-remove '$(for deb in packages/*.deb; do dpkg-deb -f $deb Package; done)' "$others"
list >"$work/after"
diff "$work/before" "$work/after" >>"$log" || fail "the removal left files or packages, or took more than it brought"

# The tarball needs what the packages depend on, wherever it is.
say "the tarball, in a folder that is moved"
inside 'for deb in packages/*.deb; do [[ $deb == *-dev_* ]] || dpkg-deb -f $deb Depends; done | tr , "\n" |
    sed "s/^ *//" | grep -v cream | sort -u | paste -sd, >depends'
# shellcheck disable=SC2016
apt satisfy '"$(cat depends)"'
apt install openmpi-bin python3-numpy
inside 'mkdir "a folder"; tar -C "a folder" -xzf packages/cream-*.tar.gz; mv "a folder"/cream-* "a folder/moved"
  cd "a folder"; export PATH=$PWD/moved/bin:$PATH
  cream version; cream devices; cream data check --data digits
  ln -s "$PWD/moved/bin/cream" /tmp/link; /tmp/link data check --data digits
  mpirun.openmpi -n 2 cream bench cluster --space micro --rounds 1 --warmup 0 --threads 1 | grep "between 2 ranks"
  export CREAM_LIBRARY=$(find "$PWD/moved" -name libcream.so.0)
  /tmp/venv/bin/pip install --no-index --no-deps /tmp/packages/*.whl
  mkdir /tmp/untarred; cd /tmp/untarred; /tmp/venv/bin/python ../notebook.py ../python.ipynb'
say "all of it works, and nothing is left behind"
