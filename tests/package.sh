#!/usr/bin/env bash
# What ./build.sh package made, installed in a bare Debian root and used there: the program, the library with its C
# example, the wheel with the example of its documentation, the tarball; then removed, and nothing is left behind.
# Needs root, debootstrap and Debian's mirror. Not a test of CTest: ./build.sh package test.
# package.sh PACKAGES; CREAM_PACKAGE_ROOT: a root of debootstrap to copy instead of making one.
set -euo pipefail
packages=$(realpath "$1")
source=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
root=$work/root

finish() {
  local target
  for target in proc dev; do mountpoint -q "$root/$target" && umount -l "$root/$target"; done
  # shellcheck disable=SC2115
  rm -rf "$work"
}
trap finish EXIT
say() { printf -- '-- %s\n' "$*"; }
die() {
  printf 'package.sh: %s\n' "$*" >&2
  exit 1
}
[ "$(id -u)" -eq 0 ] || die "needs root, for chroot"
suite=$(. /etc/os-release && echo "${VERSION_CODENAME:?}")
mirror=${CREAM_DEBIAN_MIRROR:-http://deb.debian.org/debian}

inside() {
  chroot "$root" /usr/bin/env -i HOME=/tmp PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
    PIP_ROOT_USER_ACTION=ignore PYTHONDONTWRITEBYTECODE=1 bash -ec "$1"
}
# All files outside of what is always changing, with the state of the packages.
list() {
  (cd "$root" && find . \( -path ./proc -o -path ./dev -o -path ./tmp -o -path ./var/log -o -path ./var/cache -o -path \
    ./var/lib/apt -o -path ./var/lib/dpkg -o -path ./root -o -name __pycache__ \) -prune -o -print | sort)
  inside "dpkg-query -W -f '\${Package} \${Status}\n'"
}

say "a bare $suite"
if [ -n "${CREAM_PACKAGE_ROOT:-}" ]; then
  cp -a "$CREAM_PACKAGE_ROOT" "$root"
else
  debootstrap --variant=minbase "$suite" "$root" "$mirror" >"$work/debootstrap.log" 2>&1 || {
    tail -n 3 "$work/debootstrap.log"
    die "debootstrap failed"
  }
fi
mount --bind /proc "$root/proc"
mount --bind /dev "$root/dev"
cp /etc/resolv.conf "$root/etc/resolv.conf"
printf 'APT::Install-Recommends "false";\n' >"$root/etc/apt/apt.conf.d/90package"
inside "apt-get -q update && apt-get -q -y install gcc libc6-dev pkg-config python3-venv python3-numpy" >"$work/apt.log" 2>&1 ||
  die "$(tail -n 2 "$work/apt.log")"
list >"$work/before"

say "installation"
mkdir "$root/tmp/packages"
cp "$packages"/* "$root/tmp/packages"
inside "apt-get -q -y install /tmp/packages/*.deb" >"$work/apt.log" 2>&1 || die "$(tail -n 5 "$work/apt.log")"
inside "dpkg --audit; dpkg -L cream-nas | grep -q README.Debian; cream-nas version; test -L /usr/lib/cream-nas/bin/cream"
inside "test ! -e /usr/bin/cream; zcat /usr/share/man/man1/cream-nas.1.gz | grep -q 'cream.-nas '"
inside "zcat /usr/share/man/man1/cream-nas-search.1.gz | grep -q 'cream.-nas search'"
inside "cd /usr/share && grep -q 'cream-nas$' bash-completion/completions/cream-nas && grep -q '^#compdef cream-nas' \
  zsh/vendor-completions/_cream-nas && grep -q '^complete -c cream-nas' fish/vendor_completions.d/cream-nas.fish"
inside "cream-nas devices >/tmp/devices 2>&1 || true; cat /tmp/devices; ! grep -q 'no OpenCL module' /tmp/devices"

say "cream search on the digits"
inside "cd /tmp && PATH=/usr/lib/cream-nas/bin:\$PATH && cream search --data digits --space micro --flops 3:5 --epochs 2 \
  --batch 64 --set search.recalibrate=2 --out found 2>search.log && test -s found/arch.json"

say "the C example"
inside "cd /tmp && cc -std=gnu11 /usr/share/doc/cream-nas/docs/examples/search.c \$(pkg-config --cflags --libs cream) -o example \
  && ./example && readelf -d example | grep -q 'libcream.so.0'"

say "the wheel and the Python example"
cp "$source/docs/python.ipynb" "$source/tests/tools/python/notebook.py" "$root/tmp"
inside "cd /tmp && python3 -m venv --system-site-packages venv && venv/bin/pip install -q --no-index --no-deps packages/*.whl \
  && mkdir installed && cd installed \
  && ../venv/bin/python ../notebook.py ../python.ipynb >notebook.log 2>&1 || { tail -n 5 notebook.log; exit 1; }"

say "removal"
inside "apt-get -q -y purge --auto-remove cream-nas libcream0 libcream-dev cream-nas-opencl \
  \$(dpkg-query -W -f '\${Package}\n' cream-nas-mpi 2>/dev/null)" >"$work/apt.log" 2>&1 || die "$(tail -n 5 "$work/apt.log")"
list >"$work/after"
diff "$work/before" "$work/after" >"$work/left" || {
  head -n 20 "$work/left"
  die "the removal left files or packages, or took more than it brought"
}

# The tarball needs Debian's libraries alone, wherever it is. Nothing of the packages is there any more.
say "the tarball, in a folder that is moved"
inside "apt-get -q -y install libopenblas0-pthread libyaml-0-2 libjansson4 libpopt0 libxxhash0 libjpeg62-turbo libpng16-16 \
  libprotobuf-c1 libzip4 libutf8proc2 libexpat1 libwebp7 libwebpdemux2 libtiff6 libgif7 libgomp1 ocl-icd-libopencl1 libclblast1" \
  >"$work/apt.log" 2>&1 || die "$(tail -n 2 "$work/apt.log")"
inside "cd /tmp && mkdir 'a folder' && tar -C 'a folder' -xzf packages/cream-*.tar.gz && mv 'a folder'/cream-* 'a folder/moved' \
  && cd 'a folder' && PATH=\$PWD/moved/bin:\$PATH && cream version && cream data show --data digits >/dev/null \
  && ln -s \$PWD/moved/bin/cream /tmp/link && /tmp/link data show --data digits >/dev/null \
  && { cream devices >/tmp/devices 2>&1 || true; ! grep -q 'no OpenCL module' /tmp/devices; } \
  && mkdir /tmp/untarred && export CREAM_LIBRARY=\$(find \$PWD/moved -name libcream.so.0) && cd /tmp/untarred \
  && ../venv/bin/python ../notebook.py ../python.ipynb >/dev/null"
say "all of it works, and nothing is left behind"
