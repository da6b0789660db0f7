#!/usr/bin/env bash
# Installs Cream on Debian, as root: from the packages in the folder cream-packages, which the job caches. Where there are
# none yet, builds them first. docs/ci.md describes the job.
#   CREAM_SOURCE    the Git repository with the source of Cream
#   CREAM_VERSION   a tag or branch of it
set -euo pipefail

packages=$PWD/cream-packages
export DEBIAN_FRONTEND=noninteractive
apt-get -q update
if ! ls "$packages"/cream-nas_*.deb >/dev/null 2>&1; then
  apt-get -q -y install --no-install-recommends git ca-certificates
  source=$(mktemp -d)
  git clone -q --depth 1 --branch "${CREAM_VERSION:?}" "${CREAM_SOURCE:?}" "$source"
  "$source/build.sh" package
  mkdir -p "$packages"
  cp "$source"/build-package/packages/{libcream0,cream-nas}_*.deb "$packages"
fi
apt-get -q -y install --no-install-recommends "$packages"/*.deb
cream-nas version
