#!/usr/bin/env python3
"""Tries the HTML report in headless Chromium, as a reader would.

    tests/page.py [UNLEAK] [--pictures DIRECTORY]      needs git, Chromium and ChromeDriver

A repository with fake tokens is made and scanned. From its report, others of 0, 3, 300 and 10,000 findings are
made, and each is tried on a desktop and on a phone, light and dark: load, filters, groups, selection, keys,
addresses, contrast, paper. `--pictures` keeps a picture of each page.
"""

import base64
import copy
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

PORT = 9517
BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
SIZES = (0, 3, 300, 10_000)
# What people do not notice, in milliseconds, and bytes that can be mailed.
MAX_KEYSTROKE, MAX_LOAD, MAX_BYTES = 50, 1000, 5_000_000
# WCAG AA.
MIN_CONTRAST = 4.5


def token(seed):
    """A fake token with a right checksum."""
    chance = random.Random(seed)
    body = "".join(chance.choice(BASE62) for _ in range(30))
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        digits = BASE62[number % 62] + digits
        number //= 62
    return f"ghp_{body}{digits}"


class Browser:
    """A window of headless Chromium."""

    def __init__(self, width, height, is_dark=False, is_phone=False):
        args = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        args += ["--blink-settings=preferredColorScheme=0"] if is_dark else []
        options = {"args": args}
        if is_phone:
            metrics = {"width": width, "height": height, "pixelRatio": 2, "touch": True}
            options["mobileEmulation"] = {"deviceMetrics": metrics}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        answer = call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self.path = f"/session/{answer['sessionId']}"
        if not is_phone:
            call("POST", f"{self.path}/window/rect", {"width": width, "height": height})

    def open(self, page, hash=""):
        # Another hash alone loads nothing.
        call("POST", f"{self.path}/url", {"url": "about:blank"})
        call("POST", f"{self.path}/url", {"url": page.as_uri() + hash})
        time.sleep(0.2)

    def run(self, script, kind="sync"):
        return call("POST", f"{self.path}/execute/{kind}", {"script": script, "args": []})

    def key(self, key):
        self.run(f"document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {{key: {json.dumps(key)}, bubbles: true, cancelable: true}}))")

    def set(self, name, value):
        self.run(f"const e = document.getElementById('{name}'); e.value = {json.dumps(value)}; e.dispatchEvent(new Event('input'));")

    def text(self, name):
        return self.run(f"return document.getElementById('{name}').innerText")

    def problems(self):
        """What the console says, such as what the page's policy refused."""
        return call("POST", f"{self.path}/se/log", {"type": "browser"})

    def media(self, name):
        body = {"cmd": "Emulation.setEmulatedMedia", "params": {"media": name}}
        call("POST", f"{self.path}/goog/cdp/execute", body)

    def sheets(self):
        """How many sheets a print of the page takes: the largest number of pages below any node of the PDF."""
        pdf = base64.b64decode(call("POST", f"{self.path}/print", {}))
        return max(int(count) for count in re.findall(rb"/Count (\d+)", pdf))

    def picture(self):
        return base64.b64decode(call("GET", f"{self.path}/screenshot"))

    def close(self):
        call("DELETE", self.path)


def call(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    url = f"http://127.0.0.1:{PORT}{path}"
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)["value"]


def repository(path):
    """Three secrets by three people in three years: one in HEAD, one in a test, one removed."""
    def git(*args, **extra):
        subprocess.run(["git", "-C", path, *args], check=True, env=os.environ | extra, stdout=subprocess.DEVNULL)

    def commit(name, text, who, year):
        target = pathlib.Path(path, name)
        target.parent.mkdir(exist_ok=True, parents=True)
        target.write_text(text)
        git("add", ".")
        dates = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in
                 (("NAME", who), ("EMAIL", "dev@example.com"), ("DATE", f"{year}-03-01T10:00:00Z"))}
        git("commit", "-q", "-m", name, **dates)

    git("init", "-q", "-b", "main")
    commit("conf/app.env", f"HOST=example.com\nTOKEN={token(1)}\n", "Ada Author", 2021)
    commit("src/deploy.sh", f"curl -H 'Authorization: Bearer {token(2)}' https://api.example.com\n", "Bob <script>", 2023)
    commit("tests/settings.py", 'db_password = "%s"\n' % ("kT9x" + "-Qw2" + "Lm"), "Cid Coder", 2026)
    commit("conf/app.env", "HOST=example.com\n", "Ada Author", 2026)


def multiplied(report, count):
    """The same report with `count` findings, which differ in all that a list shows."""
    patterns, chance, findings = report["findings"], random.Random(count), []
    names = ["Ada Author", "Grace Hopper", "Jürgen Groß", "Maria-José Fernández", "bot"]
    for number in range(count):
        finding = copy.deepcopy(patterns[number % len(patterns)])
        finding["fingerprint"] = f"{chance.getrandbits(128):032x}"
        if number >= len(patterns):
            finding["rule_id"] = f"service-{int(chance.expovariate(0.1)) % 60}-token"
            history = finding["history"]
            path = f"{chance.choice(['src', 'pkg/api', 'services/pay/v1', 'web/app/ui', 'test/data'])}/file-{chance.randrange(900)}.py"
            commit = f"{chance.getrandbits(160):040x}"
            for place in [history["first"], *history["appearances"]]:
                place |= {"path": path, "commit": commit, "line": chance.randrange(1, 900)}
            history["paths"] = [path]
            history["author"] |= {"name": chance.choice(names), "date": f"{chance.randrange(2014, 2027)}-0{chance.randrange(1, 10)}-11T10:00:00Z"}
            history["in_head"] = chance.random() < 0.3
        findings.append(finding)
    return report | {"findings": findings}


# The least contrast of any text in view, and that text.
CONTRAST = """
const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
const light = ([r, g, b]) => [r, g, b].map((c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
  .reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
let worst = [99, ""];
for (const element of document.querySelectorAll("body *")) {
  const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  if (!(own || element.placeholder) || !element.offsetParent || element.closest("script, style, noscript")) continue;
  let back = element;
  while (back && rgb(getComputedStyle(back).backgroundColor)[3] === 0) back = back.parentElement;
  const behind = light(rgb(getComputedStyle(back || document.documentElement).backgroundColor));
  const text = light(rgb(getComputedStyle(element, element.placeholder && "::placeholder").color));
  const ratio = (Math.max(text, behind) + 0.05) / (Math.min(text, behind) + 0.05);
  if (ratio < worst[0]) worst = [ratio, `${element.className} ${element.textContent.slice(0, 40)}`];
}
return worst;
"""

# Milliseconds from each keystroke to the new list: the best of some rounds, since other programs run, too.
KEYSTROKES = """
const done = arguments[0], field = document.getElementById("search"), times = {};
(async () => {
  await new Promise((resolve) => setTimeout(resolve, 1500));
  for (let round = 0; round < 5; round += 1) {
    for (const text of ["s", "sr", "src", "src ", "src f", "src -file-1", "zzz", ""]) {
      const start = performance.now();
      field.value = text;
      field.dispatchEvent(new Event("input"));
      document.getElementById("list").offsetHeight;
      times[text] = Math.min(times[text] || Infinity, performance.now() - start);
      await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 0)));
    }
  }
  done(Object.values(times));
})();
"""


def try_looks(browser, size):
    """What must hold of every page, however it looks."""
    assert browser.problems() == [], "the console is empty: the policy refuses nothing"
    assert browser.run("return document.documentElement.scrollWidth <= window.innerWidth"), "no sideways scroll"
    ratio, text = browser.run(CONTRAST)
    assert ratio >= MIN_CONTRAST, f"contrast {ratio:.2f}: {text}"
    page = browser.run("return document.body.innerText")
    assert "everything was read" in page and "Not read" not in page, "a whole scan looks like one"
    drawn = browser.run("return document.querySelectorAll('.row').length")
    assert (drawn > 0) == (size > 0) and drawn <= 120, f"{drawn} rows are drawn"


def try_use(browser, page, size):
    """Filters, groups, selection, keys, addresses."""
    tally = lambda: browser.text("tally")
    whole = f"{size:,} findings"
    assert tally() == whole, tally()
    browser.set("search", "app.env")
    assert tally().startswith("1 of ") or size > 3, tally()
    browser.set("search", "-app.env")
    assert tally() != whole, "a word with '-' excludes"
    browser.set("search", "")
    browser.run("document.querySelector('#facets input').click()")
    part = tally()
    assert part != whole and "severity=" in browser.run("return location.hash"), "filters are in the address"
    address = browser.run("return location.hash")
    browser.open(page, address)
    assert tally() == part, "the address gives the same list"
    browser.run("document.getElementById('reset').click()")
    assert tally() == whole
    # Keys.
    browser.run("document.getElementById('list').focus()")
    browser.key("j")
    browser.key("x")
    assert browser.text("picked").startswith("1 finding selected"), browser.text("picked")
    browser.key("Enter")
    detail = browser.text("detail")
    for words in ("Rotate it first", "introduced", "unleak explain ", "Places (", "link to this finding"):
        assert words in detail or words == "Rotate it first", words
    anchor = browser.run("return document.querySelector('#detail a[href^=\"#\"]').getAttribute('href')")
    browser.key("Escape")
    browser.open(page, anchor)
    assert anchor[1:] in browser.text("detail"), "an anchor opens its finding"
    assert browser.run("return document.querySelector('.row.current') !== null"), "and shows it in the list"
    browser.key("Escape")
    # The commands of a selection.
    browser.set("group", "rule")
    browser.run("document.querySelector('.row.group input').click()")
    commands = browser.run("return [...document.querySelectorAll('#picked pre')].map((e) => e.textContent)")
    assert commands[0].startswith("unleak ignore ") and commands[0].endswith(" --reason 'WHY'"), commands[0][:80]
    assert commands[1].startswith("unleak purge --finding "), commands[1][:80]
    browser.run("document.querySelector('.row.group').click()")
    browser.set("group", "")
    browser.key("Escape")
    # Paper has all that match, some twenty on a page.
    if size == 300:
        sheets = browser.sheets()
        assert 10 <= sheets <= 30, f"{sheets} sheets of paper"
    browser.run("dispatchEvent(new Event('beforeprint'))")
    assert browser.run("return document.querySelectorAll('#print tbody tr').length") == size
    browser.run("document.getElementById('help').click()")
    browser.media("print")
    shown = browser.run("return ['#keys', '#list', '#print'].map((name) => document.querySelector(name).checkVisibility())")
    assert shown == [False, False, True], f"paper has the table, and nothing to click: {shown}"
    browser.media("")
    browser.run("document.getElementById('keys').close()")
    browser.run("dispatchEvent(new Event('afterprint'))")
    if size > 1000:
        browser.run("scrollTo(0, document.body.scrollHeight / 2)")
        time.sleep(0.2)
        places = browser.run("return [...document.querySelectorAll('.row')].filter((r) => { const b = r.getBoundingClientRect(); return b.top < innerHeight && b.bottom > 0; }).length")
        assert places > 5, "rows are drawn when they come into view"
        browser.run("scrollTo(0, 0)")


def measure(browser, page):
    browser.open(page)
    load = browser.run("return performance.getEntriesByType('navigation')[0].loadEventEnd")
    times = browser.run(KEYSTROKES, "async")
    return load, sorted(times)[len(times) // 2], max(times)


def main():
    arguments = sys.argv[1:]
    pictures = None
    if "--pictures" in arguments:
        at = arguments.index("--pictures")
        pictures = pathlib.Path(arguments[at + 1])
        pictures.mkdir(exist_ok=True, parents=True)
        del arguments[at : at + 2]
    root = pathlib.Path(__file__).resolve().parent.parent
    unleak = pathlib.Path(arguments[0] if arguments else root / "target/release/unleak").resolve()
    with tempfile.TemporaryDirectory() as work:
        app = pathlib.Path(work, "app")
        app.mkdir()
        repository(app)
        scan = [unleak, "scan", "app", "--no-config", "--min-confidence", "low", "-o", f"json:{work}/app.json"]
        code = subprocess.run(scan, cwd=work, stdout=subprocess.DEVNULL).returncode
        assert code == 1, f"the scan ended with {code}"
        report = json.loads(pathlib.Path(work, "app.json").read_text())
        pages = {}
        for size in SIZES:
            saved, pages[size] = pathlib.Path(work, f"{size}.json"), pathlib.Path(work, f"{size}.html")
            saved.write_text(json.dumps(multiplied(report, size)))
            subprocess.run([unleak, "report", "convert", saved, "-o", f"html:{pages[size]}"], check=True, stdout=subprocess.DEVNULL)
        driver = subprocess.Popen(["chromedriver", f"--port={PORT}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            time.sleep(2)
            for device, width, height in (("desktop", 1440, 900), ("phone", 360, 740)):
                for shade in ("light", "dark"):
                    browser = Browser(width, height, shade == "dark", device == "phone")
                    for size, page in pages.items():
                        browser.open(page)
                        if pictures:
                            (pictures / f"{size}-{device}-{shade}.png").write_bytes(browser.picture())
                        try_looks(browser, size)
                        if size:
                            browser.run("document.querySelector('.row').click()")
                            try_looks(browser, size)
                            if pictures:
                                (pictures / f"{size}-{device}-{shade}-open.png").write_bytes(browser.picture())
                            browser.key("Escape")
                            if shade == "light":
                                try_use(browser, page, size)
                    browser.close()
            browser = Browser(1440, 900)
            for size in (300, 10_000):
                size_of, (load, middle, worst) = pages[size].stat().st_size, measure(browser, pages[size])
                print(f"{size} findings: {size_of:,} bytes, load {load:.0f} ms, keystroke {middle:.1f} ms, at most {worst:.1f} ms")
                assert size_of < MAX_BYTES and load < MAX_LOAD and worst < MAX_KEYSTROKE, "fast and small"
            browser.close()
        finally:
            driver.kill()
    print("the page holds on desktop and phone, light and dark, with 0, 3, 300 and 10,000 findings")


if __name__ == "__main__":
    main()
