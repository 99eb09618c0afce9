#!/usr/bin/env python3
"""Makes the pictures of the pages.

    docs/pictures.py [UNLEAK]      needs git, Chromium and ChromeDriver

A repository with fake tokens is made and scanned; docs/terminal.png shows what the terminal shows, and
docs/report.png the page. tests/page.py tries the page as a reader would.
"""

import html
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))
from page import PORT, Browser, call, multiplied, repository

UNLEAK = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else HERE.parent / "target/release/unleak").resolve()


def terminal(text):
    """A page that shows the text of a terminal with its colours."""
    colours = {"31": "#f66", "32": "#6c6", "33": "#dc5", "34": "#7af", "35": "#d8d", "36": "#5cc"}

    def span(match):
        codes = match[1].split(";")
        if codes in ([""], ["0"]):
            return "</span>"
        styles = [f"color:{colours[code]}" for code in codes if code in colours]
        styles += ["font-weight:bold"] * ("1" in codes) + ["opacity:.6"] * ("2" in codes)
        return f'<span style="{";".join(styles)}">'

    shown = re.sub("\x1b\\[([0-9;]*)m", span, html.escape(text))
    assert "\x1b" not in shown, "an escape that is no colour"
    return f"""<!DOCTYPE html><meta charset="utf-8"><body style="margin:0;background:#181a1f;color:#ddd">
<pre style="font:14px/1.45 monospace;margin:0;padding:14px;white-space:pre-wrap">$ unleak scan app\n{shown}</pre>"""


def main():
    with tempfile.TemporaryDirectory() as work:
        app = pathlib.Path(work, "app")
        app.mkdir()
        repository(app)
        scan = [UNLEAK, "scan", "app", "--no-config", "--color", "always", "--output", f"json:{work}/app.json"]
        scan = subprocess.run(scan, cwd=work, stdout=subprocess.PIPE, text=True)
        assert scan.returncode == 1, scan.returncode
        shown = pathlib.Path(work, "terminal.html")
        shown.write_text(terminal(scan.stdout))
        # A list with three lines shows little of what the page is for.
        saved, page = pathlib.Path(work, "many.json"), pathlib.Path(work, "many.html")
        report = json.loads(pathlib.Path(work, "app.json").read_text())
        saved.write_text(json.dumps(multiplied(report, 60)))
        subprocess.run([UNLEAK, "report", "convert", saved, "-o", f"html:{page}"], check=True, stdout=subprocess.DEVNULL)
        driver = subprocess.Popen(["chromedriver", f"--port={PORT}"], stdout=subprocess.DEVNULL)
        try:
            time.sleep(2)
            browser = Browser(1280, 860)
            browser.open(page)
            browser.run("document.querySelector('.row').click()")
            (HERE / "report.png").write_bytes(browser.picture())
            browser.open(shown)
            height = browser.run("return document.querySelector('pre').getBoundingClientRect().height")
            frame = browser.run("return window.outerHeight - window.innerHeight")
            size = {"width": 1000, "height": int(height + frame) + 1}
            call("POST", f"{browser.path}/window/rect", size)
            (HERE / "terminal.png").write_bytes(browser.picture())
            browser.close()
        finally:
            driver.kill()
    print("docs/report.png and docs/terminal.png are written")


if __name__ == "__main__":
    main()
