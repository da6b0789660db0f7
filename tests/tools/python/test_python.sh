#!/usr/bin/env bash
# The Python module on libcream and the program of the build folder: the notebook of the
# documentation, then check_python.py on the runs that it leaves. CREAM_PYTHON names the interpreter.
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh" "$1"

build=$(dirname "$cream")
grep -q '^CREAM_SANITIZE:STRING=.' "$build/CMakeCache.txt" && {
  echo "skipped: a library with sanitizers cannot be loaded by Python"
  exit 77
}
for python in ${CREAM_PYTHON:-python3 /usr/bin/python3}; do
  "$python" -c 'import numpy' 2>/dev/null && break
  python=
done
[ -n "$python" ] || {
  echo "skipped: no Python 3 with numpy (Debian: python3-numpy)"
  exit 77
}
export PYTHONPATH=$root/tools/python PYTHONDONTWRITEBYTECODE=1 CREAM_PROGRAM=$cream
export CREAM_LIBRARY=$build/tools/lib/libcream.so.0
"$python" "$root/tests/tools/python/notebook.py" "$root/docs/python.ipynb" >notebook.log 2>&1 || {
  tail -n 5 notebook.log
  fail "docs/python.ipynb"
  finish
}
"$python" "$root/tests/tools/python/check_python.py" "$root" || fail "check_python.py"
# What the notebook shows are the outputs of a run.
"$python" - "$root/docs/python.ipynb" <<'PYTHON' || fail "docs/python.ipynb has cells without outputs"
import json, sys
cells = [c for c in json.load(open(sys.argv[1]))['cells'] if c['cell_type'] == 'code']
sys.exit(not (len(cells) > 5 and all(c['execution_count'] for c in cells) and sum(map(lambda c: bool(c['outputs']), cells)) > 4))
PYTHON
finish
