#!/usr/bin/env python3
"""Measures reports of 0, 3, 300 and 10,000 findings: sizes, times to write them, and how fast the page is.

    benches/reports.py      needs git, Chromium and ChromeDriver

From the scan of a small repository with fake tokens, reports with more findings are made, as tests/page.py does. For
each, `unleak report convert` writes HTML, JSON and SARIF. If kingfisher is installed (see benches/programs.py), its
report of the same repository is multiplied in the same way and opened in `kingfisher view`. Time to show: from the
start of the navigation until the page has rows. Keystroke: until the list has changed.
"""

import copy
import json
import pathlib
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

import programs

sys.path.insert(0, str(programs.ROOT / "tests"))
import page

FORMATS = ("html", "json", "sarif")
RUNS = 3
# Selectors of the search field and of rows.
OURS, THEIRS = ("#search", ".row"), ("#search-input", "#findings-body tr")

KEYSTROKES = """
const [selector, done] = arguments, field = document.querySelector(selector), times = {};
(async () => {
  await new Promise((resolve) => setTimeout(resolve, 1500));
  for (let round = 0; round < 5; round += 1) {
    for (const text of ["s", "sr", "src", "zzz", ""]) {
      const start = performance.now();
      field.value = text;
      field.dispatchEvent(new Event("input"));
      document.body.offsetHeight;
      times[text] = Math.min(times[text] || Infinity, performance.now() - start);
      await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 0)));
    }
  }
  done(Math.max(...Object.values(times)));
})();
"""


def shown(browser, address, rows):
    """Milliseconds until the page has rows, and of the slowest keystroke."""
    search, row = rows
    times = []
    for _ in range(RUNS):
        page.call("POST", f"{browser.path}/url", {"url": "about:blank"})
        page.call("POST", f"{browser.path}/url", {"url": address})
        until = time.monotonic() + 60
        script = f"return [performance.now(), document.querySelectorAll('{row}').length > 0]"
        now, is_there = browser.run(script)
        while not is_there and time.monotonic() < until:
            now, is_there = browser.run(script)
        assert is_there, "the page shows its findings"
        # What is there when the browser is first asked was there when the page had loaded.
        loaded = browser.run("return performance.getEntriesByType('navigation')[0].loadEventEnd")
        times.append(loaded if rows is OURS else now)
    body = {"script": KEYSTROKES, "args": [search]}
    return statistics.median(times), page.call("POST", f"{browser.path}/execute/async", body)


def ours(unleak, work, size, report, browser):
    saved = work / f"{size}.json"
    saved.write_text(json.dumps(page.multiplied(report, size)))
    cells = []
    for format in FORMATS:
        out = work / f"{size}.{format}.out"
        command = [unleak.path, "report", "convert", saved, "-o", f"{format}:{out}"]
        wall = programs.median([programs.run(command) for _ in range(RUNS)], "wall")
        cells.append(f"{megabytes(out)}, {wall:.2f} s")
    if size:
        html = work / f"{size}.html"
        (work / f"{size}.html.out").rename(html)
        load, key = shown(browser, html.as_uri(), OURS)
        cells += [f"{load:.0f} ms", f"{key:.0f} ms"]
    print(f"| {size:,} | " + " | ".join(cells + [""] * (5 - len(cells))) + " |")


def theirs(kingfisher, work, size, report, browser):
    """kingfisher's report with `size` findings, in its viewer."""
    chance, findings = random.Random(size), []
    for number in range(size):
        finding = copy.deepcopy(report["findings"][number % len(report["findings"])])
        inner = finding["finding"]
        inner["fingerprint"] = str(chance.getrandbits(63))
        inner["path"] = f"{chance.choice(['src', 'pkg/api', 'web/app/ui', 'test/data'])}/file-{chance.randrange(900)}.py"
        finding["rule"]["id"] = f"service-{number % 60}"
        findings.append(finding)
    saved = work / f"kingfisher-{size}.json"
    saved.write_text(json.dumps(report | {"findings": findings}))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [kingfisher.path, "view", saved, "--port", str(port), "--no-update-check"]
    viewer = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}/"
        until = time.monotonic() + 30
        while True:
            try:
                html = urllib.request.urlopen(address, timeout=10).read()
                break
            except OSError:
                assert time.monotonic() < until, "the viewer starts"
                time.sleep(0.1)
        load, key = shown(browser, address, THEIRS)
    finally:
        viewer.kill()
        viewer.wait()
    print(f"| {size:,} | {len(html) / 1e6:.2f} MB | {megabytes(saved)} | {load:.0f} ms | {key:.0f} ms |")


def megabytes(path):
    return f"{path.stat().st_size / 1e6:.2f} MB"


def main():
    unleak, peers = programs.own(), programs.peers("kingfisher")
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        app = work / "app"
        app.mkdir()
        page.repository(app)
        scan = [unleak.path, "scan", "app", "--no-config", "--min-confidence", "low", "-o", f"json:{work}/app.json"]
        programs.run(scan, cwd=work)
        report = json.loads((work / "app.json").read_text())
        driver = subprocess.Popen(["chromedriver", f"--port={page.PORT}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            time.sleep(2)
            browser = page.Browser(1440, 900)
            print(f"\n{programs.machine()}; medians of {RUNS} runs, the best of 5 for each keystroke\n")
            print("| unleak: findings | HTML | JSON | SARIF | time to show | slowest keystroke |\n|---|---|---|---|---|---|")
            for size in page.SIZES:
                ours(unleak, work, size, report, browser)
            if peers:
                kingfisher = peers["kingfisher"]
                scan = [kingfisher.path, "scan", "app", "--format", "json", "--output", "k.json", "--no-validate", "--no-update-check"]
                programs.run(scan, cwd=work)
                report = json.loads((work / "k.json").read_text().splitlines()[0])
                print("\n| kingfisher view: findings | page | JSON | time to show | slowest keystroke |\n|---|---|---|---|---|")
                for size in page.SIZES[1:]:
                    theirs(kingfisher, work, size, report, browser)
            browser.close()
        finally:
            driver.kill()


if __name__ == "__main__":
    main()
