#!/usr/bin/env bash
# Documentation: every relative link and every path that a page names exists, anchors are headings of their page, and
# every "section N" or "section N, step M" in the code is one of docs/method.md ("section N.M" belongs to other texts).
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
command -v python3 >/dev/null || exit 77
python3 - <<'PY'
import glob, os, re, sys

PAGES = sorted(glob.glob('*.md') + glob.glob('docs/*.md') + ['tests/golden/README.md', 'io/dataset/data/README.md'])
FOLDERS = ('core', 'cpu', 'opencl', 'io', 'tools', 'tests', 'docs')
problems = []


def text_of(page):
    """The page without fenced blocks."""
    return re.sub(r'^```.*?^```', '', open(page).read(), flags=re.M | re.S)


def anchors(page):
    """GitHub's anchors of the headings."""
    found = set()
    for heading in re.findall(r'^#+ +(.*)$', text_of(page), re.M):
        heading = re.sub(r'\[([^]]*)\]\([^)]*\)', r'\1', heading).lower()
        found.add(re.sub(r'[^\w\- ]', '', heading).replace(' ', '-'))
    return found


for page in PAGES:
    text = text_of(page)
    for target in re.findall(r'\]\(([^)\s]+)\)', text):
        if re.match(r'[a-z]+:', target):
            continue
        path, _, anchor = target.partition('#')
        path = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
        if not os.path.exists(path):
            problems.append('%s: link to %s, which does not exist' % (page, target))
        elif anchor and anchor not in anchors(path):
            problems.append('%s: link to %s: no such heading' % (page, target))
    # Paths in `code`, with * for any name and NAME, AREA and the like for a name to choose.
    for path in re.findall(r'`((?:%s)/[\w./*{},-]*)`' % '|'.join(FOLDERS), text):
        pattern = re.sub(r'\{[^}]*\}', '*', path)
        pattern = re.sub(r'(?<![A-Za-z])[A-Z]{3,}(?![A-Za-z])', '*', pattern)
        pattern = pattern if os.path.splitext(pattern)[1] or pattern.endswith('/') else pattern + '*'
        if not glob.glob(pattern):
            problems.append('%s: names %s, which does not exist' % (page, path))

method = open('docs/method.md').read()
sections = {int(n): body for n, body in re.findall(r'^## (\d+) (.*?)(?=^## |\Z)', method, re.M | re.S)}
for folder in FOLDERS[:-1]:
    for source in glob.glob(folder + '/**/*.[ch]', recursive=True) + glob.glob(folder + '/**/*.cl', recursive=True):
        for section, step in re.findall(r'\b[Ss]ection (\d+)(?!\.?\d)(?:, step (\d+))?', open(source).read()):
            body = sections.get(int(section))
            if body is None:
                problems.append('%s: section %s, which docs/method.md does not have' % (source, section))
            elif step and not re.search(r'^%s\. ' % step, body, re.M):
                problems.append('%s: section %s has no step %s' % (source, section, step))

print('\n'.join(problems) or '%d pages checked' % len(PAGES))
sys.exit(bool(problems))
PY
