#!/usr/bin/env bash
# Builds, tests and measures this repository; ./build.sh help lists the commands.
set -euo pipefail
cd "$(dirname "$0")"

jobs=$(nproc 2>/dev/null || echo 2)

usage() {
  cat <<'TEXT'
usage: ./build.sh COMMAND [NAME...]

  demo     build, search a network for the bundled digits, train it and test it (under 5 minutes)
  build    build build/cream, the OpenCL module and the library: all that cmake --install installs
  test     build with warnings as errors and run all tests: plain, valgrind, ASan and UBSan, fuzz targets;
           with NAMEs only the tests that match one of these expressions; `test opencl`: all tests of
           OpenCL devices on PoCL, Intel's CPU runtime and rusticl, some of which run nowhere else (an hour)
  bench    build and run all benchmarks; `bench peers ...` compares with PyTorch alone,
           `bench onnx ...` a forward pass with ONNX Runtime and OpenVINO, `bench torchvision ...` a detector with
           torchvision, other arguments are those of `cream bench`. The peers are installed in build/venv-bench (2 GB),
           unless CREAM_TORCH_PYTHON or CREAM_ONNX_PYTHON name a Python that has them
  lint     clang-format, clang-tidy, and where installed cppcheck and shellcheck; changes nothing
  format   reformat the C files in place
  package  make Debian packages, a relocatable tarball and the Python wheel in build-package/packages;
           `package test` also installs them in a bare Debian root (as root, with Debian's mirror) and
           removes them again
  clean    remove build/, build-asan/, build-fuzz/ and build-package/
  help     this text

Packages that are missing are installed with apt-get where that is allowed (root, or sudo without a
password); otherwise their names are printed. demo and build do without those of OpenCL where they
cannot be installed.
TEXT
}

say() { printf '== %s\n' "$*" >&2; }
die() {
  printf 'build.sh: %s\n' "$*" >&2
  exit 1
}

# By purpose: package=sign that it is installed: a command, a path, a module of pkg-config or of Python after "pc:"
# or "py:", or "fuzzer".
declare -A packages=(
  [build]="build-essential=cc build-essential=make cmake=cmake ninja-build=ninja pkg-config=pkg-config
    libopenblas-dev=pc:openblas libyaml-dev=pc:yaml-0.1 libjansson-dev=pc:jansson libpopt-dev=pc:popt
    libxxhash-dev=pc:libxxhash zlib1g-dev=pc:zlib libjpeg62-turbo-dev=pc:libjpeg libpng-dev=pc:libpng
    libprotobuf-c-dev=pc:libprotobuf-c protobuf-c-compiler=protoc-c libzip-dev=pc:libzip
    libutf8proc-dev=pc:libutf8proc libexpat1-dev=pc:expat"
  [images]="libwebp-dev=pc:libwebpdemux libtiff-dev=pc:libtiff-4 libgif-dev=/usr/include/gif_lib.h"
  [test]="libcmocka-dev=pc:cmocka valgrind=valgrind clang=clang lld=ld.lld libclang-rt-dev=fuzzer
    python3=python3 python3-venv=py:ensurepip python3-pil=py:PIL python3-numpy=py:numpy
    fonts-dejavu-core=/usr/share/fonts/truetype/dejavu"
  [mpi]="libopenmpi-dev=mpicc.openmpi openmpi-bin=mpirun.openmpi libmpich-dev=mpicc.mpich mpich=mpirun.mpich"
  [browser]="chromium=chromium"
  [opencl]="opencl-headers=/usr/include/CL/cl.h ocl-icd-opencl-dev=pc:OpenCL libclblast-dev=pc:clblast"
  [opencl-long]="libclc-15=/usr/lib/clc/spirv64-mesa3d-.spv clang-15=clang-15"
  [opencl-test]="pocl-opencl-icd=/etc/OpenCL/vendors/pocl.icd oclgrind=oclgrind"
  [format]="clang-format=clang-format"
  [lint]="clang-tidy=clang-tidy"
  [package]="dpkg-dev=dpkg-shlibdeps file=file lintian=lintian python3-pip=py:pip python3-setuptools=py:setuptools
    python3-wheel=py:wheel"
  [package-test]="debootstrap=debootstrap"
)

present() {
  case $1 in
    pc:*) pkg-config --exists "${1#pc:}" 2>/dev/null ;;
    py:*) /usr/bin/python3 -c "import ${1#py:}" 2>/dev/null ;;
    /*) [ -e "$1" ] ;;
    fuzzer)
      echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' |
        clang -fsanitize=fuzzer,address -x c - -o /dev/null 2>/dev/null
      ;;
    *) command -v "$1" >/dev/null ;;
  esac
}

missing() {
  local item
  for item in "$@"; do
    present "${item#*=}" || printf '%s\n' "${item%%=*}"
  done | sort -u
}

# install PACKAGE...: whether apt-get installed them all. Sets `problem` where it did not.
install() {
  local root=()
  if [ "$(id -u)" -ne 0 ]; then root=(sudo -n); fi
  if ! command -v apt-get >/dev/null || ! "${root[@]}" true 2>/dev/null; then
    problem="missing packages (Debian's names): $*; install them and try again"
    return 1
  fi
  say "installing $*"
  local apt=("${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q
    --no-install-recommends "$@")
  if ! "${apt[@]}" >&2; then
    problem="could not install $*: apt-get update failed; is there a network?"
    "${root[@]}" apt-get update -q >&2 || return 1
    problem="could not install $*"
    "${apt[@]}" >&2 || return 1
  fi
}

# have GROUP...: whether all packages of the groups are there, after installing the missing ones. Sets `problem` where
# they are not.
have() {
  local group lacking=() items=() wanted=()
  for group in "$@"; do
    read -r -d '' -a items <<<"${packages[$group]}" || true
    wanted+=("${items[@]}")
  done
  mapfile -t lacking < <(missing "${wanted[@]}")
  [ ${#lacking[@]} -gt 0 ] || return 0
  install "${lacking[@]}" || return 1
  mapfile -t lacking < <(missing "${wanted[@]}")
  problem="still missing after the installation: ${lacking[*]}"
  [ ${#lacking[@]} -eq 0 ]
}

# need GROUP...: ends the script where packages of the groups cannot be had.
need() { have "$@" || die "$problem"; }

# configure FOLDER [CMake argument...]
configure() {
  local folder=$1 log
  shift
  log=$(mktemp)
  if ! cmake -S . -B "$folder" -G Ninja "$@" >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    die "CMake could not configure $folder"
  fi
  rm -f "$log"
}

compile() { cmake --build "$1" -j "$jobs" --target "$2" >&2; }

# Settings of an existing build folder are kept, so that `demo` after `test` compiles nothing, except for OpenCL, which
# follows its packages.
build() {
  need build
  have images || say "without some of WebP, TIFF and GIF: $problem"
  local args=(-DCREAM_OPENCL=ON)
  if ! have opencl; then
    say "without OpenCL devices: $problem"
    args=(-DCREAM_OPENCL=OFF)
  fi
  [ -f build/CMakeCache.txt ] || args+=(-DBUILD_TESTING=OFF)
  configure build "${args[@]}"
  compile build installed
}

# One test more than there are processors: some wait for a browser, for a download or for time to pass.
run_tests() {
  OMP_NUM_THREADS=2 OMP_WAIT_POLICY=passive ctest --test-dir "$1" --output-on-failure -j $((jobs + 1)) "${@:2}"
}

# All tests of devices: also those that are too long for every day.
test_opencl() {
  need build images test opencl opencl-test
  have opencl-long || say "without rusticl and AMD's compiler: $problem"
  tests/opencl/get_drivers.sh build/opencl-drivers
  configure build -DBUILD_TESTING=ON -DCREAM_WERROR=ON -DCREAM_OPENCL=ON
  compile build all
  run_tests build -L opencl
}

test_all() {
  if [ "$*" = opencl ]; then
    test_opencl
    return
  fi
  need build images test opencl opencl-test
  have mpi || say "without tests of several processes: $problem"
  # Reports are checked in a browser where Debian has one for this machine.
  if apt-cache show chromium >/dev/null 2>&1; then need browser; fi
  local filter=() expression
  if [ $# -gt 0 ]; then
    expression=$(
      IFS='|'
      echo "$*"
    )
    filter=(-R "$expression")
  fi
  configure build -DBUILD_TESTING=ON -DCREAM_WERROR=ON -DCREAM_OPENCL=ON ${CREAM_QUICK:+-DCREAM_QUICK=ON}
  compile build all
  configure build-asan -DBUILD_TESTING=ON -DCREAM_WERROR=ON -DCREAM_OPENCL=ON -DCREAM_SANITIZE=address,undefined \
    "-DCREAM_POCL_CACHE=$PWD/build/pocl"
  compile build-asan unit_tests
  local failed=()
  say "tests"
  run_tests build -LE long "${filter[@]}" || failed+=(build)
  say "unit tests under ASan and UBSan"
  run_tests build-asan -L unit "${filter[@]}" || failed+=(build-asan)
  if [ $# -eq 0 ] || [[ "$*" == *fuzz* ]]; then
    configure build-fuzz -DCMAKE_C_COMPILER=clang -DCREAM_FUZZ=ON -DCREAM_WERROR=ON
    compile build-fuzz all
    say "fuzz targets, for a short time"
    run_tests build-fuzz "${filter[@]}" || failed+=(build-fuzz)
  fi
  [ ${#failed[@]} -eq 0 ] || die "tests failed in: ${failed[*]}"
}

# has_modules PYTHON MODULE...
has_modules() {
  [ -x "$1" ] && "$1" -c 'import sys
for module in sys.argv[1:]: __import__(module)' "${@:2}" 2>/dev/null
}

# PyTorch's own index has it without the libraries for GPUs, which take several GB.
install_modules() {
  local venv=$1 module
  [ -x "$venv/bin/pip" ] || python3 -m venv "$venv" || return 1
  for module in "${@:2}"; do
    case $module in
      torch*) "$venv/bin/pip" install -q "$module" --index-url https://download.pytorch.org/whl/cpu && continue ;;
    esac
    "$venv/bin/pip" install -q "$module" || return 1
  done
}

# peer VARIABLE MODULE...: exports a Python that has the modules: the one that the variable names, else that of
# build/venv-bench, where they are installed first, else Debian's. False, with a line, where there is none.
peer() {
  local variable=$1 venv=$PWD/build/venv-bench python
  shift
  if [ -n "${!variable:-}" ]; then
    has_modules "${!variable}" "$@" && return
  else
    if ! has_modules "$venv/bin/python" "$@"; then
      say "installing $* in $venv"
      install_modules "$venv" "$@" >&2 || true
    fi
    for python in "$venv/bin/python" /usr/bin/python3; do
      has_modules "$python" "$@" || continue
      export "$variable=$python"
      return
    done
  fi
  say "no comparison with $*, which could not be found or installed; $variable names a Python that has them"
  return 1
}

# docs/benchmarks.md explains the numbers.
bench() {
  case ${1:-} in
    peers) peer CREAM_TORCH_PYTHON torch || exit 1 ;;
    onnx) peer CREAM_ONNX_PYTHON onnxruntime openvino || exit 1 ;;
    torchvision) peer CREAM_TORCH_PYTHON torch torchvision || exit 1 ;;
    ?*) exec build/cream bench "$@" ;;
    *) bench_all ;;
  esac
  [ $# -eq 0 ] || exec "tools/bench/bench_$1" "${@:2}"
}

bench_all() {
  local space64=(--classes 10 --depths "2,2,3,3,3" --resolution 64 --batch 64)
  build/cream bench peaks
  build/cream bench step "${space64[@]}"
  build/cream bench step --classes 1000 --depths "4,4,5,4,4" --resolution 224 --batch 16
  build/cream bench ops "${space64[@]}"
  build/cream bench scaling "${space64[@]}"
  build/cream bench load "${space64[@]}"
  ! peer CREAM_TORCH_PYTHON torch || tools/bench/bench_peers
  ! peer CREAM_ONNX_PYTHON onnxruntime openvino || tools/bench/bench_onnx --batch 1,64 --threads 1,2 --int8
}

# The wheel needs no network: setuptools is Debian's. It leaves files beside its source, so it gets a copy.
wheel() {
  local copy
  copy=$(mktemp -d)
  cp -r tools/python "$copy"
  /usr/bin/python3 -m pip wheel --quiet --no-deps --no-build-isolation --no-cache-dir -w "$1" "$copy/python" >&2
  rm -rf "$copy"
}

# What `build` installs, in a folder that can be anywhere.
tarball() {
  local name stage
  name=cream-$(sed -n 's/^project(cream VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)-$(uname -s | tr "[:upper:]" "[:lower:]")-$(uname -m)
  stage=$(mktemp -d)
  cmake --install build --prefix "$stage/$name" --strip >/dev/null
  find "$stage" -name libcream.a -exec strip --strip-debug {} +
  tar -C "$stage" --sort=name --owner=0 --group=0 --numeric-owner -czf "$1/$name.tar.gz" "$name"
  rm -rf "$stage"
}

# tools/package/CMakeLists.txt describes the Debian packages.
package() {
  local out=build-package/packages root=()
  case ${1:-} in
    "") ;;
    test)
      if [ "$(id -u)" -ne 0 ]; then
        sudo -n true 2>/dev/null || die "package test needs root; ./build.sh package does not, then: sudo tests/package.sh $out"
        root=(sudo -n "CREAM_PACKAGE_ROOT=${CREAM_PACKAGE_ROOT:-}" "CREAM_DEBIAN_MIRROR=${CREAM_DEBIAN_MIRROR:-}")
      fi
      need package-test
      ;;
    *) die "package: got \"$1\", expected test or nothing" ;;
  esac
  need package
  have mpi || say "without cream-nas-mpi: $problem"
  build
  local args=(-DCREAM_OPENCL=ON)
  have opencl || args=(-DCREAM_OPENCL=OFF)
  if [ -n "${CREAM_MAINTAINER:-}" ]; then args+=("-DCREAM_MAINTAINER=$CREAM_MAINTAINER"); fi
  configure build-package -DCMAKE_INSTALL_PREFIX=/usr -DCREAM_DEBIAN=ON -DBUILD_TESTING=OFF "${args[@]}"
  compile build-package installed
  rm -rf "$out"
  mkdir -p "$out"
  say "packages"
  (umask 022 && cpack --config build-package/CPackConfig.cmake -B "$PWD/$out") >build-package/cpack.log 2>&1 || {
    tail -n 20 build-package/cpack.log >&2
    die "CPack could not make the packages"
  }
  rm -rf "$out/_CPack_Packages"
  tarball "$out"
  wheel "$out"
  say "lintian"
  lintian --allow-root --fail-on error "$out"/*.deb >&2 || die "lintian found errors"
  ls -l "$out" >&2
  [ "${1:-}" = test ] || return 0
  say "packages in a bare Debian root"
  "${root[@]}" tests/package.sh "$out"
}

c_files() { find core cpu opencl io tools tests -name '*.[ch]' 2>/dev/null | sort; }

lint() {
  need build images test opencl format lint
  configure build -DBUILD_TESTING=ON -DCREAM_OPENCL=ON
  compile build all # some headers are generated
  say "clang-format"
  c_files | xargs clang-format --dry-run -Werror
  say "clang-tidy"
  c_files | grep '\.c$' | grep -v '^tests/' | xargs -n 4 -P "$jobs" clang-tidy --quiet -p build 2>/dev/null
  if command -v cppcheck >/dev/null; then
    say "cppcheck (its findings are printed and do not fail the command)"
    cppcheck --quiet --std=c11 -j "$jobs" --enable=warning,performance,portability \
      --inline-suppr --suppress=missingIncludeSystem -I . core cpu io opencl tools
  fi
  if command -v shellcheck >/dev/null; then
    say "shellcheck"
    shellcheck --severity=warning build.sh .ci/run tools/*.sh tests/*.sh tests/tools/*.sh tests/tools/*/*.sh tests/opencl/*.sh
  fi
  say "clean"
}

main() {
  local command=${1:-help}
  [ $# -eq 0 ] || shift
  case $command in
    demo)
      build
      exec tools/demo.sh
      ;;
    build) build ;;
    test) test_all "$@" ;;
    bench)
      build
      bench "$@"
      ;;
    lint) lint ;;
    format)
      need format
      c_files | xargs clang-format -i
      ;;
    package) package "$@" ;;
    clean) rm -rf build build-asan build-fuzz build-package ;;
    help | -h | --help) usage ;;
    *)
      usage >&2
      printf 'build.sh: unknown command "%s"\n' "$command" >&2
      exit 2
      ;;
  esac
}

main "$@"
