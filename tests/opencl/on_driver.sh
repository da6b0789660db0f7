#!/usr/bin/env bash
# Runs a test program on a driver that get_drivers.sh put into FOLDER; exits as skipped where it is not there.
# Usage: on_driver.sh FOLDER DRIVER PROGRAM [ARGUMENT]...
set -uo pipefail
environment=$1/$2/environment
if [ ! -e "$environment" ]; then
  echo "$2 is not in $1 (tests/opencl/get_drivers.sh)"
  exit 77
fi
# shellcheck disable=SC1090
. "$environment"
export XDG_CACHE_HOME=$1/$2/cache
mkdir -p "$XDG_CACHE_HOME"
shift 2
exec "$@"
