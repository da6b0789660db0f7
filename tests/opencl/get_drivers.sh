#!/usr/bin/env bash
# Puts OpenCL drivers that run on any processor into folders of their own, for tests on several implementations:
# Intel's CPU runtime from Python's registry, and Mesa's rusticl from Debian. Each folder has a file `environment` for
# a shell (on_driver.sh). What cannot be had is left out with one line.
# Usage: get_drivers.sh FOLDER [intel|rusticl]...
set -uo pipefail
folder=$1
shift
[ $# -gt 0 ] || set -- intel rusticl

# publish NAME LIBRARY LINE...: makes the driver's folder, which is in $work, the one that on_driver.sh finds.
publish() {
  local name=$1 library=$2
  shift 2
  mkdir -p "$work/vendors"
  realpath -m "$folder/$name/$library" >"$work/vendors/$name.icd"
  printf 'export OCL_ICD_VENDORS=%q\n' "$(realpath -m "$folder/$name/vendors")" >"$work/environment"
  printf '%s\n' "$@" >>"$work/environment"
  rm -rf "${folder:?}/$name"
  mv "$work" "$folder/$name"
}

get_intel() {
  python3 -m pip download -q --no-deps -d "$work/wheels" intel-opencl-rt intel-cmplr-lib-rt 'tbb>=2022' >"$work/log" 2>&1 ||
    return 1
  python3 - "$work" <<'PYTHON' || return 1
import pathlib, sys, zipfile
work = pathlib.Path(sys.argv[1])
(work / "lib").mkdir()
for wheel in (work / "wheels").glob("*.whl"):
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            folder, _, file = name.rpartition("/")
            if folder.endswith(".data/data/lib") and not file.startswith("libOpenCL"):
                (work / "lib" / file).write_bytes(archive.read(name))
PYTHON
  rm -rf "$work/wheels"
  publish intel lib/libintelocl.so "export LD_LIBRARY_PATH=$(realpath -m "$folder/intel/lib")"
}

# The package is unpacked and not installed: its drivers would be added to those of every other test. Its bytecode of
# OpenCL's functions has a fixed place.
get_rusticl() {
  local libraries
  [ -e /usr/lib/clc/spirv64-mesa3d-.spv ] || {
    echo "libclc-15 is not installed" >"$work/log"
    return 1
  }
  (cd "$work" && apt-get download -q mesa-opencl-icd libllvmspirvlib15) >"$work/log" 2>&1 || return 1
  for package in "$work"/*.deb; do dpkg -x "$package" "$work" || return 1; done
  rm -f "$work"/*.deb
  libraries=$(cd "$work" && dirname "$(find usr -name libRusticlOpenCL.so.1)")
  publish rusticl "$libraries/libRusticlOpenCL.so.1" \
    "export LD_LIBRARY_PATH=$(realpath -m "$folder/rusticl/$libraries")" \
    "export GALLIUM_PIPE_SEARCH_DIR=$(realpath -m "$folder/rusticl/$libraries/gallium-pipe")" \
    "export RUSTICL_ENABLE=llvmpipe"
}

mkdir -p "$folder"
for name in "$@"; do
  [ ! -e "$folder/$name/environment" ] || continue
  work=$(mktemp -d "$folder/.$name.XXXXXX")
  "get_$name" || echo "no tests on $name: it cannot be had ($(tail -n 1 "$work/log" | cut -c 1-150))" >&2
  rm -rf "$work"
done
