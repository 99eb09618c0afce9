#!/usr/bin/env python3
"""Makes the pictures of the pages.

    docs/pictures.py [UNLEAK]      needs git, Chromium and ChromeDriver

The repository of a web shop with fake tokens is made and scanned; docs/terminal.png shows the first screen of the
report, and docs/report.png the page. tests/page.py tries the page as a reader would.
"""

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

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))
from page import BASE62, PORT, Browser, call, token

UNLEAK = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else HERE.parent / "target/release/unleak").resolve()

# Most lines of the report that docs/terminal.png shows.
LINES = 45
WIDTH = 1120
PEOPLE = ("Ada Author", "Grace Hopper", "Jürgen Groß", "Maria-José Fernández", "Sam Okafor", "deploy-bot")
SETS = {
    "base62": BASE62, "base64url": BASE62 + "-_", "digits": string.digits, "hex": string.hexdigits[:16],
    "upper36": string.digits + string.ascii_uppercase,
}  # fmt: skip

# Where something is written, and how. Each `{set:count}` becomes that many characters.
PLACES = (
    ("services/payments/config/prod.env", "STRIPE_SECRET_KEY=sk_live_{base62:24}"),
    ("services/payments/config/prod.env", "STRIPE_WEBHOOK_SECRET=whsec_{base62:32}"),
    ("services/payments/config/staging.env", "STRIPE_SECRET_KEY=rk_live_{base62:24}"),
    ("services/mail/settings.py", 'SENDGRID_API_KEY = "SG.{base64url:22}.{base64url:42}a"'),
    ("services/mail/settings.py", 'POSTGRES_PASSWORD = "{base62:16}"'),
    ("services/orders/src/main/resources/application.yml", "spring.datasource.password: {base62:18}"),
    ("services/orders/src/main/resources/application.yml", "sentry_token: sntryu_{hex:64}"),
    ("services/search/indexer.go", 'const apiKey = "AIza{base64url:34}x"'),
    ("web/src/lib/maps.ts", 'export const mapsKey = "AIza{base64url:34}Q";'),
    ("web/.npmrc", "//registry.npmjs.org/:_authToken=npm_{crc}"),
    ("deploy/terraform/prod.tfvars", 'do_token = "dop_v1_{hex:64}"'),
    ("deploy/terraform/prod.tfvars", 'grafana_password = "{base62:20}"'),
    ("deploy/docker-compose.yml", "  DATABASE_URL: postgres://shop:{base62:16}@db.example.net/shop"),
    ("deploy/scripts/notify.sh", "curl -d @- https://hooks.slack.com/services/T{upper36:8}/B{upper36:10}/{base62:24}"),
    ("deploy/scripts/release.sh", "export GITHUB_TOKEN=ghp_{crc}"),
    (".github/workflows/deploy.yml", "          token: ghp_{crc}"),
    (".gitlab-ci.yml", "  DEPLOY_TOKEN: glpat-{base64url:19}x"),
    ("ops/bots/alerts.rb", 'client = Slack.new("xoxb-{digits:12}-{digits:13}-{base62:24}")'),
    ("ops/bots/telegram.py", 'bot = Bot("{digits:10}:AA{base64url:32}k")'),
    ("docs/getting-started.md", "    export SHOP_TOKEN=ghp_{crc}"),
    ("docs/examples/curl.sh", 'curl -u "demo:{base62:14}" https://api.example.net/orders'),
    ("tests/fixtures/payments.json", '  "stripe_key": "sk_live_{base62:24}",'),
    ("tests/fixtures/users.yml", "  password: {base62:12}"),
    ("tests/test_checkout.py", 'TOKEN = "ghp_{crc}"'),
    ("third_party/legacy-crm/config.php", "define('CRM_PASSWORD', '{base62:15}');"),
)


def written(line, seed):
    """The line with made-up values in it."""
    chance = random.Random(seed)
    line = line.replace("ghp_{crc}", token(seed)).replace("npm_{crc}", "npm_" + token(seed).removeprefix("ghp_"))
    fill = lambda match: "".join(chance.choice(SETS[match[1]]) for _ in range(int(match[2])))
    return re.sub(r"\{(\w+):(\d+)\}", fill, line)


def shop(path):
    """Ten years of a web shop: in each place, secrets that came, were replaced, and in part were removed."""
    chance = random.Random(24)

    def git(*args, **extra):
        subprocess.run(["git", "-C", path, *args], check=True, env=os.environ | extra, stdout=subprocess.DEVNULL)

    def commit(subject, day, who):
        dates = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in
                 (("NAME", who), ("EMAIL", f"{who.split()[0].lower()}@example.net"), ("DATE", f"{day}T10:00:00Z"))}
        git("add", "--all")
        git("commit", "-q", "-m", subject, **dates)

    events = []
    for number, (name, line) in enumerate(PLACES):
        began = chance.randrange(2017, 2024)
        years = sorted(chance.sample(range(began, 2027), min(2027 - began, chance.choice((1, 2, 3, 4)))))
        events += [(year, chance.randrange(1, 11), number, step) for step, year in enumerate(years)]
        if chance.random() < 0.4:
            events.append((2026, 11, number, None))
    git("init", "-q", "-b", "main")
    now = {}
    for year, month, number, step in sorted(events, key=lambda event: event[:3]):
        name, line = PLACES[number]
        now[number] = "" if step is None else written(line, 100 * number + step)
        target = pathlib.Path(path, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        lines = [text for other, text in now.items() if PLACES[other][0] == name and text]
        target.write_text("\n".join(["", *lines, ""]))
        what = "remove secrets from" if step is None else "update"
        commit(f"{what} {name}", f"{year}-{month:02}-{chance.randrange(1, 28):02}", chance.choice(PEOPLE))
    # All but the last commits were pushed.
    git("update-ref", "refs/remotes/origin/main", "HEAD~9")


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
<pre style="font:14px/1.45 monospace;margin:0;padding:14px;white-space:pre-wrap">$ unleak scan shop\n{shown}</pre>"""


def main():
    with tempfile.TemporaryDirectory() as work:
        app = pathlib.Path(work, "shop")
        app.mkdir()
        shop(app)
        scan = [UNLEAK, "scan", "shop", "--no-config", "--color", "always", "--output", f"json:{work}/app.json"]
        scan = subprocess.run(scan, cwd=work, stdout=subprocess.PIPE, text=True)
        assert scan.returncode == 1, scan.returncode
        shown = pathlib.Path(work, "terminal.html")
        shown.write_text(terminal("\n".join(scan.stdout.splitlines()[:LINES]).rpartition("\n\n")[0]))
        page = pathlib.Path(work, "app.html")
        subprocess.run([UNLEAK, "report", "convert", f"{work}/app.json", "-o", f"html:{page}"], check=True, stdout=subprocess.DEVNULL)
        count = len(json.loads(pathlib.Path(work, "app.json").read_text())["findings"])
        assert count >= 50, f"{count} findings"
        driver = subprocess.Popen(["chromedriver", f"--port={PORT}"], stdout=subprocess.DEVNULL)
        try:
            time.sleep(2)
            browser = Browser(1280, 860)
            browser.open(page)
            browser.run("document.querySelector('.row').click()")
            (HERE / "report.png").write_bytes(browser.picture())
            browser.open(shown)
            call("POST", f"{browser.path}/window/rect", {"width": WIDTH, "height": 860})
            height = browser.run("return document.querySelector('pre').getBoundingClientRect().height")
            frame = browser.run("return window.outerHeight - window.innerHeight")
            size = {"width": WIDTH, "height": int(height + frame) + 1}
            call("POST", f"{browser.path}/window/rect", size)
            (HERE / "terminal.png").write_bytes(browser.picture())
            browser.close()
        finally:
            driver.kill()
    print(f"docs/report.png and docs/terminal.png are written, of {count} findings")


if __name__ == "__main__":
    main()
