#!/usr/bin/env bash
# ./build.sh build configures the OpenCL module where its packages are there or can be installed, and leaves it out with
# one line otherwise. cmake, pkg-config, apt-get and sudo are replaced by scripts that record how they are called.
# Usage: build_script.sh BUILD.SH
set -uo pipefail
script=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" "$work/tree"
cp "$script" "$work/tree/build.sh"
failed=0

fake() { # NAME BODY
  printf '#!/bin/sh\n%s\n' "$2" >"$work/bin/$1"
  chmod +x "$work/bin/$1"
}
fake cmake 'echo "cmake $*" >>"$LOG"'
for name in ninja protoc-c make cc sudo; do fake "$name" 'exit 0'; done
# clblast is there once the file $HAS is.
fake pkg-config 'case $* in *clblast*) [ -e "$HAS" ];; esac'
fake apt-get 'echo "apt-get $*" >>"$LOG"; [ -e "$ALLOWED" ] && : >"$HAS"'
fake env 'while [ "${1#*=}" != "$1" ]; do shift; done; exec "$@"'
fake id 'echo 0'
export LOG=$work/log HAS=$work/has ALLOWED=$work/allowed

# expect PATTERN WORDS: the calls (log) or what is printed (out) have a line that matches.
expect() {
  grep -qE -- "$2" "$work/$1" || {
    echo "$3: no line of $1 matches: $2"
    cat "$work/log" "$work/out"
    failed=1
  }
}
run() {
  : >"$LOG"
  # /usr/include/CL/cl.h may be missing on this machine: the fake tree is only about clblast then.
  PATH=$work/bin:/usr/bin:/bin bash "$work/tree/build.sh" build >"$work/out" 2>&1
}

if [ ! -e /usr/include/CL/cl.h ]; then
  echo "opencl-headers are not installed"
  exit 77
fi
: >"$HAS"
run
expect log '^cmake -S .*-DCREAM_OPENCL=ON.*-DBUILD_TESTING=OFF' 'packages present'
mkdir "$work/tree/build"
: >"$work/tree/build/CMakeCache.txt"
run
expect log '^cmake -S .*-DCREAM_OPENCL=ON$' 'existing build folder'
rm "$HAS"
: >"$ALLOWED"
run
expect log '^apt-get install .*libclblast-dev' 'packages can be installed'
expect log '^cmake -S .*-DCREAM_OPENCL=ON' 'packages can be installed'
rm "$HAS" "$ALLOWED"
run
expect log '^cmake -S .*-DCREAM_OPENCL=OFF' 'packages cannot be installed'
expect out 'without OpenCL devices: .*libclblast-dev' 'packages cannot be installed'
exit $failed
