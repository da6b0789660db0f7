#!/usr/bin/env bash
# docs/settings.md has the tables that the program prints, and the ready configurations are read without complaint.
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh" "$1"

"$root/tests/tools/settings_page.sh" "$cream" >page || fail "settings_page.sh"
same page "$root/docs/settings.md"
contains page '^\| `retrain\.accumulate` \| `1` \| batches \|'

# `cream settings` prints the same table of settings.
expect 0 settings
[ "$(grep -c '^| `' out)" -gt 100 ] || fail "cream settings prints $(grep -c '^| `' out) settings"
grep -qF "$(cat out)" page || fail "the table of cream settings is not in docs/settings.md"
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
