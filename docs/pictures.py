#!/usr/bin/env python3
"""Makes the pictures of the README, and proves that the HTML report works in a browser.

    docs/pictures.py [UNLEAK]      needs git, Chromium and ChromeDriver

A repository with fake tokens is made and scanned; docs/terminal.png shows what the terminal shows, and
docs/report.png the page. Before that, filter, order and folding are used as a reader would.
"""

import base64
import html
import json
import os
import pathlib
import random
import re
import string
import subprocess
import sys
import tempfile
import time
import urllib.request
import zlib

HERE = pathlib.Path(__file__).resolve().parent
UNLEAK = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else HERE.parent / "target/release/unleak").resolve()
DRIVER = "http://127.0.0.1:9517"
BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase


def token(seed):
    """A fake token with a right checksum."""
    chance = random.Random(seed)
    body = "".join(chance.choice(BASE62) for _ in range(30))
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        digits = BASE62[number % 62] + digits
        number //= 62
    return f"ghp_{body}{digits}"


def repository(path):
    env = os.environ | {
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "Ada Author"), ("EMAIL", "ada@example.com"), ("DATE", "2026-11-20T10:00:00Z"))
    }

    def git(*args):
        subprocess.run(["git", "-C", path, *args], check=True, env=env, stdout=subprocess.DEVNULL)

    def commit(name, text):
        target = pathlib.Path(path, name)
        target.parent.mkdir(exist_ok=True)
        target.write_text(text)
        git("add", ".")
        git("commit", "-q", "-m", name)

    git("init", "-q", "-b", "main")
    commit("conf/app.env", f"HOST=example.com\nTOKEN={token(1)}\n")
    commit("deploy.sh", f"curl -H 'Authorization: Bearer {token(2)}' https://api.example.com\n")
    commit("settings.py", 'db_password = "%s"\n' % ("kT9x" + "-Qw2" + "Lm"))
    commit("conf/app.env", "HOST=example.com\n")


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


def call(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(DRIVER + path, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["value"]


def check(session, page):
    """Uses the page, and fails if it does not do what it should."""

    def run(script):
        return call("POST", f"/session/{session}/execute/sync", {"script": script, "args": []})

    def set_to(name, value):
        run(f"const e = document.getElementById('{name}'); e.value = '{value}'; e.dispatchEvent(new Event('input'));")

    visible = "return [...document.querySelectorAll('.finding')].filter((f) => !f.hidden).map((f) => f.dataset.%s)"
    call("POST", f"/session/{session}/url", {"url": page.as_uri()})
    assert run("return document.getElementById('shown').textContent") == "3 of 3", "the script runs"
    set_to("filter", "deploy.sh")
    assert len(run(visible % "place")) == 1, "the filter filters"
    set_to("filter", "")
    set_to("level", "medium")
    assert run(visible % "level") == ["medium"], "the confidence filters"
    set_to("level", "")
    set_to("where", "head")
    assert len(run(visible % "place")) == 2, "what is gone from HEAD is filtered"
    set_to("where", "")
    set_to("order", "place")
    places = run(visible % "place")
    assert places == sorted(places), "the order sorts"
    set_to("order", "worst")
    run("document.getElementById('fold').click()")
    assert run("return document.querySelectorAll('details[open]').length") == 3, "unfolds"
    run("document.getElementById('fold').click()")
    assert run("return document.querySelectorAll('details[open]').length") == 0, "folds"
    size = {"width": 360, "height": 700}
    call("POST", f"/session/{session}/window/rect", size)
    assert run("return document.documentElement.scrollWidth <= window.innerWidth"), "fits a phone"
    shade = "return getComputedStyle(document.documentElement).colorScheme"
    assert run(shade) == "light dark", "follows the reader's choice of dark or light"
    terms = run("return [...document.querySelectorAll('dt')].map((e) => e.textContent)")
    assert {"introduced", "last seen", "removed", "now"} <= set(terms), "tells the story"
    call("POST", f"/session/{session}/window/rect", {"width": 1000, "height": 900})
    run("document.querySelector('details').open = true")


def main():
    with tempfile.TemporaryDirectory() as work:
        path = pathlib.Path(work, "app")
        path.mkdir()
        repository(path)
        page = pathlib.Path(work, "report.html")
        command = [UNLEAK, "scan", "app", "--color", "always", "--output", f"html:{page}"]
        scan = subprocess.run(command, cwd=work, stdout=subprocess.PIPE, text=True)
        assert scan.returncode == 1, scan.returncode
        shown = pathlib.Path(work, "terminal.html")
        shown.write_text(terminal(scan.stdout))
        driver = subprocess.Popen(["chromedriver", "--port=9517"], stdout=subprocess.DEVNULL)
        try:
            time.sleep(2)
            options = {"args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]}
            wanted = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}}
            session = call("POST", "/session", wanted)["sessionId"]
            check(session, page)
            picture = call("GET", f"/session/{session}/screenshot")
            (HERE / "report.png").write_bytes(base64.b64decode(picture))
            call("POST", f"/session/{session}/url", {"url": shown.as_uri()})
            height = "return document.querySelector('pre').getBoundingClientRect().height"
            height = call("POST", f"/session/{session}/execute/sync", {"script": height, "args": []})
            inner = "return window.outerHeight - window.innerHeight"
            frame = call("POST", f"/session/{session}/execute/sync", {"script": inner, "args": []})
            size = {"width": 1000, "height": int(height + frame) + 1}
            call("POST", f"/session/{session}/window/rect", size)
            picture = call("GET", f"/session/{session}/screenshot")
            (HERE / "terminal.png").write_bytes(base64.b64decode(picture))
            call("DELETE", f"/session/{session}")
        finally:
            driver.kill()
    print("the page sorts, filters, folds and fits a phone; docs/report.png and docs/terminal.png are written")


if __name__ == "__main__":
    main()
