"""Checks pages that cream report wrote.

python3 report_page.py PAGE SECTION...: the text of the page.
Tags are balanced, ids and references are unique and resolve, nothing is fetched from elsewhere, every plot has its
title, labels, caption and numbers, and the sections are there in that order.

python3 report_page.py --browser CHROMIUM PAGE...: the pages in a browser, on a phone and on a desktop, light and dark.
Nothing is logged; the page is not wider than the window; every part that scrolls is reachable by the keyboard and shows
at its edges that it is cut; a card alone has the whole width; a link in a table of runs unfolds a report; cells of heat
maps have the colours of their legend, and text that can be read on them.

Prints a line for every fault.
"""

import re
import sys
from html.parser import HTMLParser

from browser import Browser

VOID = {"meta", "link", "br"}
# <path .../> and the like are closed where they open.


class Page(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.faults, self.ids, self.references = [], [], set(), []
        self.sections, self.figures, self.scripts = [], [], 0

    def fault(self, text):
        self.faults.append(f"line {self.getpos()[0]}: {text}")

    def look_at(self, tag, attributes):
        values = dict(attributes)
        if len(values) != len(attributes):
            self.fault(f"<{tag}> has an attribute twice")
        for name, value in attributes:
            if tag == "image" and re.fullmatch(r"data:image/jpeg;base64,[A-Za-z0-9+/]+={0,2}", value or ""):
                continue
            if name in ("src", "href", "xlink:href", "action", "data") and not re.match(r"#|data:,$", value or ""):
                self.fault(f"<{tag}> refers to {value}")
            if name.startswith("on"):
                self.fault(f"<{tag}> has {name}")
            if re.search(r"\b(nan|inf)\b", value or "") and name not in ("id", "aria-labelledby"):
                self.fault(f"<{tag} {name}> has a number that is none: {value[:60]}")
        if "id" in values:
            if values["id"] in self.ids:
                self.fault(f"id {values['id']} twice")
            self.ids.add(values["id"])
        self.references += values.get("aria-labelledby", "").split()
        if values.get("href", "").startswith("#"):
            self.references.append(values["href"][1:])
        if tag in ("script", "iframe", "img", "object", "embed"):
            self.fault(f"<{tag}>")
        if tag == "section":
            self.sections.append(values.get("id"))
        if tag == "figure":
            self.figures.append({"id": values.get("id"), "has": set()})
        elif self.figures and "figure" in self.open:
            self.figures[-1]["has"].add(tag)
            if values.get("role") == "img":
                self.figures[-1]["has"].add("role=img")

    def handle_starttag(self, tag, attributes):
        self.look_at(tag, attributes)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.look_at(tag, attributes)

    def handle_endtag(self, tag):
        if not self.open or self.open[-1] != tag:
            self.fault(f"</{tag}> where {self.open[-1:]} is open")
        elif self.open:
            self.open.pop()


def main(path, wanted):
    with open(path, encoding="utf-8") as file:  # which also checks that it is UTF-8
        text = file.read()
    page = Page()
    page.feed(text)
    page.close()
    faults = page.faults
    if page.open:
        faults.append(f"not closed: {page.open}")
    if page.sections != wanted:
        faults.append(f"sections: {page.sections}, expected {wanted}")
    faults += [f"nothing has the id {r}" for r in page.references if r not in page.ids]
    for figure in page.figures:
        lacking = {"h3", "svg", "title", "desc", "figcaption", "table", "role=img"} - figure["has"]
        if lacking:
            faults.append(f"figure {figure['id']} lacks {sorted(lacking)}")
    if re.search(r"url\(|@import", text):
        faults.append("the style refers to something")
    if not page.figures:
        faults.append("no figures")
    print("\n".join(faults[:20]))
    return 1 if faults else 0


# Runs in the page, with everything unfolded; returns a list of faults.
LAYOUT = r"""
(() => {
  const faults = [], root = document.documentElement;
  const name = e => `<${e.tagName.toLowerCase()} class="${e.getAttribute('class') || ''}">`
    + ` in #${(e.closest('[id]') || {}).id || ''}`;
  if (location.hash && !document.querySelector(location.hash).closest('details').open)
    faults.push(`the link to ${location.hash} does not unfold it`);
  document.querySelectorAll('details').forEach(d => d.open = true);
  if (root.scrollWidth > innerWidth) faults.push(`the page is ${root.scrollWidth} wide, the window ${innerWidth}`);
  document.querySelectorAll('table').forEach(t => {
    if (!t.closest('.scroll')) faults.push(`${name(t)} does not scroll`);
  });
  const probe = document.body.appendChild(document.createElement('i'));
  const colour = (element, value) => {  // as r, g, b, alpha, where the element is
    element.appendChild(probe);
    probe.style.color = value;
    const parts = getComputedStyle(probe).color.match(/[0-9.]+/g).map(Number);
    return [parts[0], parts[1], parts[2], parts.length > 3 ? parts[3] : 1];
  };
  const over = (top, bottom) => top.slice(0, 3).map((c, i) => c * top[3] + bottom[i] * (1 - top[3]));
  const luminance = c => c.slice(0, 3).map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const contrast = (a, b) => {
    const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (high + .05) / (low + .05);
  };
  let cut = 0;
  document.querySelectorAll('body *').forEach(e => {
    const style = getComputedStyle(e);
    if (!/auto|scroll|hidden/.test(style.overflowX) || e instanceof SVGElement) return;
    if (e.scrollWidth <= e.clientWidth && e.scrollHeight <= e.clientHeight) return;
    e.focus();
    if (style.overflowX === 'hidden') faults.push(`${name(e)} hides what does not fit`);
    if (document.activeElement !== e) faults.push(`${name(e)} scrolls, but cannot have the focus`);
    if (!e.matches('.scroll')) return;
    cut++;
    const layers = style.backgroundAttachment.split(', '), ground = colour(e, 'var(--g)');
    if (layers.filter(l => l === 'local').length !== 4 || layers.filter(l => l === 'scroll').length !== 4)
      faults.push(`${name(e)} has no shadows at its edges: ${style.backgroundAttachment}`);
    const seen = e.closest('figure') ? colour(e, 'var(--panel)') : colour(e, 'var(--bg)');
    if (ground.join() !== seen.join()) faults.push(`${name(e)}: the shadows are covered in another colour`);
    if (contrast(over(colour(e, 'var(--shade)'), ground), ground) < 1.8) faults.push(`${name(e)}: a faint shadow`);
  });
  document.querySelectorAll('.plots').forEach(plots => {
    const cards = [...plots.querySelectorAll(':scope > figure')], width = plots.clientWidth;
    if (cards.length === 1 || innerWidth < 480)
      cards.forEach(c => {
        if (c.offsetWidth < width - 1) faults.push(`${name(c)} is ${c.offsetWidth} wide, of ${width}`);
      });
  });
  document.querySelectorAll('figure').forEach(figure => {
    const panel = colour(figure, 'var(--panel)');
    const paint = rect => {
      const style = getComputedStyle(rect), fill = colour(figure, style.fill);
      return over([...fill.slice(0, 3), +style.fillOpacity], panel);
    };
    const legend = [...figure.querySelectorAll('.legend .heat')].map(paint);
    figure.querySelectorAll('.cells g').forEach(cell => {
      const share = parseFloat(cell.querySelector('title').textContent.match(/([0-9.]+) %$/)[1]) / 25;
      const fill = paint(cell.querySelector('rect')), low = Math.min(Math.floor(share), 3);
      const expected = fill.map((_, i) => legend[low][i] + (share - low) * (legend[low + 1][i] - legend[low][i]));
      if (fill.some((c, i) => Math.abs(c - expected[i]) > 2)) faults.push(`${name(cell)}: not as in the legend`);
      const text = cell.querySelector('text');
      if (text && contrast(colour(figure, getComputedStyle(text).fill), fill) < 3.5)
        faults.push(`${name(cell)}: ${text.textContent} cannot be read`);
    });
    for (let i = 1; i < legend.length; i++)
      if (contrast(legend[i], panel) <= contrast(legend[i - 1], panel))
        faults.push(`${name(figure)}: the colours of the legend do not become stronger`);
  });
  probe.remove();
  return {faults, cut, figures: document.querySelectorAll('figure').length};
})()
"""


def look(program, pages):
    faults, cut = [], 0
    with Browser(program) as browser:
        for page in pages:
            with open(page, encoding="utf-8") as file:
                figures = file.read().count("<figure")
            for width in 390, 1280:
                for theme in "light", "dark":
                    browser.open(page, width, theme == "dark")
                    browser.evaluate("(document.querySelector('table.runs a') || {click() {}}).click()")
                    found = browser.evaluate(LAYOUT)
                    if found["figures"] != figures:
                        faults.append(f"{page}: {found['figures']} figures in the browser, {figures} in the file")
                    cut += found["cut"] if width == 390 else 0
                    faults += [f"{page}, {width} pixels, {theme}: {f}"
                               for f in found["faults"] + browser.messages()]
    if not cut:
        faults.append("no table was cut: the pages do not test the shadows")
    print("\n".join(faults[:20]))
    return 1 if faults else 0


if sys.argv[1] == "--browser":
    sys.exit(look(sys.argv[2], sys.argv[3:]))
sys.exit(main(sys.argv[1], sys.argv[2:]))
