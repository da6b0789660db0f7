#!/usr/bin/env bash
# What an installation contains is enough: every relative link of a page and every docs/... that a page, the manual page,
# a recipe or a help text names exists; and what is installed is what ./build.sh build compiles.
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh" "$1"

build=$(dirname "$cream")
DESTDIR=$work/stage cmake --install "$build" --prefix /opt/cream >install.log 2>&1 ||
  fail "cmake --install: $(grep . install.log | tail -n 1)"
prefix=$work/stage/opt/cream
doc=$prefix/share/doc/cream
exists "$doc"/{README.md,LICENSE,CHANGELOG.md,tools/demo.yaml,docs/guide.md,docs/configs/cream-14.yaml} \
  "$doc"/docs/{studies/components.yaml,examples/search.c,examples/classify.c,python.ipynb} \
  "$prefix"/share/man/man1/cream.1 "$prefix"/share/bash-completion/completions/cream

for command in $("$cream" --help | awk '/^  [a-z]/ {print $1}'); do "$cream" "$command" --help; done >help.txt
sed 's/\\-/-/g' "$prefix"/share/man/man1/*.1 >manual.txt
contains manual.txt 'share/doc/cream'
"$cream" --help >usage.txt
contains usage.txt 'share/doc/cream'
python3 - "$doc" help.txt manual.txt usage.txt <<'PYTHON' || fail "the documentation names files that are not installed"
import glob, os, re, sys
root, problems, count = sys.argv[1], [], 0
files = [f for f in glob.glob(root + '/**/*', recursive=True) if os.path.isfile(f) and not f.endswith('.png')] + sys.argv[2:]
for name in files:
    text = open(name).read()
    targets = []
    if name.endswith('.md'):
        prose = re.sub(r'^```.*?^```', '', text, flags=re.M | re.S)
        links = [t.partition('#')[0] for t in re.findall(r'\]\(([^)\s]+)\)', prose) if not re.match(r'[a-z]+:', t)]
        targets += [os.path.join(os.path.dirname(name), link) for link in links if link]
        if 'link@' in text or '<open@' in text or '<semicolon@' in text:
            problems.append('%s: marks are left' % name)
    # placeholders such as docs/NAME.md are no files
    named = re.findall(r'(?<![\w/.])((?:docs|tools/demo|tests/tools/letters)[/.][\w./-]*\w)', text)
    targets += [os.path.join(root, path) for path in named]
    count += len(targets)
    problems += ['%s: %s' % (name, t) for t in targets if not os.path.exists(t)]
print('\n'.join(problems) or '%d references checked' % count)
sys.exit(bool(problems) or count < 200)
PYTHON
# The first steps of the guide work in the documentation's folder.
(cd "$doc" && "$prefix/bin/cream" search --config tools/demo.yaml --epochs 1 --set search.recalibrate=1 \
  --set heldout=0.6 --set search.board.size=2 --set search.board.images=16 --batch 320 --threads 1 \
  --out "$work/first" >/dev/null 2>search.err) || fail "cream search: $(tail -n 1 search.err)"
cmp "$root/docs/examples/classify.c" "$doc/docs/examples/classify.c" || fail "the example is another"
lacks "$doc/docs/architecture.md" '\]\(\.\./core'
contains "$doc/docs/architecture.md" '\]\(howto-op.md#an-op\)'

# ./build.sh build compiles the target `installed`; every file of the build folder that is installed belongs to it.
contains "$root/build.sh" '^  compile build installed$'
if [ -f "$build/build.ninja" ] && ninja -C "$build" -t commands installed >commands 2>/dev/null; then
  ninja -C "$build" -t targets all | sed -n 's/: .*//p' | sort -u >outputs
  find "$build" -name cmake_install.cmake -exec grep -ho "$build/[^\" ]*" {} + | sed "s#^$build/##" | sort -u |
    comm -12 - outputs >artifacts
  [ "$(wc -l <artifacts)" -ge 5 ] || fail "only $(wc -l <artifacts) installed files are known"
  while read -r artifact; do
    grep -qF -- "$artifact" commands || fail "$artifact is installed, but not compiled by ./build.sh build"
  done <artifacts
fi
finish
