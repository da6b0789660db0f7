#!/usr/bin/env bash
# docs/settings.md is what the program says, and the ready configurations are read without complaint.
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh" "$1"

expect 0 settings
same out "$root/docs/settings.md"
contains out '^\| `retrain\.accumulate` \| `1` \| batches \|'
refuse 2 'unexpected argument' settings more

for config in "$root"/docs/configs/*.yaml; do
  expect 0 profile --config "$config" --json
  contains out '"macs"'
done
expect 0 profile --config "$root/docs/configs/efficientnet-b0.yaml" --json
contains out '^ *"params": 5288548'
expect 0 profile --arch cream-604
contains out '578\.698'
refuse 2 'cream-605.*did you mean `cream-604`' profile --arch cream-605

finish
