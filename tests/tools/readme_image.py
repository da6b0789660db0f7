"""Makes docs/images/report.png: some plots of the report of a real search on the digits, side by side.

readme_image.py [CREAM [OUT [RUN]]]: the program (build/cream), the file, and the folder of a search that is done already.
Needs Chromium and Pillow.
"""

import base64
import io
import os
import shutil
import subprocess
import sys
import tempfile

from PIL import Image

from browser import Browser

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FIGURES = ("pareto-0", "board-scores-0", "choices-board-0", "matching-degree")
WIDTH, COLOURS = 1200, 96


def run(program, *words):
    subprocess.run([program, *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)


def screenshot(page):
    """The figures in two columns, without their captions and numbers, as PNG."""
    with Browser(shutil.which("chromium")) as browser:
        browser.open(page, WIDTH, dark=False)
        height = browser.evaluate("""
            (() => {
                const plots = document.createElement('div');
                plots.className = 'plots';
                plots.style.cssText = 'display: grid; grid-template-columns: 1fr 1fr; gap: 12px; padding: 12px';
                for (const id of %s) plots.append(document.getElementById(id));
                for (const extra of plots.querySelectorAll('details, figcaption')) extra.remove();
                document.body.replaceChildren(plots);
                document.body.style.cssText = 'max-width: none; margin: 0; padding: 0';
                return Math.ceil(plots.getBoundingClientRect().height);
            })()
        """ % list(FIGURES))
        clip = {"x": 0, "y": 0, "width": WIDTH, "height": height, "scale": 1}
        return base64.b64decode(browser.call("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)["data"])


def main():
    program = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else os.path.join(ROOT, "build/cream")
    out = sys.argv[2] if len(sys.argv) > 2 else os.path.join(ROOT, "docs/images/report.png")
    with tempfile.TemporaryDirectory() as folder:
        page = os.path.join(folder, "report.html")
        search = os.path.abspath(sys.argv[3]) if len(sys.argv) > 3 else os.path.join(folder, "first")
        if len(sys.argv) <= 3:
            run(program, "search", "--config", "tools/demo.yaml", "--out", search)
        run(program, "report", search, "--out", page)
        image = Image.open(io.BytesIO(screenshot(page))).convert("RGB")
    # Few colours, without dots between them: a small file, and letters stay sharp.
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(out, optimize=True)
    print(out, os.path.getsize(out), "bytes")


if __name__ == "__main__":
    main()
