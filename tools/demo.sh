#!/usr/bin/env bash
# A search from nothing to a tested network, on the digits that come with the program.
set -euo pipefail
cd "$(dirname "$0")/.."

out=runs/demo
started=$SECONDS
say() { printf '\n== %s\n' "$*"; }

say "search: a supernet in the space micro, networks of 3 to 5 M FLOPs"
build/cream search --config tools/demo.yaml --out "$out" --force

say "retrain: the network found, from scratch"
build/cream retrain --run "$out" --out "$out-trained" --force >/dev/null

say "test: images that neither has seen"
build/cream test --run "$out-trained"

say "done in $((SECONDS - started)) s"
cat <<TEXT
Everything is in $out and $out-trained. Next, for example, both as one page of plots, and what
the network costs by layer:

  build/cream report $out $out-trained
  build/cream profile --arch $out/arch.json
TEXT
