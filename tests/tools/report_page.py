"""Checks a page that cream report wrote: python3 report_page.py PAGE SECTION...

Tags are balanced, ids and references are unique and resolve, nothing is fetched from elsewhere, every plot has its
title, labels, caption and numbers, and the sections are there in that order. Prints a line for every fault.
"""

import re
import sys
from html.parser import HTMLParser

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


sys.exit(main(sys.argv[1], sys.argv[2:]))
