#!/usr/bin/env bash
# settings_page.sh CREAM: docs/settings.md with the tables between its marker lines made by the program CREAM. To update
# the page: tests/tools/settings_page.sh build/cream >page && mv page docs/settings.md
set -euo pipefail
page=$(cd "$(dirname "$0")/../.." && pwd)/docs/settings.md
sed '/^<!-- begin: cream docs settings -->$/q' "$page"
"$1" docs settings
sed -n '/^<!-- end: cream docs settings -->$/,$p' "$page"
