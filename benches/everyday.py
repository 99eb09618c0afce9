#!/usr/bin/env python3
"""Prints labelled examples of secret and harmless text, one JSON object a line.

A kind is a combination of syntax, kind of file, naming and kind of value. Each kind is a template in
SECRET or HARMLESS below. Values are generated for each example, so this file contains no secret. A
template begins with a line

    @@ kind | category | path | marks | values        (of SECRET)
    @@ kind | category | path                         (of HARMLESS)

and ends before the next such line. `marks` names the punctuation that is legal in a password at that
place (MARKS), `values` the kinds of generated values (VALUES, or their short forms in SETS).
Placeholders in templates and paths, between guillemets, are

    S            the secret; for a key in a block, the text between its first and last line
    a|b|c        one of these texts (one may be empty)
    name:arg     the result of the function of that name in FILL
    x:=name:arg  the same, stored; x alone repeats it
    a name of NAMES, chosen once per example

Output: {"kind", "label": "T" or "F", "category", "path", "text", "value": [start, end)}, counted in
characters; [-1, -1] for harmless text. The same seed and K give the same lines. No two examples of a
kind have the same text: a kind with fewer than K different texts gives fewer.
"""

import argparse
import base64
import json
import random
import re
import string
import sys
import uuid

DIGITS, LETTERS = string.digits, string.ascii_letters
ALNUM = LETTERS + DIGITS
URLSAFE = ALNUM + "-_"
BASE32 = string.ascii_uppercase + "234567"
CRYPT = "./" + ALNUM

# What a password may hold beside letters and digits, by where it stands.
MARKS = {
    "none": "",
    "url": "-._~!*+",                       # in an address, without percent signs
    "bare": "!%+,-./:=@^_~",                # a word of a shell command
    "yaml": "!$%^+=_-.~*@&()?;<>/|",        # a plain scalar of YAML, behind its first character
    "line": "!$^+=_-.~*@&()?<>/|,:",        # up to the end of a line of settings
    "single": "!\"#$%&()*+,-./:;<=>?@[]^_`{|}~",
    "double": "!#$%&'()*+,-./:;<=>?@[]^_`{|}~",
    "interp": "!%&'()*+,-./:;<=>?[]^_|~",   # in double quotes where $, #, @ or a backtick mean more
    "xml": "!#$%()*+,-./:;=?@[]^_{|}~",
    "conn": "!#$%^*()_-+:.@?~",             # a field of a connection string
}

WORDS = """
anchor apple arrow autumn badger bamboo barley beacon bishop blossom bottle branch breeze bridge
butter button cactus camera candle canyon carbon castle cedar cherry circus clover cobalt coffee
copper coral cotton cricket crystal daisy dolphin donkey dragon eagle ember falcon feather fender
forest galaxy garden ginger glacier goblin granite guitar hammer harbor harvest hazel helmet hockey
honey hunter indigo island ivory jacket jasmine jungle kettle kitten ladder lagoon lantern lemon
leopard lizard lobster magnet mango maple marble meadow melon mirror monkey mountain mustang nectar
nickel ocean olive onion orange orchid otter oyster panda parrot pebble pepper phoenix pillow pirate
planet pocket potato prairie pumpkin puzzle rabbit raven ribbon river rocket saddle salmon sapphire
shadow silver sparrow spider spring squirrel summer sunset thunder tiger timber tomato tractor
tulip turtle valley velvet violin walnut whale willow window winter wizard yellow zebra zipper
""".split()
FIRST = "alice boris carla deniz elena felix greta hasan irina jonas keiko laszlo mara nils olga pavel".split()
LAST = "abbott becker costa dvorak eklund ferrari gruber hansen ito jansen kovacs lindt moreau novak".split()
SERVICES = "billing orders search mail reports catalog auth payments inventory ledger shipping media".split()
NOUNS = "user account order invoice device tenant product session message event ticket customer".split()
PACKAGES = """lodash chalk commander debug semver minimist yargs express rimraf glob uuid ws acorn
picomatch braces micromatch tslib ajv esbuild postcss nanoid source-map magic-string""".split()
LEET = str.maketrans("aeiost", "4310$7")
PLAIN_LEET = str.maketrans("aeiot", "43107")


def chars(r, alphabet, low, high=None):
    return "".join(r.choice(alphabet) for _ in range(r.randint(low, high or low)))


def b64(r, count, url=False):
    encode = base64.urlsafe_b64encode if url else base64.b64encode
    return encode(r.randbytes(count)).decode()


def hexa(r, count):
    return r.randbytes((count + 1) // 2).hex()[:count]


def wrapped(text, width=64):
    return "\n".join(text[i:i + width] for i in range(0, len(text), width))


def new_uuid(r):
    return str(uuid.UUID(bytes=r.randbytes(16), version=4))


def password(r, marks):
    """Twelve to twenty-four characters of all kinds, the first and the last no mark."""
    while True:
        n = r.randint(12, 24)
        body = "".join(r.choice(marks) if marks and r.random() < .2 else r.choice(ALNUM) for _ in range(n))
        kinds = [any(c in s for c in body) for s in (DIGITS, string.ascii_lowercase, string.ascii_uppercase)]
        if all(kinds) and body[0] in ALNUM and body[-1] in ALNUM and (not marks or any(c in marks for c in body)):
            return body


def mark(r, marks):
    fit = [c for c in "!@#$%&*?.+-_" if c in marks]
    return r.choice(fit) if fit and r.random() < .6 else ""


def chosen_word(r, marks):
    word = r.choice(WORDS)
    word = word.capitalize() if r.random() < .7 else word
    middle = mark(r, marks) if r.random() < .3 else ""
    return word + middle + chars(r, DIGITS, 2, 4) + mark(r, marks)


def leet(r, marks):
    word = r.choice(WORDS) + (r.choice(WORDS) if r.random() < .4 else "")
    word = word.capitalize() if r.random() < .6 else word
    return word.translate(LEET if "$" in marks else PLAIN_LEET) + chars(r, DIGITS, 1, 4) + mark(r, marks)


def two_words(r, marks):
    gap = r.choice([""] + [c for c in "-_." if c in marks])
    a, b = r.sample(WORDS, 2)
    if r.random() < .7:
        a, b = a.capitalize(), b.capitalize()
    return a + gap + b + gap * r.randint(0, 1) + chars(r, DIGITS, 1, 3) + mark(r, marks)


def pem(r, label, size, head=b""):
    body = wrapped(base64.b64encode(head + r.randbytes(size)).decode())
    return f"-----BEGIN {label}-----\n{body}\n-----END {label}-----"


def der(n):
    """The head of a DER sequence of n bytes, version 0."""
    return b"\x30\x82" + n.to_bytes(2, "big") + b"\x02\x01\x00"


OPENSSH = b"openssh-key-v1\0" + b"\0\0\0\4none" * 2 + b"\0\0\0\0\0\0\0\1\0\0\0\x33\0\0\0\x0bssh-ed25519\0\0\0 "


def grouped(r, alphabet, groups, size):
    return "-".join(chars(r, alphabet, size) for _ in range(groups))


# Kinds of secret values. Each takes the random source and the legal marks.
VALUES = {
    "pw": password,
    "pw_alnum": lambda r, m: password(r, ""),
    "word": chosen_word,
    "leet": leet,
    "words": two_words,
    "hex32": lambda r, m: hexa(r, 32),
    "hex40": lambda r, m: hexa(r, 40),
    "hex64": lambda r, m: hexa(r, 64),
    "eth": lambda r, m: "0x" + hexa(r, 64),
    "HEX32": lambda r, m: hexa(r, 32).upper(),
    "b64_16": lambda r, m: b64(r, 16),
    "b64_24": lambda r, m: b64(r, 24),
    "b64_30": lambda r, m: b64(r, 30),
    "b64_32": lambda r, m: b64(r, 32),
    "b64_48": lambda r, m: b64(r, 48),
    "b64_64": lambda r, m: b64(r, 64),
    "b62": lambda r, m: chars(r, ALNUM, 20, 48),
    "b62_short": lambda r, m: chars(r, ALNUM, 20, 24),
    "low_num": lambda r, m: chars(r, string.ascii_lowercase + DIGITS, 24, 36),
    "uuid": lambda r, m: new_uuid(r),
    "url": lambda r, m: r.choice(ALNUM) + chars(r, URLSAFE, 22, 42) + r.choice(ALNUM),
    "dotted": lambda r, m: ".".join([chars(r, ALNUM, 8, 20), chars(r, URLSAFE, 10, 30) + r.choice(ALNUM)]
                                    + ([chars(r, ALNUM, 12, 27)] if r.random() < .4 else [])),
    "b32": lambda r, m: chars(r, BASE32, r.choice([16, 32])),
    "license": lambda r, m: grouped(r, string.ascii_uppercase + DIGITS, 5, 5),
    "pin": lambda r, m: chars(r, DIGITS, 8, 12),
    "basic": lambda r, m: base64.b64encode(
        f"{r.choice(FIRST)}:{r.choice([password, chosen_word, two_words])(r, MARKS['double'])}".encode()).decode(),
    "b64_pw": lambda r, m: base64.b64encode(
        r.choice([password, chosen_word, two_words])(r, MARKS["double"]).encode()).decode(),
    "b64_key": lambda r, m: base64.b64encode(chars(r, ALNUM, 24, 40).encode()).decode(),
    "sha512crypt": lambda r, m: f"$6${chars(r, CRYPT, 16)}${chars(r, CRYPT, 86)}",
    "sha256crypt": lambda r, m: f"$5${chars(r, CRYPT, 16)}${chars(r, CRYPT, 43)}",
    "md5crypt": lambda r, m: f"$1${chars(r, CRYPT, 8)}${chars(r, CRYPT, 22)}",
    "yescrypt": lambda r, m: f"$y$j9T${chars(r, CRYPT, 22)}${chars(r, CRYPT, 43)}",
    "apr1": lambda r, m: f"$apr1${chars(r, CRYPT, 8)}${chars(r, CRYPT, 22)}",
    "bcrypt": lambda r, m: f"${r.choice(['2y', '2b', '2a'])}${r.choice(['10', '12'])}${chars(r, CRYPT, 53)}",
    "argon2": lambda r, m: "$argon2id$v=19$m=65536,t=3,p=4$%s$%s" % (b64(r, 16).rstrip("="), b64(r, 32).rstrip("=")),
    "scrypt": lambda r, m: "scrypt:32768:8:1$%s$%s" % (chars(r, ALNUM, 16), hexa(r, 128)),
    "pbkdf2": lambda r, m: f"pbkdf2_sha256${r.choice([260000, 390000, 600000])}${chars(r, ALNUM, 22)}${b64(r, 32)}",
    "ssha": lambda r, m: b64(r, 28),
    "sha1": lambda r, m: b64(r, 20),
    "mysql41": lambda r, m: "*" + hexa(r, 40).upper(),
    "scram": lambda r, m: "SCRAM-SHA-256$4096:%s$%s:%s" % (b64(r, 16), b64(r, 32), b64(r, 32)),
    "pgmd5": lambda r, m: "md5" + hexa(r, 32),
    "rsa_der": lambda r, m: base64.b64encode(der(1214) + b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00"
                                             + b"\x04\x82\x04\xa8" + r.randbytes(1192)).decode(),
    "ec_der": lambda r, m: base64.b64encode(
        bytes.fromhex("308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420")
        + r.randbytes(102)).decode(),
    "pem_rsa": lambda r, m: pem(r, "RSA PRIVATE KEY", 1180, der(1187)),
    "pem_ec": lambda r, m: pem(r, "EC PRIVATE KEY", 114, b"\x30\x77\x02\x01\x01\x04\x20"),
    "pem_pkcs8": lambda r, m: pem(r, "PRIVATE KEY", 1210, der(1214)),
    "pem_ssh": lambda r, m: pem(r, "OPENSSH PRIVATE KEY", 280, OPENSSH),
    "pem_line": lambda r, m: pem(r, "PRIVATE KEY", 1210, der(1214)).replace("\n", "\\n") + "\\n",
    "openvpn": lambda r, m: "-----BEGIN OpenVPN Static key V1-----\n%s\n-----END OpenVPN Static key V1-----"
               % wrapped(hexa(r, 512), 32),
    "putty": lambda r, m: wrapped(b64(r, 378)),
    "salt64": lambda r, m: chars(r, ALNUM + "!#$%&()*+,-./:;<=>?@[]^_`{|}~ ", 63) + r.choice(ALNUM),
    "django": lambda r, m: chars(r, string.ascii_lowercase + DIGITS + "!@#$%^&*(-_=+)", 50),
    "fernet": lambda r, m: b64(r, 32, True),
    "wg": lambda r, m: b64(r, 32),
    "hook_path": lambda r, m: "/".join([chars(r, ALNUM, 9, 11), chars(r, ALNUM, 24, 32)]),
}
SETS = {
    "P": ["pw", "pw", "word", "leet", "words"],          # passwords of all sorts
    "W": ["word", "leet", "words"],                      # those that people choose
    "R": ["pw", "pw_alnum"],                             # random ones
    "X": ["hex32", "hex40", "hex64"],
    "B": ["b64_24", "b64_32", "b64_48", "b64_64"],
    "A": ["hex32", "hex40", "b62", "b64_24", "b64_32", "uuid", "url"],   # keys for an interface
    "T": ["b62", "url", "dotted", "hex40", "hex64"],     # tokens
    "S": ["hex32", "hex64", "b64_32", "b64_48", "b62", "url", "pw"],     # secrets to sign with
    "U": ["hex32", "hex40", "b62", "url", "uuid"],       # legal in an address
}


def person(r):
    return f"{r.choice(FIRST)}.{r.choice(LAST)}"


def host(r):
    return f"{r.choice(SERVICES)}{r.choice(['', '-db', '01', '-prod', '.eu'])}.{r.choice(WORDS)}{r.choice(['works', 'labs', 'soft'])}.{r.choice(['net', 'io', 'com', 'internal'])}"


def version(r):
    return f"{r.randint(0, 9)}.{r.randint(0, 30)}.{r.randint(0, 20)}"


def date(r):
    return f"20{r.randint(16, 25)}-{r.randint(1, 12):02}-{r.randint(1, 28):02}"


def clock(r):
    return f"{r.randint(0, 23):02}:{r.randint(0, 59):02}:{r.randint(0, 59):02}"


def lines(r, make, arg):
    """COUNT,SIZE[,INDENT]: lines of made text."""
    count, size, indent = (list(map(int, arg.split(","))) + [0])[:3]
    return ("\n" + " " * indent).join(make(r, size) for _ in range(count))


def ssh_public(r):
    return "ssh-ed25519 " + base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0 " + r.randbytes(32)).decode()


def rsa_public(r):
    return "ssh-rsa " + base64.b64encode(b"\0\0\0\x07ssh-rsa\0\0\0\x03\1\0\1\0\0\1\1\0" + r.randbytes(256)).decode()


# What may stand in a template beside the secret. Each takes the random source and an argument.
FILL = {
    "word": lambda r, a: r.choice(WORDS),
    "Word": lambda r, a: r.choice(WORDS).capitalize(),
    "user": lambda r, a: r.choice([r.choice(FIRST), person(r), r.choice(SERVICES) + r.choice(["", "_app", "-svc"])]),
    "id": lambda r, a: r.choice(SERVICES) + r.choice(["", "_app", "_svc", "_rw"]),
    "first": lambda r, a: r.choice(FIRST),
    "First": lambda r, a: r.choice(FIRST).capitalize(),
    "Last": lambda r, a: r.choice(LAST).capitalize(),
    "mail": lambda r, a: f"{person(r)}@{r.choice(WORDS)}{r.choice(['works', 'labs'])}.com",
    "svc": lambda r, a: r.choice(SERVICES),
    "Svc": lambda r, a: r.choice(SERVICES).capitalize(),
    "SVC": lambda r, a: r.choice(SERVICES).upper(),
    "noun": lambda r, a: r.choice(NOUNS),
    "Noun": lambda r, a: r.choice(NOUNS).capitalize(),
    "pkg": lambda r, a: r.choice(PACKAGES),
    "host": lambda r, a: host(r),
    "ip": lambda r, a: f"10.{r.randint(0, 255)}.{r.randint(0, 255)}.{r.randint(1, 254)}",
    "port": lambda r, a: str(r.randint(1024, 49151)),
    "int": lambda r, a: str(r.randint(*map(int, a.split(",")))),
    "ver": lambda r, a: version(r),
    "date": lambda r, a: date(r),
    "time": lambda r, a: clock(r),
    "hex": lambda r, a: hexa(r, int(a)),
    "HEX": lambda r, a: hexa(r, int(a)).upper(),
    "b64": lambda r, a: b64(r, int(a)),
    "b64url": lambda r, a: b64(r, int(a), True).rstrip("="),
    "b62": lambda r, a: chars(r, ALNUM, int(a)),
    "b32": lambda r, a: chars(r, BASE32, int(a)),
    "low": lambda r, a: chars(r, string.ascii_lowercase + DIGITS, int(a)),
    "nix32": lambda r, a: chars(r, "0123456789abcdfghijklmnpqrsvwxyz", int(a)),
    "digits": lambda r, a: chars(r, DIGITS, int(a)),
    "uuid": lambda r, a: new_uuid(r),
    "hexlines": lambda r, a: lines(r, hexa, a),
    "b64lines": lambda r, a: lines(r, lambda s, n: b64(s, n * 3 // 4), a),
    "bytes": lambda r, a: ", ".join(f"0x{r.randint(0, 255):02x}" for _ in range(int(a))),
    "rsapub": lambda r, a: rsa_public(r),
    "edpub": lambda r, a: ssh_public(r),
    "pempub": lambda r, a: pem(r, "PUBLIC KEY", 290, b"\x30\x82\x01\x22"),
    "pemcert": lambda r, a: pem(r, "CERTIFICATE", 900, b"\x30\x82\x03\x85\x30\x82\x02\x6d"),
    "pemcsr": lambda r, a: pem(r, "CERTIFICATE REQUEST", 600, b"\x30\x82\x02\x5a"),
    "pgppub": lambda r, a: pem(r, "PGP PUBLIC KEY BLOCK", 700, b"\x99\x01\x0d\x04").replace("BLOCK-----\n", "BLOCK-----\n\n", 1),
    "pgpmsg": lambda r, a: pem(r, "PGP MESSAGE", 400, b"\x85\x01\x0c\x03").replace("MESSAGE-----\n", "MESSAGE-----\n\n", 1),
    "agemsg": lambda r, a: pem(r, "AGE ENCRYPTED FILE", 260, b"age-encryption.org/v1\n-> X25519 "),
    "alphabet": lambda r, a: "".join(c for c in ALNUM[26:52] + ALNUM[:26] + DIGITS if c not in "0OIl"),
    "q3": lambda r, a: "'" * 3,
}
# Names that are the same all through an example.
NAMES = {
    "pw": ["password", "passwd", "pwd", "passphrase", "user_password", "db_password"],
    "passWord": ["password", "passwd", "pwd", "passphrase", "userPassword", "dbPassword"],
    "tk": ["token", "access_token", "auth_token", "session_token", "api_token"],
    "toKen": ["token", "accessToken", "authToken", "sessionToken", "apiToken"],
    "DB": ["DB", "MAIL", "SMTP", "LDAP", "ADMIN", "REDIS"],
    "API": ["MAPS_", "SMS_", "CRM_", "WEATHER_", ""],
    "AT": ["DEPLOY_", "API_", "UPLOAD_", ""],
}
PLACE = re.compile("«([^»]*)»")
# What is secret of a block with a head and an end.
BODY = re.compile(r"-----BEGIN [^-]+-----(?:\s|\\n)*(.*?)(?:\s|\\n)*-----END", re.DOTALL)


class Example:
    """One template being filled."""

    def __init__(self, r, marks="", values=()):
        self.r, self.marks, self.values, self.kept = r, marks, values, {}

    def fill(self, inner):
        if inner in self.kept:
            return self.kept[inner]
        if inner in NAMES:
            return self.kept.setdefault(inner, self.r.choice(NAMES[inner]))
        name, keeps, inner = inner.rpartition(":=")
        if "|" in inner:
            made = self.r.choice(inner.split("|"))
        else:
            what, _, arg = inner.partition(":")
            made = FILL[what](self.r, arg)
        if keeps:
            self.kept[name] = made
        return made

    def render(self, template):
        """The text, and where the secret is."""
        out, span, last = "", [-1, -1], 0
        for place in PLACE.finditer(template):
            out, last = out + template[last:place.start()], place.end()
            line = out[out.rfind("\n") + 1:]
            indent = " " * (len(line) - len(line.lstrip(" ")))
            if place[1] == "S":
                made = VALUES[self.r.choice(self.values)](self.r, self.marks)
            else:
                made = self.fill(place[1])
            made = made.replace("\n", "\n" + indent)
            if place[1] == "S":
                body = BODY.search(made)
                span = [len(out) + i for i in (body.span(1) if body else (0, len(made)))]
            out += made
        return out + template[last:], span

# The kinds of secret texts.
SECRET = r'''
@@ env/db-password | Password | .env | bare | P
APP_ENV=production
«n:=DB|MYSQL|POSTGRES|MARIADB»_HOST=«host»
«n»_USER=«id»
«n»_PASSWORD=«S»
«n»_NAME=«svc»
@@ env/quoted-password | Password | .env.production | interp | P
SMTP_HOST="«host»"
«SMTP_PASS|MAIL_PASSWORD|EMAIL_HOST_PASSWORD»="«S»"
SMTP_PORT=587
@@ env/single-quoted | Password | deploy/.env.staging | single | P
«ADMIN|ROOT|LDAP_BIND»_PASSWORD='«S»'
TZ=Europe/Vienna
@@ env/secret-key | Key | «svc»/.env | none | S
DEBUG=0
«SECRET_KEY|APP_SECRET|SESSION_SECRET|COOKIE_SECRET|JWT_SECRET»=«S»
ALLOWED_HOSTS=«host»
@@ env/api-key | Key | .env.local | none | A
NEXT_PUBLIC_SITE=https://«host»
«WEATHER|MAPS|SMS|GEOCODER|CRM»_API_KEY=«S»
@@ env/token-export | Token | scripts/env.sh | none | T
export REGION=eu-west-1
export «SVC»_TOKEN=«S»
@@ env/comment-after | Password | config/prod.env | none | W
# rotated «date»
«REDIS|RABBITMQ|CACHE»_PASSWORD=«S» # ask «first» before changing
@@ env/camel-names | Key | .env | none | A
apiUrl=https://«host»/v2
«apiSecret|appKey|clientSecret|consumerKey»=«S»
@@ env/vite-key | Key | web/.env | none | A
VITE_TITLE=«Svc»
«VITE|REACT_APP|NUXT_ENV|EXPO_PUBLIC»_«SVC»_API_SECRET=«S»
@@ env/database-url | Url | .env.example.prod | url | P
PORT=8080
DATABASE_URL=«postgres|postgresql|mysql|postgresql+asyncpg»://«id»:«S»@«host»:5432/«svc»
@@ env/redis-url | Url | .env | url | P
REDIS_URL=redis://:«S»@«host»:6379/0
@@ env/commented-out | Password | .env | bare | P
DB_HOST=«host»
#DB_PASSWORD=«S»
#DB_USER=«id»
@@ env/spaces | Password | settings.env | bare | P
USER_NAME = «user»
USER_PASSWORD = «S»
@@ env/encryption-key-base64 | Key | .env | none | b64_32
APP_NAME=«Svc»
APP_KEY=base64:«S»
@@ env/pass-only | Password | docker/«svc».env | bare | P
USER=«user»
PASS=«S»
@@ env/salt | Key | .env | none | hex32 b62 b64_24 url
HASHIDS_LENGTH=12
«PASSWORD_SALT|HASHIDS_SALT|ENCRYPTION_KEY|SIGNING_KEY»=«S»
@@ yaml/plain-password | Password | config/database.yml | yaml | P
production:
  adapter: postgresql
  host: «host»
  username: «id»
  password: «S»
@@ yaml/double-quoted | Password | application.yml | double | P
spring:
  datasource:
    url: jdbc:postgresql://«host»:5432/«svc»
    username: «id»
    password: "«S»"
@@ yaml/single-quoted | Password | config/«svc».yaml | single | P
smtp:
  user: '«mail»'
  «pass|pwd|passwd|password»: '«S»'
@@ yaml/next-line | Password | values/prod.yaml | yaml | P
auth:
  password:
    «S»
  enabled: true
@@ yaml/block-literal | Key | deploy/values.yaml | none | S
«svc»:
  signingSecret: |
    «S»
  replicas: 2
@@ yaml/block-folded | Token | ops/tokens.yml | none | T
registry:
  token: >-
    «S»
@@ yaml/flow-map | Password | inventory.yml | single | P
hosts:
  - { name: «svc», user: «user», password: '«S»', port: «port» }
@@ yaml/api-keys-list | Key | config.yaml | none | A
api_keys:
  - «S»
limits:
  per_minute: 60
@@ yaml/api-keys-list-quoted | Key | gateway/config.yaml | none | A
«apiKeys|api_keys|allowed_tokens|accessTokens»:
  - "«S»"
@@ yaml/api-keys-flow-list | Key | settings.yml | none | A
server:
  api_keys: ["«S»"]
@@ yaml/secrets-map | Key | config/secrets.yml | none | A
secrets:
  «stripe|mailer|weather|twilio|sentry»: «S»
@@ yaml/credentials-map | Password | conf/app.yaml | single | P
credentials:
  «svc»: '«S»'
@@ yaml/passwords-list | Password | roles/users/vars.yml | yaml | P
passwords:
  - «S»
@@ yaml/users-map | Password | «svc»/users.yml | yaml | P
users:
  - login: «user»
    password: «S»
    roles: [admin]
@@ yaml/basic-auth-pair | Password | prometheus.yml | yaml | P
scrape_configs:
  - job_name: «svc»
    basic_auth:
      username: «user»
      password: «S»
@@ yaml/bearer-token | Token | prometheus/remote.yml | none | T
remote_write:
  - url: https://«host»/api/v1/push
    bearer_token: «S»
@@ yaml/k8s-env-list | Password | k8s/deployment.yaml | double | P
        env:
        - name: LOG_LEVEL
          value: info
        - name: «SVC»_PASSWORD
          value: "«S»"
@@ yaml/k8s-env-plain | Key | manifests/«svc».yaml | none | A
          env:
            - name: «API_KEY|APP_SECRET|ACCESS_KEY|AUTH_TOKEN»
              value: «S»
            - name: PORT
              value: "8080"
@@ yaml/k8s-secret-data | Password | k8s/secret.yaml | none | b64_pw
apiVersion: v1
kind: Secret
metadata:
  name: «svc»-db
type: Opaque
data:
  password: «S»
@@ yaml/k8s-secret-data-key | Key | k8s/secrets/«svc».yml | none | b64_key
apiVersion: v1
kind: Secret
metadata:
  name: «svc»-api
data:
  «API_KEY|token|client-secret|SECRET_KEY»: «S»
@@ yaml/k8s-secret-stringdata | Password | base/secret.yaml | yaml | P
apiVersion: v1
kind: Secret
metadata:
  name: «svc»-credentials
stringData:
  username: «user»
  password: «S»
@@ yaml/k8s-secret-plain-name | Key | charts/«svc»/templates/secret.yaml | none | A
apiVersion: v1
kind: Secret
metadata: {name: «svc»}
stringData:
  «svc»: «S»
@@ yaml/helm-auth | Password | helm/values.yaml | double | P
postgresql:
  auth:
    postgresPassword: "«S»"
    database: «svc»
@@ yaml/helm-extra-env | Token | helm/values-prod.yaml | none | T
extraEnvVars:
  - name: «SVC»_ACCESS_TOKEN
    value: «S»
@@ yaml/compose-map | Password | docker-compose.yml | bare | P
services:
  db:
    image: mysql:8
    environment:
      MYSQL_ROOT_PASSWORD: «S»
      MYSQL_DATABASE: «svc»
@@ yaml/compose-list | Password | docker-compose.prod.yml | bare | P
services:
  db:
    image: postgres:15
    environment:
      - POSTGRES_USER=«id»
      - POSTGRES_PASSWORD=«S»
@@ yaml/compose-list-quoted | Key | compose.yaml | none | S
    environment:
      - "NODE_ENV=production"
      - "«JWT_SECRET|SESSION_SECRET|API_SECRET»=«S»"
@@ yaml/compose-command | Password | docker-compose.yaml | none | R W
  cache:
    image: redis:7
    command: redis-server --requirepass «S»
@@ yaml/compose-default | Password | docker-compose.yml | none | R W
    environment:
      DB_PASSWORD: ${DB_PASSWORD:-«S»}
@@ yaml/compose-healthcheck | Password | docker-compose.yml | none | R W
    healthcheck:
      test: ["CMD", "mysqladmin", "ping", "-u", "root", "-p«S»"]
      interval: 10s
@@ yaml/actions-env | Token | .github/workflows/deploy.yml | none | T
jobs:
  deploy:
    runs-on: ubuntu-latest
    env:
      DEPLOY_TOKEN: «S»
@@ yaml/actions-with | Password | .github/workflows/release.yml | single | P
      - uses: docker/login-action@v3
        with:
          username: «user»
          password: '«S»'
@@ yaml/gitlab-variables | Password | .gitlab-ci.yml | interp | P
variables:
  POSTGRES_DB: «svc»
  POSTGRES_PASSWORD: "«S»"
@@ yaml/circleci-environment | Key | .circleci/config.yml | none | A
      - image: cimg/node:18.0
        environment:
          CODECOV_SECRET: «S»
@@ yaml/travis-env | Token | .travis.yml | none | T
env:
  global:
    - CI=true
    - PUBLISH_TOKEN=«S»
@@ yaml/ansible-vars | Password | group_vars/all.yml | yaml | P
mysql_user: «id»
mysql_root_password: «S»
mysql_port: 3306
@@ yaml/ansible-become | Password | group_vars/web.yml | double | P
ansible_user: deploy
ansible_become_pass: "«S»"
@@ yaml/ansible-task | Password | roles/db/tasks/main.yml | double | P
- name: create user
  mysql_user:
    name: «id»
    password: "«S»"
    priv: "«svc».*:ALL"
@@ yaml/ansible-inline | Password | site.yml | none | R W
- name: set password
  mysql_user: name=«id» password=«S» state=present
@@ yaml/hiera | Password | hieradata/common.yaml | single | P
«svc»::db::user: '«id»'
«svc»::db::password: '«S»'
@@ yaml/ecs-cloudformation | Password | cloudformation/ecs.yaml | double | P
        ContainerDefinitions:
          - Name: «svc»
            Environment:
              - Name: DB_PASSWORD
                Value: "«S»"
@@ yaml/cloudformation-rds | Password | template.yaml | none | R W
  Database:
    Type: AWS::RDS::DBInstance
    Properties:
      MasterUsername: «id»
      MasterUserPassword: «S»
@@ yaml/cloud-init | Password | user-data.yaml | bare | P
#cloud-config
chpasswd:
  list: |
    root:«S»
  expire: false
@@ yaml/cloud-init-users | Hash | cloud-init.yml | none | sha512crypt
users:
  - name: «first»
    passwd: «S»
    lock_passwd: false
@@ yaml/serverless-env | Key | serverless.yml | none | A
provider:
  name: aws
  environment:
    THIRD_PARTY_KEY: «S»
@@ yaml/openapi-example | Token | docs/openapi.yaml | none | T
      parameters:
        - name: X-Auth-Token
          in: header
          example: «S»
@@ yaml/rails-secrets | Key | config/secrets.yml | none | hex64
production:
  secret_key_base: «S»
@@ yaml/home-assistant | Password | secrets.yaml | yaml | P
# home
wifi_ssid: «Word»net
wifi_password: «S»
@@ yaml/home-assistant-token | Token | secrets.yaml | none | T
latitude: 48.2
http_password_token: «S»
@@ yaml/esphome-key | Key | esphome/«word».yaml | none | b64_32
api:
  encryption:
    key: "«S»"
@@ yaml/wireguard-netplan | Key | netplan/wg.yaml | none | wg
    tunnels:
      wg0:
        mode: wireguard
        key: «S»
        port: 51820
@@ yaml/pem-block | Private | values-tls.yaml | none | pem_rsa pem_ec pem_pkcs8
tls:
  crt: ""
  key: |
    «S»
@@ yaml/kubeconfig-token | Token | kubeconfig | none | dotted b62
users:
- name: «svc»-admin
  user:
    token: «S»
@@ yaml/kubeconfig-key-data | Private | .kube/config | none | rsa_der
users:
- name: «first»
  user:
    client-key-data: «S»
@@ yaml/mkdocs-comment | Password | docs/notes.yml | none | P
# old login was «user» / password: «S»
site_name: «Svc»
@@ yaml/locust-headers | Token | load/scenario.yml | none | T
headers:
  Accept: application/json
  Authorization: Bearer «S»
@@ yaml/dsn | Url | config/packages/doctrine.yaml | url | P
doctrine:
  dbal:
    url: 'mysql://«id»:«S»@«ip»:3306/«svc»'
@@ json/password | Password | config.json | double | P
{
  "host": "«host»",
  "user": "«id»",
  "password": "«S»"
}
@@ json/compact | Password | data/«svc».json | double | P
{"server":"«host»","login":"«user»","pwd":"«S»","tls":true}
@@ json/client-secret | Token | client_secrets.json | none | A
{
  "installed": {
    "client_id": "«digits:12»",
    "client_secret": "«S»",
    "redirect_uris": ["http://localhost"]
  }
}
@@ json/name-value | Password | ecs/task-definition.json | double | P
{
  "containerDefinitions": [{
    "name": "«svc»",
    "environment": [
      { "name": "LOG_LEVEL", "value": "info" },
      { "name": "DB_PASSWORD", "value": "«S»" }
    ]
  }]
}
@@ json/name-value-lines | Key | task.json | none | A
    {
      "name": "«SVC»_API_KEY",
      "value": "«S»"
    },
@@ json/value-first | Token | deploy/vars.json | none | T
  {
    "value": "«S»",
    "name": "ACCESS_TOKEN",
    "secured": false
  }
@@ json/key-value | Key | env.postman_environment.json | none | A T
{
  "name": "«Svc» prod",
  "values": [
    { "key": "«apiKey|access_token|client_secret»", "value": "«S»", "enabled": true }
  ]
}
@@ json/postman-basic | Password | «svc».postman_collection.json | double | P
        "auth": {
          "type": "basic",
          "basic": [
            {"key": "username", "value": "«user»", "type": "string"},
            {"key": "password", "value": "«S»", "type": "string"}
          ]
        }
@@ json/postman-header | Token | «svc».postman_collection.json | none | T
        "header": [
          {
            "key": "Authorization",
            "value": "Bearer «S»",
            "type": "text"
          }
        ]
@@ json/insomnia-auth | Token | insomnia.json | none | T
      "authentication": {
        "type": "bearer",
        "token": "«S»",
        "prefix": ""
      }
@@ json/insomnia-header | Key | Insomnia_«date».json | none | A
      "headers": [{"name": "X-Api-Key", "value": "«S»", "id": "pair_«low:8»"}]
@@ json/openapi-example | Key | swagger.json | none | A
      "api_key": {
        "type": "string",
        "example": "«S»"
      }
@@ json/appsettings-connection | Password | appsettings.Production.json | conn | P
{
  "ConnectionStrings": {
    "Default": "Server=«host»;Database=«svc»;User Id=«id»;Password=«S»;TrustServerCertificate=True"
  }
}
@@ json/appsettings-jwt | Key | appsettings.json | none | S
{
  "Jwt": {
    "Issuer": "https://«host»",
    "Key": "«S»"
  }
}
@@ json/appsettings-mail | Password | appsettings.Development.json | double | P
  "MailSettings": {
    "Mail": "«mail»",
    "Password": "«S»",
    "Port": 587
  }
@@ json/local-settings | Key | local.settings.json | none | B
{
  "IsEncrypted": false,
  "Values": {
    "FUNCTIONS_WORKER_RUNTIME": "dotnet",
    "EventGridTopicKey": "«S»"
  }
}
@@ json/api-keys-array | Key | keys.json | none | A
{"api_keys": ["«S»"], "rate": 10}
@@ json/secrets-object | Key | secrets.json | none | A
{
  "secrets": {
    "«stripe|mailer|maps|sms»": "«S»"
  }
}
@@ json/credentials-object | Password | conf.json | double | P
{
  "credentials": {
    "«user»": "«S»"
  }
}
@@ json/sftp | Password | .vscode/sftp.json | double | P
{
    "name": "«Svc»",
    "host": "«ip»",
    "protocol": "sftp",
    "username": "«user»",
    "password": "«S»",
    "remotePath": "/var/www"
}
@@ json/discord-bot | Token | config.json | none | T
{
    "prefix": "!",
    "token": "«S»"
}
@@ json/jwk-private | Key | keys/jwks.json | none | url b64_32
{"kty":"oct","kid":"«svc»-1","alg":"HS256","k":"«S»"}
@@ json/jwk-d | Private | jwk.json | none | url
{
  "kty": "EC",
  "crv": "P-256",
  "x": "«b64url:32»",
  "y": "«b64url:32»",
  "d": "«S»"
}
@@ json/private-key-line | Private | service.json | none | pem_line
{
  "type": "service_account",
  "project_id": "«svc»-«digits:6»",
  "private_key": "«S»"
}
@@ json/in-string | Password | events/payload.json | bare | P
{"body": "{\"user\": \"«user»\", \"password\": \"«S»\"}", "isBase64Encoded": false}
@@ json/tfstate-output | Password | terraform.tfstate | double | R
  "outputs": {
    "db_password": {
      "value": "«S»",
      "type": "string",
      "sensitive": true
    }
  }
@@ json/tfstate-resource | Password | terraform.tfstate | double | R
          "attributes": {
            "id": "«svc»-db",
            "length": 16,
            "master_password": "«S»",
            "port": 3306
          }
@@ json/docker-auth | Password | .docker/config.json | none | basic
{
  "auths": {
    "«host»": { "auth": "«S»" }
  }
}
@@ json/composer-auth | Password | auth.json | double | P
{
    "http-basic": {
        "repo.«word».com": {
            "username": "«user»",
            "password": "«S»"
        }
    }
}
@@ json/packer | Password | packer/windows.json | double | P
  "builders": [{
    "type": "virtualbox-iso",
    "ssh_username": "vagrant",
    "ssh_password": "«S»"
  }]
@@ json/chef-databag | Password | data_bags/users/«first».json | double | P
{
  "id": "«first»",
  "shell": "/bin/bash",
  "db_pass": "«S»"
}
@@ json/chef-hash | Hash | data_bags/users/deploy.json | none | sha512crypt md5crypt
{ "id": "deploy", "password": "«S»", "groups": ["sudo"] }
@@ json/har-cookie | Token | trace.har | none | url hex32 b62
          "cookies": [{"name": "sessionid", "value": "«S»", "path": "/", "httpOnly": true}]
@@ json/launch-env | Key | .vscode/launch.json | none | A
      "env": {
        "FLASK_ENV": "development",
        "FLASK_SECRET": "«S»"
      }
@@ json/mongo-uri | Url | config/default.json | url | P
{ "mongoURI": "mongodb+srv://«id»:«S»@cluster0.«low:5».mongodb.net/«svc»?retryWrites=true" }
@@ json/wifi | Password | device/settings.json | double | P
{"ssid":"«Word»-Guest","psk":"«S»","channel":6}
@@ json/license | Key | license.json | none | license
{"product": "«Svc» Suite", "licenseKey": "«S»", "seats": 25}
@@ json/totp | Key | accounts.json | none | b32
{"issuer": "«Svc»", "label": "«mail»", "otp_secret": "«S»", "digits": 6}
@@ tf/tfvars | Password | terraform.tfvars | interp | P
region      = "eu-central-1"
db_username = "«id»"
db_password = "«S»"
@@ tf/tfvars-key | Key | prod.auto.tfvars | none | A
«datadog|grafana|vault»_api_key = "«S»"
instance_count = 3
@@ tf/variable-default | Password | variables.tf | interp | P
variable "«db_password|admin_password|rds_password»" {
  type    = string
  default = "«S»"
}
@@ tf/variable-token | Token | modules/«svc»/variables.tf | none | T
variable "«svc»_token" {
  description = "Token of the «svc» service"
  default     = "«S»"
}
@@ tf/provider | Token | providers.tf | none | T
provider "«svc»" {
  url   = "https://«host»"
  token = "«S»"
}
@@ tf/resource-password | Password | main.tf | interp | P
resource "aws_db_instance" "«svc»" {
  engine   = "postgres"
  username = "«id»"
  password = "«S»"
}
@@ tf/resource-admin | Password | azure.tf | interp | P
  admin_username                  = "«first»"
  admin_password                  = "«S»"
  disable_password_authentication = false
@@ tf/locals | Key | locals.tf | none | A
locals {
  env        = "prod"
  app_secret = "«S»"
}
@@ tf/connection-block | Password | provision.tf | interp | P
  connection {
    type     = "winrm"
    user     = "Administrator"
    password = "«S»"
  }
@@ tf/env-map | Key | lambda.tf | none | A
  environment {
    variables = {
      TABLE      = "«noun»s"
      APP_SECRET = "«S»"
    }
  }
@@ tf/user-data | Password | ec2.tf | none | R W
  user_data = <<-EOF
    #!/bin/bash
    export DB_PASSWORD=«S»
    /opt/«svc»/start
  EOF
@@ tf/pulumi-config | Password | Pulumi.dev.yaml | yaml | P
config:
  aws:region: us-east-1
  «svc»:dbPassword: «S»
@@ xml/attribute | Password | conf/context.xml | xml | P
<Resource name="jdbc/«svc»" auth="Container" type="javax.sql.DataSource"
          username="«id»" password="«S»"
          url="jdbc:mysql://«host»:3306/«svc»"/>
@@ xml/element | Password | config.xml | xml | P
<database>
  <host>«host»</host>
  <user>«id»</user>
  <password>«S»</password>
</database>
@@ xml/element-api-key | Key | settings.xml | none | A
<service>
  <«e:=apiKey|api_key|accessKey|token»>«S»</«e»>
</service>
@@ xml/next-line | Password | ejb/ds.xml | xml | P
  <security>
    <user-name>«id»</user-name>
    <password>
      «S»
    </password>
  </security>
@@ xml/name-value-elements | Password | hive-site.xml | xml | P
  <property>
    <name>javax.jdo.option.ConnectionPassword</name>
    <value>«S»</value>
  </property>
@@ xml/name-value-attributes | Key | plugin.xml | none | A
<parameters>
  <param name="timeout" value="30"/>
  <param name="«apiKey|secretKey|authToken»" value="«S»"/>
</parameters>
@@ xml/spring-bean | Password | applicationContext.xml | xml | P
  <bean id="dataSource" class="org.apache.commons.dbcp2.BasicDataSource">
    <property name="username" value="«id»"/>
    <property name="password" value="«S»"/>
  </bean>
@@ xml/spring-bean-value | Password | spring/mail.xml | xml | P
    <property name="password">
      <value>«S»</value>
    </property>
@@ xml/spring-constructor | Key | beans.xml | none | A
  <bean class="com.«word».ApiClient">
    <constructor-arg name="apiSecret" value="«S»"/>
  </bean>
@@ xml/maven-settings | Password | .m2/settings.xml | xml | P
<servers>
  <server>
    <id>nexus</id>
    <username>«user»</username>
    <password>«S»</password>
  </server>
</servers>
@@ xml/pom-property | Password | pom.xml | xml | P
  <properties>
    <db.url>jdbc:oracle:thin:@«host»:1521:XE</db.url>
    <db.password>«S»</db.password>
  </properties>
@@ xml/web-config-appsettings | Key | Web.config | none | A
  <appSettings>
    <add key="Env" value="prod"/>
    <add key="«ApiSecret|SmsGatewayKey|AuthToken|ClientSecret»" value="«S»"/>
  </appSettings>
@@ xml/web-config-connection | Password | Web.config | conn | P
  <connectionStrings>
    <add name="Main" connectionString="Data Source=«ip»;Initial Catalog=«svc»;User ID=«id»;Password=«S»" providerName="System.Data.SqlClient"/>
  </connectionStrings>
@@ xml/web-config-smtp | Password | web.Release.config | xml | P
      <smtp from="«mail»">
        <network host="«host»" port="587" userName="«mail»" password="«S»"/>
      </smtp>
@@ xml/machine-key | Key | Web.config | none | HEX32 hex64
    <machineKey validation="HMACSHA256" decryption="AES" validationKey="«HEX:128»" decryptionKey="«S»"/>
@@ xml/nuget | Password | NuGet.Config | xml | P
  <packageSourceCredentials>
    <«w:=word»>
      <add key="Username" value="«user»" />
      <add key="ClearTextPassword" value="«S»" />
    </«w»>
  </packageSourceCredentials>
@@ xml/tomcat-users | Password | conf/tomcat-users.xml | xml | P
<tomcat-users>
  <user username="«first»" password="«S»" roles="manager-gui"/>
</tomcat-users>
@@ xml/android-string | Key | app/src/main/res/values/keys.xml | none | A
<resources>
    <string name="«maps_api_key|app_secret|consumer_secret»">«S»</string>
</resources>
@@ xml/plist | Key | App/Info.plist | none | A
	<key>CFBundleName</key>
	<string>«Svc»</string>
	<key>ApiSecret</key>
	<string>«S»</string>
@@ xml/jenkins | Password | jobs/«svc»/config.xml | xml | P
        <hudson.model.PasswordParameterDefinition>
          <name>DEPLOY_PASSWORD</name>
          <defaultValue>«S»</defaultValue>
        </hudson.model.PasswordParameterDefinition>
@@ xml/unattend | Password | autounattend.xml | xml | P
      <AutoLogon>
        <Password>
          <Value>«S»</Value>
          <PlainText>true</PlainText>
        </Password>
        <Username>Administrator</Username>
      </AutoLogon>
@@ xml/jmeter | Password | load/login.jmx | xml | P
            <stringProp name="HTTPArgument.name">password</stringProp>
            <stringProp name="Argument.value">«S»</stringProp>
@@ xml/soap | Password | samples/request.xml | xml | P
<wsse:UsernameToken>
  <wsse:Username>«user»</wsse:Username>
  <wsse:Password Type="PasswordText">«S»</wsse:Password>
</wsse:UsernameToken>
@@ xml/cdata | Password | etc/env.xml | single | P
            <username><![CDATA[«id»]]></username>
            <password><![CDATA[«S»]]></password>
@@ xml/wix-comment | Password | build/setup.xml | xml | P
<!-- test login: user=«user» password=«S» -->
<setup version="«ver»"/>
@@ props/dotted | Password | src/main/resources/application.properties | line | P
spring.datasource.url=jdbc:mysql://«host»/«svc»
spring.datasource.username=«id»
spring.datasource.password=«S»
@@ props/spaced-colon | Password | conf/db.properties | line | P
db.user : «id»
db.pass : «S»
@@ props/keystore | Password | keystore.properties | bare | P
keyAlias=«word»
storePassword=«S»
storeFile=../«word».jks
@@ props/jwt-secret | Key | application-prod.properties | none | S
server.port=8080
«app.jwt.secret|jwt.signing-key|security.token.secret»=«S»
@@ props/jaas | Password | kafka/client.properties | interp | P
security.protocol=SASL_SSL
sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username="«id»" password="«S»";
@@ props/ssl-passwords | Password | kafka/server.properties | bare | P
ssl.keystore.location=/etc/kafka/keystore.jks
ssl.keystore.password=«S»
@@ props/gradle | Password | gradle.properties | line | P
org.gradle.jvmargs=-Xmx2g
«nexus|sonatype|artifactory»Password=«S»
@@ props/gradle-signing | Password | gradle.properties | bare | P
signing.keyId=«HEX:8»
signing.password=«S»
@@ props/local-key | Key | local.properties | none | A
sdk.dir=/opt/android
«maps|weather|news».key=«S»
@@ props/sonar | Token | sonar-project.properties | none | hex40 b62
sonar.projectKey=«svc»
sonar.login=«S»
@@ ini/section | Password | config.ini | line | P
[database]
host = «host»
user = «id»
«password|passwd|pass» = «S»
@@ ini/quoted | Password | etc/«svc».ini | single | P
[smtp]
login = '«mail»'
passwd = '«S»'
@@ ini/my-cnf | Password | .my.cnf | bare | P
[client]
user=root
password=«S»
host=localhost
@@ ini/my-cnf-quoted | Password | my.cnf | interp | P
[mysqldump]
user = backup
password = "«S»"
@@ ini/boto | Key | .boto | none | b62 b64_24
[Credentials]
gs_oauth2_client_id = «digits:12»
gs_oauth2_refresh_token = «S»
@@ ini/s3cfg | Key | .s3cfg | none | b64_24 b62
[default]
host_base = s3.«word».com
secret_key = «S»
use_https = True
@@ ini/rclone | Key | rclone.conf | none | b62 b64_24
[«word»]
type = s3
provider = Minio
secret_access_key = «S»
endpoint = https://«host»
@@ ini/rclone-pass | Password | .config/rclone/rclone.conf | none | url
[files]
type = sftp
host = «host»
user = «user»
pass = «S»
@@ ini/aws-profile | Key | .aws/credentials | none | b64_24
[«svc»]
aws_secret_access_key = «S»
region = eu-west-1
@@ ini/pypirc | Password | .pypirc | line | P
[distutils]
index-servers = internal

[internal]
repository = https://«host»/simple
username = «user»
password = «S»
@@ ini/pip-conf | Url | pip.conf | url | P
[global]
index-url = https://«user»:«S»@«host»/simple
@@ ini/npmrc-token | Token | .npmrc | none | uuid url hex40
registry=https://«h:=host»/npm/
//«h»/npm/:_authToken=«S»
@@ ini/npmrc-auth | Password | .npmrc | none | basic
always-auth=true
_auth=«S»
@@ ini/npmrc-password | Password | .npmrc | none | b64_pw
//«h:=host»/repository/npm/:username=«user»
//«h»/repository/npm/:_password="«S»"
@@ ini/grafana | Password | grafana.ini | bare | P
[security]
admin_user = admin
admin_password = «S»
@@ ini/odbc | Password | odbc.ini | bare | P
[«Svc»]
Driver = PostgreSQL
Servername = «host»
UserName = «id»
Password = «S»
@@ ini/wireguard-private | Key | wg0.conf | none | wg
[Interface]
Address = 10.0.0.2/24
PrivateKey = «S»
@@ ini/wireguard-psk | Key | etc/wireguard/wg0.conf | none | wg
[Peer]
AllowedIPs = 10.0.0.0/24
PresharedKey = «S»
@@ ini/airflow-fernet | Key | airflow.cfg | none | b64_32
[core]
load_examples = False
fernet_key = «S»
@@ ini/alembic | Url | alembic.ini | url | P
[alembic]
script_location = migrations
sqlalchemy.url = postgresql://«id»:«S»@«host»/«svc»
@@ ini/odoo | Password | odoo.conf | bare | P
[options]
admin_passwd = «S»
db_host = False
@@ ini/supervisor | Password | supervisord.conf | none | P
[inet_http_server]
port = *:9001
username = «first»
password = «S»
@@ ini/svn-passwd | Password | conf/passwd | bare | P
[users]
«first» = «S»
@@ ini/git-config-url | Token | .git/config | none | hex40 b62
[remote "origin"]
	url = https://«S»@git.«word».com/«svc»/app.git
	fetch = +refs/heads/*:refs/remotes/origin/*
@@ ini/gitconfig-extraheader | Password | .gitconfig | none | basic
[http "https://«host»/"]
	extraheader = AUTHORIZATION: basic «S»
@@ toml/password | Password | config.toml | double | P
[database]
server = "«host»"
user = "«id»"
password = "«S»"
@@ toml/literal-string | Key | «svc».toml | single | S
[session]
secret = '«S»'
ttl = 3600
@@ toml/inline-table | Password | settings.toml | double | P
mail = { host = "«host»", user = "«mail»", password = "«S»" }
@@ toml/streamlit | Token | .streamlit/secrets.toml | none | A
[connections.«svc»]
api_token = "«S»"
@@ toml/cargo-registry | Token | .cargo/credentials.toml | none | b62 url
[registries.internal]
token = "«S»"
@@ toml/poetry-basic | Password | auth.toml | double | P
[http-basic.internal]
username = "«user»"
password = "«S»"
@@ toml/frp | Token | frpc.toml | none | T P
serverAddr = "«ip»"
serverPort = 7000
auth.token = "«S»"
@@ toml/gitlab-runner | Token | config.toml | none | url
[[runners]]
  name = "«svc»"
  url = "https://«host»/"
  token = "«S»"
@@ file/netrc | Password | .netrc | bare | P
machine «host»
  login «user»
  password «S»
@@ file/netrc-line | Password | _netrc | bare | P
machine «host» login «user» password «S»
@@ file/pgpass | Password | .pgpass | none | P
«host»:5432:«svc»:«id»:«S»
@@ file/redis-conf | Password | redis.conf | bare | P
bind 127.0.0.1
requirepass «S»
appendonly yes
@@ file/redis-masterauth | Password | conf/redis-replica.conf | bare | P
replicaof «ip» 6379
masterauth «S»
@@ file/redis-acl | Password | users.acl | bare | P
user «svc» on >«S» ~* +@all
@@ file/wpa-psk | Password | wpa_supplicant.conf | double | P
network={
    ssid="«Word»"
    psk="«S»"
    key_mgmt=WPA-PSK
}
@@ file/wpa-psk-hex | Key | etc/wpa_supplicant.conf | none | hex64
network={
	ssid="«Word»-5G"
	psk=«S»
}
@@ file/ipsec-secrets | Password | ipsec.secrets | double | P
«ip» %any : PSK "«S»"
@@ file/chap-secrets | Password | etc/ppp/chap-secrets | double | P
# client  server  secret  addresses
«first»  *  "«S»"  *
@@ file/nginx-header | Key | nginx/upstream.conf | none | A
    location /api/ {
        proxy_set_header X-Api-Key «S»;
        proxy_pass https://«host»;
    }
@@ file/nginx-basic | Password | nginx/default.conf | none | basic
        proxy_set_header Authorization "Basic «S»";
@@ file/haproxy-userlist | Password | haproxy.cfg | bare | P
userlist admins
    user «first» insecure-password «S»
@@ file/htpasswd-apr1 | Hash | .htpasswd | none | apr1
«first»:«S»
@@ file/htpasswd-bcrypt | Hash | auth/.htpasswd | none | bcrypt
«first»:«S»
@@ file/htpasswd-sha | Hash | conf/htpasswd | none | sha1
«first»:{SHA}«S»
@@ file/shadow | Hash | etc/shadow | none | sha512crypt yescrypt
daemon:*:18375:0:99999:7:::
«first»:«S»:«int:17000,19999»:0:99999:7:::
@@ file/shadow-old | Hash | rootfs/etc/shadow | none | md5crypt sha256crypt
root:«S»:«int:14000,17999»:0:99999:7:::
@@ file/ldif-ssha | Hash | ldap/users.ldif | none | ssha
dn: uid=«first»,ou=people,dc=«word»,dc=com
uid: «first»
userPassword: {SSHA}«S»
@@ file/ldif-clear | Password | bootstrap.ldif | bare | P
dn: cn=admin,dc=«word»,dc=org
objectClass: organizationalRole
userPassword: «S»
@@ file/slapd | Hash | slapd.conf | none | ssha
rootdn "cn=Manager,dc=«word»,dc=com"
rootpw {SSHA}«S»
@@ file/slapd-clear | Password | ldap/slapd.conf | bare | P
suffix "dc=«word»,dc=net"
rootpw «S»
@@ file/kickstart | Hash | ks.cfg | none | sha512crypt md5crypt
lang en_US.UTF-8
rootpw --iscrypted «S»
timezone UTC
@@ file/kickstart-plain | Password | kickstart/node.cfg | bare | P
rootpw --plaintext «S»
reboot
@@ file/preseed | Password | preseed.cfg | bare | P
d-i passwd/username string «first»
d-i passwd/user-password password «S»
d-i passwd/user-password-again password «S»
@@ file/mosquitto | Password | bridge.conf | bare | P
connection cloud
address «host»:8883
remote_username «user»
remote_password «S»
@@ file/postfix-sasl | Password | sasl_passwd | bare | P
[«host»]:587 «mail»:«S»
@@ file/msmtprc | Password | .msmtprc | bare | P
account default
host «host»
user «mail»
password «S»
@@ file/fstab-cifs | Password | etc/fstab | none | P
//«ip»/share /mnt/share cifs username=«user»,password=«S»,uid=1000 0 0
@@ file/smbcredentials | Password | .smbcredentials | line | P
username=«user»
password=«S»
domain=«Word»
@@ file/cisco | Password | network/router.cfg | bare | P
hostname «word»
username «first» privilege 15 secret «S»
@@ file/snmp | Password | snmpd.conf | bare | P
createUser «first» SHA «S» AES
@@ file/openvpn-auth | Password | vpn/auth.txt | single | R
«user»
«S»
@@ file/openvpn-static | Key | static.key | none | openvpn
«S»
@@ file/putty | Private | «first».ppk | none | putty
PuTTY-User-Key-File-2: ssh-rsa
Encryption: none
Comment: «first»@«word»
Public-Lines: 6
«b64lines:5,64»
«b64:24»
Private-Lines: 8
«S»
Private-MAC: «hex:40»
@@ file/openssh | Private | id_ed25519 | none | pem_ssh
«S»
@@ file/pem-rsa | Private | certs/server.key | none | pem_rsa pem_pkcs8
«S»
@@ file/der-no-pem | Private | alipay/private_key.txt | none | rsa_der
«S»
@@ file/credentials-list | Password | accounts.txt | bare | P
«mail»:«S»
@@ file/token-only | Token | .token | none | b62 hex64 url
«S»
@@ file/curlrc | Password | .curlrc | double | P
silent
user = "«user»:«S»"
@@ file/wgetrc | Password | .wgetrc | bare | P
http_user = «user»
http_password = «S»
@@ file/muttrc | Password | .muttrc | interp | P
set imap_user = "«mail»"
set imap_pass = "«S»"
@@ file/zabbix-psk | Key | zabbix_agentd.psk.conf | none | hex64
TLSPSKIdentity=PSK 001
TLSPSKValue=«S»
@@ file/rsyncd-secrets | Password | rsyncd.secrets | bare | P
backup:«S»
@@ file/rdp | Password | «word».rdp.txt | bare | P
full address:s:«ip»
username:s:Administrator
password:s:«S»
@@ docker/env | Password | Dockerfile | bare | P
FROM debian:12
ENV DB_USER=«id» DB_PASSWORD=«S»
@@ docker/env-old | Password | docker/Dockerfile | bare | P
FROM mysql:5.7
ENV MYSQL_ROOT_PASSWORD «S»
EXPOSE 3306
@@ docker/env-quoted | Key | Dockerfile.prod | interp | S
ENV NODE_ENV="production" \
    APP_SECRET="«S»"
@@ docker/arg | Token | build/Dockerfile | none | T
ARG VERSION=«ver»
ARG REGISTRY_TOKEN=«S»
@@ docker/run-chpasswd | Password | sshd/Dockerfile | bare | P
RUN apt-get install -y openssh-server
RUN echo 'root:«S»' | chpasswd
@@ docker/run-curl | Token | Dockerfile | none | T
RUN curl -fsSL -H "PRIVATE-TOKEN: «S»" https://«host»/files/app.tgz | tar xz
@@ sh/export | Password | setup.sh | single | P
#!/bin/sh
export PGUSER=«id»
export PGPASSWORD='«S»'
psql -h «host» «svc»
@@ sh/variable | Password | backup.sh | interp | P
USER="«user»"
PASS="«S»"
mysqldump -u"$USER" -p"$PASS" «svc» > dump.sql
@@ sh/inline-pgpassword | Password | scripts/restore.sh | bare | P
PGPASSWORD=«S» pg_restore -h «host» -U «id» -d «svc» latest.dump
@@ sh/mysql-p | Password | install.sh | bare | P
mysql -u root -p«S» -e "CREATE DATABASE «svc»"
@@ sh/mysql-p-quoted | Password | ci/db.sh | single | P
mysql -h «host» -u «id» -p'«S»' < schema.sql
@@ sh/mysql-long | Password | cron/dump.sh | bare | P
mysqldump --user=«id» --password=«S» --single-transaction «svc» | gzip > out.gz
@@ sh/redis-cli | Password | health.sh | bare | P
redis-cli -h «host» -a «S» ping
@@ sh/docker-login | Password | publish.sh | single | P
docker login -u «user» -p '«S»' «host»
@@ sh/docker-login-stdin | Password | push.sh | interp | P
echo "«S»" | docker login --username «user» --password-stdin «host»
@@ sh/docker-run-e | Password | run.sh | bare | P
docker run -d --name «svc» -e POSTGRES_USER=«id» -e POSTGRES_PASSWORD=«S» -p 5432:5432 postgres:15
@@ sh/docker-run-lines | Key | start.sh | none | A
docker run -d \
  --name «svc» \
  -e LOG_LEVEL=debug \
  -e API_SECRET=«S» \
  «word»/«svc»:latest
@@ sh/sshpass | Password | deploy.sh | single | P
sshpass -p '«S»' ssh -o StrictHostKeyChecking=no «user»@«ip» 'systemctl restart «svc»'
@@ sh/sshpass-bare | Password | copy.sh | bare | P
sshpass -p «S» scp build.zip «user»@«host»:/srv
@@ sh/curl-u | Password | README.md | bare | P
curl -u «user»:«S» https://«host»/api/status
@@ sh/curl-u-late | Password | smoke.sh | interp | P
curl -s -X POST -H 'Content-Type: application/json' \
  -d '{"name": "«svc»"}' \
  -u "«user»:«S»" \
  "https://«host»/api/jobs"
@@ sh/curl-user-long | Password | upload.sh | single | P
curl --fail --user '«user»:«S»' -T target/app.jar https://«host»/libs/
@@ sh/curl-bearer | Token | docs/api.md | none | T
curl -H "Authorization: Bearer «S»" https://«host»/v1/me
@@ sh/curl-header-lines | Key | examples/send.sh | none | A
curl https://«host»/v1/messages \
  --request POST \
  --header 'Content-Type: application/json' \
  --header 'X-Api-Key: «S»' \
  --data '{"to": "«mail»"}'
@@ sh/curl-data-password | Password | login.sh | none | P
curl -X POST https://«host»/login -d 'username=«user»&password=«S»'
@@ sh/curl-json-password | Password | tests/login.sh | none | P
curl https://«host»/auth -H 'Content-Type: application/json' -d '{"email":"«mail»","password":"«S»"}'
@@ sh/curl-query-key | Key | fetch.sh | none | U
curl "https://api.«word».com/data/2.5/forecast?q=Graz&appid=«S»"
@@ sh/curl-url-user | Password | get.sh | url | P
curl -O https://«user»:«S»@«host»/files/«svc».tgz
@@ sh/curl-cookie | Token | scrape.sh | none | url hex32 b62
curl -b 'sessionid=«S»; lang=en' https://«host»/inbox
@@ sh/wget-password | Password | fetch-data.sh | bare | P
wget --user=«user» --password=«S» -r https://«host»/data/
@@ sh/wget-header | Token | download.sh | none | T
wget --header="Authorization: Token «S»" -O out.json https://«host»/export
@@ sh/git-clone-token | Token | bootstrap.sh | none | hex40 b62
git clone https://«S»@git.«word».com/«svc»/app.git /opt/app
@@ sh/git-clone-user-token | Token | ci/clone.sh | none | hex40 b62 url
git clone https://«user»:«S»@git.«word».com/«svc»/tools.git
@@ sh/git-remote | Token | notes/setup.md | none | hex40 b62
git remote set-url origin https://oauth2:«S»@git.«word».com/«svc»/app.git
@@ sh/heredoc | Password | provision.sh | bare | P
cat > /etc/«svc».conf <<EOF
[db]
user = «id»
password = «S»
EOF
@@ sh/heredoc-netrc | Password | ci/auth.sh | bare | P
cat <<EOF > ~/.netrc
machine «host»
login «user»
password «S»
EOF
@@ sh/printf-env | Key | make-env.sh | none | A
printf 'API_KEY=%s\n' '«S»' >> .env
@@ sh/echo-append | Password | init.sh | bare | P
echo "DB_PASSWORD=«S»" >> /etc/environment
@@ sh/chpasswd | Password | vm/setup.sh | bare | P
echo "«first»:«S»" | sudo chpasswd
@@ sh/passwd-stdin | Password | kick.sh | interp | P
echo "«S»" | passwd --stdin «first»
@@ sh/sudo-s | Password | run-root.sh | bare | P
echo '«S»' | sudo -S systemctl restart «svc»
@@ sh/net-use | Password | map.cmd | none | P
net use Z: \\«word»-fs01\share «S» /user:«Word»\«first»
@@ sh/net-user | Password | mkuser.bat | none | P
net user «first» «S» /add
@@ sh/ldapsearch | Password | ldap/query.sh | bare | P
ldapsearch -x -H ldap://«host» -D "cn=admin,dc=«word»,dc=com" -w «S» -b "dc=«word»,dc=com" uid
@@ sh/htpasswd-b | Password | docker/auth.sh | bare | P
htpasswd -b -c /etc/nginx/.htpasswd «first» «S»
@@ sh/openssl-passin | Password | sign.sh | bare | P
openssl rsa -in server.key -passin pass:«S» -out plain.key
@@ sh/openssl-enc | Password | encrypt.sh | bare | P
openssl enc -aes-256-cbc -pbkdf2 -in dump.sql -out dump.enc -k «S»
@@ sh/keytool | Password | tls/mkstore.sh | bare | P
keytool -genkeypair -alias «svc» -keystore «svc».jks -storepass «S» -keyalg RSA
@@ sh/jarsigner | Password | release.sh | bare | P
jarsigner -keystore «word».keystore -storepass «S» app-release.apk «word»
@@ sh/az-login | Token | azure/login.sh | none | url b64_24
az login --service-principal -u «uuid» -p «S» --tenant «uuid»
@@ sh/az-sql | Password | azure/create.sh | bare | P
az sql server create --name «svc»-sql --resource-group rg --admin-user «first» --admin-password «S»
@@ sh/gcloud-sql | Password | gcp.sh | bare | P
gcloud sql users set-password root --host=% --instance=«svc» --password=«S»
@@ sh/aws-rds | Password | rds.sh | bare | P
aws rds create-db-instance --db-instance-identifier «svc» --master-username «id» --master-user-password «S»
@@ sh/aws-configure | Key | aws-setup.sh | none | b64_30
aws configure set region eu-west-1
aws configure set aws_secret_access_key «S»
@@ sh/aws-ssm | Password | ssm.sh | single | P
aws ssm put-parameter --name "/«svc»/db/password" --type SecureString --value '«S»'
@@ sh/heroku-config | Key | heroku.sh | none | S
heroku config:set SECRET_KEY_BASE=«S» --app «svc»-prod
@@ sh/kubectl-literal | Password | k8s/create.sh | bare | P
kubectl create secret generic «svc»-db --from-literal=username=«id» --from-literal=password=«S»
@@ sh/kubectl-literal-quoted | Key | k8s/keys.sh | single | S
kubectl create secret generic «svc» \
  --from-literal=apiKey='«S»'
@@ sh/kubectl-docker | Password | k8s/registry.sh | bare | P
kubectl create secret docker-registry regcred --docker-server=«host» --docker-username=«user» --docker-password=«S»
@@ sh/helm-set | Password | helm-install.sh | none | P
helm install «svc» bitnami/postgresql --set auth.postgresPassword=«S» --set replicaCount=2
@@ sh/npm-config | Token | npm-setup.sh | none | uuid url
npm config set //«host»/:_authToken «S»
@@ sh/vault-kv | Password | vault/seed.sh | bare | P
vault kv put secret/«svc» username=«id» password=«S»
@@ sh/vault-unseal | Token | vault/unseal.sh | none | b64_32 hex64
export VAULT_ADDR=https://«host»:8200
vault operator unseal «S»
@@ sh/rsync-password | Password | sync.sh | interp | P
export RSYNC_PASSWORD="«S»"
rsync -az backup@«ip»::data /srv/data
@@ sh/smbclient | Password | smb.sh | bare | P
smbclient //«ip»/share -U «user»%«S» -c 'ls'
@@ sh/mongo-cli | Password | mongo.sh | bare | P
mongo --host «host» -u «user» -p «S» --authenticationDatabase admin «svc»
@@ sh/psql-url | Url | migrate.sh | url | P
psql "postgresql://«id»:«S»@«host»:5432/«svc»?sslmode=require" -f up.sql
@@ sh/sqlcmd | Password | mssql/init.sh | bare | P
/opt/mssql-tools/bin/sqlcmd -S localhost -U sa -P «S» -i init.sql
@@ sh/sqlplus | Password | oracle.sh | none | P
sqlplus «id»/«S»@«host»:1521/ORCL @schema.sql
@@ sh/lftp | Password | ftp-sync.sh | none | P
lftp -u «user»,«S» -e "mirror -R build /www; quit" ftp.«word».com
@@ sh/ftp-heredoc | Password | ftp.sh | bare | P
ftp -n «host» <<END
quote USER «user»
quote PASS «S»
put report.csv
END
@@ sh/expect | Password | login.exp | interp | P
spawn ssh «user»@«ip»
expect "password:"
send "«S»\r"
@@ sh/flag-password | Password | Makefile | bare | P
deploy:
	./bin/«svc»ctl deploy --user «first» --password «S» --env prod
@@ sh/flag-token | Token | release/Makefile | none | T
publish:
	«svc»-cli upload --token «S» dist/*
@@ sh/flag-api-key | Key | scripts/push.sh | none | A
dotnet nuget push out/*.nupkg --api-key «S» --source https://«host»/v3/index.json
@@ sh/make-variable | Password | config.mk | bare | P
DB_USER := «id»
DB_PASS := «S»
@@ sh/fish | Key | config.fish | none | A
set -gx EDITOR vim
set -gx «SVC»_API_KEY «S»
@@ sh/csh | Token | .cshrc | none | T
setenv «SVC»_TOKEN «S»
@@ sh/bash-array | Password | lib/env.sh | single | P
declare -A db=( [user]='«id»' [password]='«S»' )
@@ sh/systemd | Password | «svc».service | none | P
[Service]
Environment=DB_PASSWORD=«S»
ExecStart=/usr/bin/«svc»
@@ sh/systemd-quoted | Key | etc/systemd/system/«svc».service | none | S
Environment="PORT=80" "API_SECRET=«S»"
@@ sh/crontab | Password | crontab.txt | none | P
0 3 * * * BORG_PASSPHRASE=«S» /usr/local/bin/borgmatic
@@ sh/jenkins-groovy | Password | Jenkinsfile | single | P
pipeline {
  environment {
    DEPLOY_USER = '«user»'
    DEPLOY_PASSWORD = '«S»'
  }
}
@@ sh/jenkins-sh | Password | ci/Jenkinsfile | bare | P
stage('Push') { steps { sh 'docker login -u «user» -p «S» «host»' } }
@@ sh/gradle-groovy | Password | build.gradle | interp | P
        maven {
            url "https://«host»/maven"
            credentials {
                username "«user»"
                password "«S»"
            }
        }
@@ sh/gradle-android | Password | app/build.gradle | bare | P
    signingConfigs {
        release {
            storeFile file("«word».jks")
            storePassword "«S»"
            keyAlias "«word»"
        }
    }
@@ sh/gradle-buildconfig | Key | app/build.gradle | none | A
        buildConfigField "String", "API_KEY", "\"«S»\""
@@ sh/gradle-kts | Password | build.gradle.kts | interp | P
            credentials {
                username = "«user»"
                password = "«S»"
            }
@@ sh/sbt | Password | build.sbt | double | P
credentials += Credentials("Sonatype Nexus Repository Manager", "«host»", "«user»", "«S»")
@@ sh/batch-set | Password | run.bat | none | P
@echo off
set DB_USER=«id»
set DB_PASSWORD=«S»
java -jar «svc».jar
@@ sh/batch-set-quoted | Key | env.cmd | none | A
set "API_TOKEN=«S»"
@@ sh/setx | Key | install.bat | none | A
setx «SVC»_SECRET_KEY "«S»" /M
@@ sh/vagrant | Password | Vagrantfile | single | P
  config.vm.provision "shell", env: { "DB_USER" => "«id»", "DB_PASSWORD" => '«S»' }
@@ ps/variable | Password | deploy.ps1 | single | P
$userName = '«user»'
$password = '«S»'
@@ ps/secure-string | Password | New-Vm.ps1 | interp | P
$secure = ConvertTo-SecureString "«S»" -AsPlainText -Force
$cred = New-Object System.Management.Automation.PSCredential ("«Word»\«first»", $secure)
@@ ps/env | Key | profile.ps1 | none | A
$env:«SVC»_API_KEY = "«S»"
@@ ps/hashtable | Password | config.psd1 | single | P
@{
    Server   = '«host»'
    Password = '«S»'
}
@@ ps/parameter | Password | run.ps1 | bare | P
param([string]$User = "«first»", [string]$Password = "«S»")
@@ ps/header | Token | Invoke.ps1 | none | T
$headers = @{ 'Accept' = 'application/json'; 'Authorization' = 'Bearer «S»' }
Invoke-RestMethod -Uri https://«host» -Headers $headers
@@ ps/sqlcmd | Password | db.ps1 | bare | P
Invoke-Sqlcmd -ServerInstance «word» -Username «id» -Password '«S»' -Query 'select 1'
@@ sql/identified-by | Password | init.sql | single | P
CREATE USER '«u:=id»'@'%' IDENTIFIED BY '«S»';
GRANT ALL ON «svc».* TO '«u»'@'%';
@@ sql/grant-identified | Password | db/grants.sql | single | P
GRANT ALL PRIVILEGES ON «svc».* TO '«id»'@'localhost' IDENTIFIED BY '«S»' WITH GRANT OPTION;
@@ sql/create-user | Password | schema/users.sql | single | P
CREATE USER «id» WITH PASSWORD '«S»';
@@ sql/create-role | Password | 01-roles.sql | single | P
CREATE ROLE «id» LOGIN ENCRYPTED PASSWORD '«S»' NOSUPERUSER;
@@ sql/alter-role | Password | fix.sql | single | P
ALTER ROLE postgres PASSWORD '«S»';
@@ sql/alter-user-lower | Password | db/pw.sql | single | P
alter user «id» with password '«S»';
@@ sql/create-login | Password | mssql/logins.sql | single | P
CREATE LOGIN [«id»] WITH PASSWORD = N'«S»', DEFAULT_DATABASE = [«svc»];
@@ sql/oracle | Password | oracle/user.sql | bare | P
CREATE USER «id» IDENTIFIED BY "«S»" DEFAULT TABLESPACE users;
@@ sql/set-password | Password | reset.sql | single | P
SET PASSWORD FOR '«id»'@'%' = PASSWORD('«S»');
@@ sql/insert-columns | Password | seed.sql | single | P
INSERT INTO users (name, email, password) VALUES ('«first»', '«mail»', '«S»');
@@ sql/insert-hash | Hash | dump.sql | none | bcrypt
INSERT INTO `users` VALUES (1,'«first»','«mail»','«S»','«date» «time»');
@@ sql/insert-settings | Key | migrations/004_settings.sql | none | A
INSERT INTO settings (name, value) VALUES ('«svc»_api_key', '«S»');
@@ sql/update | Password | patch.sql | single | P
UPDATE accounts SET password = '«S»' WHERE login = '«user»';
@@ sql/mysql-hash | Hash | backup/mysql_user.sql | none | mysql41
CREATE USER '«id»'@'%' IDENTIFIED WITH 'mysql_native_password' AS '«S»';
@@ sql/pg-scram | Hash | globals.sql | none | scram pgmd5
ALTER ROLE «id» WITH LOGIN PASSWORD '«S»';
@@ sql/dblink | Password | views.sql | none | R W
SELECT * FROM dblink('host=«host» user=«id» password=«S» dbname=«svc»', 'select id from t') AS t(id int);
@@ sql/fdw-mapping | Password | fdw.sql | single | P
CREATE USER MAPPING FOR CURRENT_USER SERVER remote OPTIONS (user '«id»', password '«S»');
@@ sql/pgcrypto | Key | crypt.sql | none | P S
SELECT pgp_sym_decrypt(body, '«S»') FROM «noun»s;
@@ conn/jdbc | Password | Main.java | url | P
String url = "jdbc:mysql://«host»:3306/«svc»?user=«id»&password=«S»&useSSL=false";
@@ conn/jdbc-sqlserver | Password | app.properties | none | P
db.url=jdbc:sqlserver://«host»:1433;databaseName=«svc»;user=«id»;password=«S»;encrypt=true
@@ conn/ado | Password | Db.cs | conn | P
var cs = "Server=«host»;Database=«svc»;Uid=«id»;Pwd=«S»;";
@@ conn/odbc | Password | etl.py | none | P
cnxn = pyodbc.connect("DRIVER={ODBC Driver 17 for SQL Server};SERVER=«host»;DATABASE=«svc»;UID=«id»;PWD=«S»")
@@ conn/mongo | Url | src/db.js | url | P
mongoose.connect('mongodb://«id»:«S»@«host»:27017/«svc»', { useNewUrlParser: true });
@@ conn/amqp | Url | worker/celery.py | url | P
BROKER_URL = "amqp://«id»:«S»@«host»:5672/«svc»"
@@ conn/redis-url | Url | cache.rb | url | P
Redis.new(url: "redis://default:«S»@«host»:6379/1")
@@ conn/sqlalchemy | Url | app/models.py | url | P
engine = create_engine("mysql+pymysql://«id»:«S»@«ip»/«svc»?charset=utf8mb4")
@@ conn/pg-keyvalue | Password | store.go | bare | P
	db, err := sql.Open("postgres", "host=«host» user=«id» password=«S» dbname=«svc» sslmode=disable")
@@ conn/go-mysql-dsn | Password | repo/mysql.go | url | P
	dsn := "«id»:«S»@tcp(«ip»:3306)/«svc»?parseTime=true"
@@ conn/ftp-url | Url | mirror.txt | url | P
ftp://«user»:«S»@ftp.«word».com/pub/
@@ conn/smtp-url | Url | .env.test | url | P
MAILER_DSN=smtp://«user»:«S»@«host»:587
@@ conn/proxy | Url | etc/profile.d/proxy.sh | url | P
export https_proxy=http://«user»:«S»@«host»:3128
@@ conn/sentry-like | Url | sentry.conf.py | none | hex32
RAVEN_CONFIG = {'dsn': 'https://«hex:32»:«S»@«host»/«int:1,99»'}
@@ conn/pip-requirement | Url | requirements.txt | none | b62 hex40
flask==«ver»
git+https://«S»@git.«word».com/«svc»/lib.git@v«ver»#egg=lib
@@ conn/extra-index | Url | requirements-dev.txt | url | P
--extra-index-url https://«user»:«S»@«host»/simple
@@ conn/gemfile-source | Url | Gemfile | url | P hex40
source "https://«user»:«S»@gems.«word».com/"
@@ conn/rtsp | Url | cameras.yaml | url | P
  - name: door
    url: rtsp://admin:«S»@«ip»:554/h264
@@ conn/query-key | Url | src/map.js | none | U
const url = `https://tiles.«word».com/{z}/{x}/{y}.png?key=«S»`;
@@ conn/query-token | Url | feeds.opml | none | U
<outline type="rss" text="«Svc»" xmlUrl="https://«host»/feed?private_token=«S»"/>
@@ conn/query-in-html | Url | public/index.html | none | U
<script src="https://maps.«word».com/api/js?v=3&apikey=«S»&callback=init"></script>
@@ conn/webhook | Url | notify.py | none | hook_path
WEBHOOK_URL = "https://hooks.«word».com/services/«S»"
@@ conn/webhook-yaml | Url | alertmanager.yml | none | hook_path
    webhook_configs:
      - url: https://chat.«word».com/hooks/«S»
@@ conn/signed-url | Url | links.md | none | hex64 b62 url
[report](https://files.«word».com/«svc»/q3.pdf?expires=«digits:10»&signature=«S»)
@@ http/raw-basic | Password | requests/login.http | none | basic
GET /api/users HTTP/1.1
Host: «host»
Authorization: Basic «S»
@@ http/raw-bearer | Token | api.http | none | T
### list
GET https://«host»/v1/«noun»s
Authorization: Bearer «S»
Accept: application/json
@@ http/raw-token | Token | test.rest | none | hex40
POST https://«host»/api/
Authorization: Token «S»
@@ http/x-api-key | Key | requests.http | none | A
GET https://«host»/data
X-Api-Key: «S»
@@ http/ocp-key | Key | vision.http | none | hex32
POST https://«host»/vision/v3/analyze HTTP/1.1
Ocp-Apim-Subscription-Key: «S»
Content-Type: application/octet-stream
@@ http/x-auth-key | Key | cdn/purge.sh | none | hex40 hex32 b62
curl -X DELETE "https://«host»/purge" -H "X-Auth-Email: «mail»" -H "X-Auth-Key: «S»"
@@ http/cookie | Token | captures/req.txt | none | hex32 url b62
GET /account HTTP/1.1
Host: «host»
Cookie: theme=dark; «JSESSIONID|PHPSESSID|session|auth_token»=«S»
@@ http/set-cookie | Token | captures/resp.txt | none | url hex64
HTTP/1.1 200 OK
Set-Cookie: remember_token=«S»; Path=/; HttpOnly
@@ http/form-body | Password | captures/post.txt | none | P
POST /login HTTP/1.1
Host: «host»
Content-Type: application/x-www-form-urlencoded

username=«user»&password=«S»&remember=1
@@ http/json-body | Password | api/login.http | double | P
POST http://«host»/login
Content-Type: application/json

{ "email": "«mail»", "password": "«S»" }
@@ http/oauth-body | Token | oauth.http | none | U
POST /oauth/token HTTP/1.1
Host: «host»

grant_type=client_credentials&client_id=«uuid»&client_secret=«S»
@@ http/token-response | Token | docs/response.json | none | T
{"access_token":"«S»","token_type":"bearer","expires_in":3600}
@@ http/refresh-response | Token | fixtures/token.json | none | T
{
  "expires_in": 86400,
  "refresh_token": "«S»",
  "scope": "read"
}
@@ log/login | Password | logs/app.log | bare | P
«date» «time» DEBUG auth - login attempt user=«user» password=«S» ip=«ip»
@@ log/env-dump | Key | build.log | none | A
+ export «SVC»_API_KEY=«S»
@@ log/connect | Url | logs/worker.log | url | P
[«time»] INFO connecting to amqp://«id»:«S»@«host»:5672
@@ log/request | Token | access.log | none | U
«ip» - - [12/Mar/2021:«time» +0000] "GET /api/v1/items?access_token=«S» HTTP/1.1" 200 «digits:4»
@@ log/generated | Password | install.log | none | R
A temporary password is generated for root@localhost: «S»
@@ log/json | Token | logs/out.jsonl | none | T
{"ts":"«date»T«time»Z","level":"debug","msg":"token refreshed","token":"«S»"}
@@ log/traceback | Password | crash.txt | bare | P
  File "/srv/app/db.py", line «int:10,99», in connect
    conn = connect(host='«host»', user='«id»', password='«S»')
OperationalError: timeout
@@ log/kwargs | Password | debug.log | single | P
DEBUG:root:config={'host': '«host»', 'passwd': '«S»'}
@@ md/password-is | Password | README.md | bare | P
Log in as `«first»`; the password is «S»
@@ md/password-code | Password | docs/setup.md | interp | P
1. Open https://«host»
2. User: `«user»`, password: `«S»`
@@ md/pw-short | Password | NOTES.md | bare | P
staging box («ip») pw: «S»
@@ md/user-slash-password | Password | docs/test-accounts.md | bare | P
Test login: «first» / «S»
@@ md/bold | Password | wiki/Access.md | none | P
**Username:** «mail»
**Password:** «S»
@@ md/list | Password | docs/servers.md | bare | P
- host: «host»
- user: «user»
- pass: «S»
@@ md/table | Password | docs/logins.md | bare | P
| System | User | Password |
|---|---|---|
| «Svc» | «user» | «S» |
@@ md/api-key-is | Key | README.md | none | A
For now use our shared API key `«S»` (ask «First» for another).
@@ md/token-colon | Token | HOWTO.md | none | T
Deploy token: «S»
@@ md/wifi | Password | onboarding.md | none | pw_alnum W
Office wifi is «Word»-Staff, key «S».
@@ md/export-block | Key | docs/quickstart.md | none | A
Set the key and start:

```sh
export «SVC»_API_KEY=«S»
make run
```
@@ md/german | Password | docs/anleitung.md | bare | P
Benutzer: «first»
Passwort: «S»
@@ md/spanish | Password | LEEME.txt | bare | P
usuario: «first»
contraseña: «S»
@@ md/commit-note | Password | CHANGELOG.txt | bare | P
* changed db password to «S» («first», «date»)
@@ md/mail | Password | mails/welcome.txt | bare | P
Hi «First»,

your account is ready. Login: «user», initial password: «S»
Please change it soon.
@@ md/rst | Password | docs/demo.rst | bare | P
The demo server accepts user ``«first»`` with password ``«S»``.
@@ md/csv | Password | data/users.csv | none | P
name,email,password
«first»,«mail»,«S»
@@ md/tsv-key | Key | keys.tsv | none | A
service	api_key	owner
«svc»	«S»	«first»
@@ md/todo | Password | TODO | none | W
TODO remove before release: root password «S» on «ip»
@@ md/html-comment | Password | templates/login.html | none | P
<!-- demo login: «first» / password «S» -->
@@ md/html-hidden | Token | templates/form.html | none | A
<input type="hidden" name="api_key" value="«S»">
@@ md/html-data | Key | index.html | none | A
<div id="map" data-api-key="«S»" data-zoom="6"></div>
@@ md/notebook | Key | analysis.ipynb | none | A
   "source": [
    "import requests\n",
    "API_KEY = \"«S»\"\n"
   ]
@@ md/notebook-single | Password | etl.ipynb | bare | P
    "conn = connect(user='«id»', password='«S»')\n",
@@ go/var-typed | Key | auth/keys.go | double | S
package auth

var signingKey string = "«S»"
@@ go/const-block | Password | config/const.go | double | P
const (
	dbHost     = "«host»"
	dbUser     = "«id»"
	dbPassword = "«S»"
)
@@ go/struct-literal | Password | main.go | double | P
	cfg := Config{
		Host:     "«host»",
		User:     "«id»",
		Password: "«S»",
	}
@@ go/short-assign | Token | cmd/root.go | none | T
	token := "«S»"
	client := api.NewClient(token)
@@ go/byte-slice | Key | jwt.go | double | S
var jwtKey = []byte("«S»")
@@ go/flag-default | Token | cmd/main.go | none | T
var token = flag.String("token", "«S»", "access token")
@@ go/setenv | Password | db_test.go | double | P
	os.Setenv("DB_PASSWORD", "«S»")
@@ go/map-header | Key | client.go | none | A
	headers := map[string]string{"X-Api-Key": "«S»", "Accept": "*/*"}
@@ go/header-set | Token | fetch.go | none | T
	req.Header.Set("Authorization", "Bearer «S»")
@@ go/basic-auth | Password | pull.go | double | P
	req.SetBasicAuth("«user»", "«S»")
@@ go/raw-string | Password | seed.go | conn | P
	pass := `«S»`
@@ go/call-args | Password | ldap.go | double | P
	err = conn.Bind("cn=admin,dc=«word»,dc=com", "«S»")
@@ rust/const | Key | src/config.rs | double | A
const API_KEY: &str = "«S»";
const TIMEOUT: u64 = 30;
@@ rust/let | Password | src/main.rs | double | P
    let password = "«S»".to_string();
@@ rust/struct | Password | src/db.rs | double | P
    let opts = Options {
        user: "«id»".into(),
        password: "«S»".into(),
    };
@@ rust/builder | Password | tests/smtp.rs | double | P
    let creds = Credentials::new("«mail»".to_owned(), "«S»".to_owned());
@@ rust/static-bytes | Key | src/jwt.rs | double | S
static SECRET: &[u8] = b"«S»";
@@ rust/totp-new | Key | src/otp.rs | none | b32
    let totp = TOTP::new(Algorithm::SHA1, 6, 1, 30, Secret::Encoded("«S»".into()).to_bytes().unwrap());
@@ rust/bearer-auth | Token | src/client.rs | none | T
        .bearer_auth("«S»")
        .send()
@@ rust/env-or | Key | src/settings.rs | none | A
    let key = env::var("API_KEY").unwrap_or_else(|_| "«S»".to_string());
@@ c/char-array | Password | src/login.c | double | P
static const char password[] = "«S»";
@@ c/char-pointer | Key | net/api.c | none | A
const char *api_key = "«S»";
@@ c/define | Password | include/config.h | double | P
#define WIFI_SSID "«Word»"
#define WIFI_PASSWORD "«S»"
@@ c/define-token | Token | src/secrets.h | none | T
#define «SVC»_AUTH_TOKEN "«S»"
@@ c/strcpy | Password | auth.c | double | P
    strcpy(cfg.passwd, "«S»");
@@ c/strcmp | Password | check.c | double | P
    if (strcmp(password, "«S»") == 0) {
        return 1;
    }
@@ c/struct-init | Password | db.c | double | P
struct creds c = { .user = "«id»", .pass = "«S»" };
@@ c/mysql-connect | Password | store.c | double | P
  if (!mysql_real_connect(con, "«ip»", "«id»", "«S»", "«svc»", 3306, NULL, 0)) {
@@ c/arduino | Password | firmware/firmware.ino | double | P
const char* ssid = "«Word»";
const char* pass = "«S»";
@@ cpp/string | Key | src/Client.cpp | none | A
    std::string secretKey = "«S»";
@@ cpp/constexpr | Key | crypto.hpp | none | S
constexpr auto kEncryptionKey = "«S»";
@@ cpp/qt | Password | mainwindow.cpp | double | P
    db.setUserName("«id»");
    db.setPassword("«S»");
@@ cpp/setter | Password | ftp.cc | double | P
  session->setCredentials("«user»", "«S»");
@@ java/field | Password | src/main/java/Db.java | double | P
    private static final String USER = "«id»";
    private static final String PASSWORD = "«S»";
@@ java/local | Token | ApiTest.java | none | T
        String accessToken = "«S»";
@@ java/driver-manager | Password | Dao.java | double | P
        Connection c = DriverManager.getConnection("jdbc:mysql://«host»/«svc»", "«id»", "«S»");
@@ java/annotation-value | Password | Config.java | bare | P
    @Value("${db.password:«S»}")
    private String dbPassword;
@@ java/annotation-attr | Password | DataSourceConfig.java | double | P
@DataSourceDefinition(name = "java:app/«svc»", className = "org.h2.jdbcx.JdbcDataSource", user = "«id»", password = "«S»")
@@ java/builder | Key | S3Factory.java | none | B b62
        MinioClient client = MinioClient.builder().endpoint("https://«host»").credentials("«svc»", "«S»").build();
@@ java/builder-lines | Password | Mail.java | double | P
        return MailConfig.builder()
            .username("«mail»")
            .password("«S»")
            .build();
@@ java/setter | Password | Pool.java | double | P
        ds.setUsername("«id»");
        ds.setPassword("«S»");
@@ java/properties-put | Password | Sender.java | double | P
        props.put("mail.smtp.password", "«S»");
@@ java/password-auth | Password | SmtpAuth.java | double | P
                return new PasswordAuthentication("«mail»", "«S»");
@@ java/char-array | Password | KeyStoreUtil.java | double | P
        char[] storePassword = "«S»".toCharArray();
@@ java/secret-key-spec | Key | Crypto.java | double | S
        SecretKeySpec spec = new SecretKeySpec("«S»".getBytes(), "AES");
@@ java/system-property | Password | Boot.java | double | P
        System.setProperty("javax.net.ssl.keyStorePassword", "«S»");
@@ java/jwt-sign | Key | Tokens.java | none | S
        return Jwts.builder().setSubject(name).signWith(SignatureAlgorithm.HS512, "«S»").compact();
@@ java/header | Key | HttpUtil.java | none | A
        request.addHeader("Ocp-Apim-Subscription-Key", "«S»");
@@ java/der-constant | Private | AlipayConfig.java | none | rsa_der
    public static final String MERCHANT_PRIVATE_KEY = "«S»";
@@ java/ternary | Key | Keys.java | none | A
        String apiKey = prod ? System.getenv("API_KEY") : "«S»";
@@ kotlin/const | Key | app/src/main/java/Constants.kt | none | A
    const val API_KEY = "«S»"
@@ kotlin/named-arg | Password | Db.kt | interp | P
    val db = Database.connect(url, driver = "org.postgresql.Driver", user = "«id»", password = "«S»")
@@ kotlin/val | Token | Bot.kt | none | T
private val botToken: String = "«S»"
@@ kotlin/apply | Password | Pool.kt | interp | P
        HikariConfig().apply {
            username = "«id»"
            password = "«S»"
        }
@@ scala/val | Password | src/main/scala/Db.scala | double | P
  val dbPassword = "«S»"
@@ scala/conf | Key | conf/application.conf | none | S
play.http.secret.key = "«S»"
@@ scala/hocon-nested | Password | src/main/resources/reference.conf | double | P
db.default {
  username = «id»
  password = "«S»"
}
@@ scala/option | Password | Job.scala | double | P
    .option("user", "«id»")
    .option("password", "«S»")
@@ cs/const | Key | Constants.cs | none | A
        public const string ApiKey = "«S»";
@@ cs/property | Password | Settings.cs | double | P
    public string DbPassword { get; set; } = "«S»";
@@ cs/network-credential | Password | Mailer.cs | double | P
            client.Credentials = new NetworkCredential("«mail»", "«S»");
@@ cs/verbatim | Password | Sql.cs | double | P
            string password = @"«S»";
@@ cs/object-init | Password | Ftp.cs | double | P
            var options = new SessionOptions { HostName = "«host»", UserName = "«user»", Password = "«S»" };
@@ cs/symmetric-key | Key | Startup.cs | none | S
                IssuerSigningKey = new SymmetricSecurityKey(Encoding.UTF8.GetBytes("«S»"))
@@ cs/header-add | Key | Client.cs | none | A
            http.DefaultRequestHeaders.Add("x-functions-key", "«S»");
@@ cs/dictionary | Token | Fixture.cs | none | T
            ["AccessToken"] = "«S»",
@@ vb/const | Password | Module1.vb | double | P
    Private Const DbPassword As String = "«S»"
@@ vb/dim | Password | Form1.vb | double | P
        Dim pwd As String = "«S»"
@@ vb/vbscript | Password | logon.vbs | bare | P
strUser = "«first»"
strPassword = "«S»"
@@ swift/let | Key | Sources/Config.swift | none | A
    static let apiKey = "«S»"
@@ swift/typed | Token | AppDelegate.swift | none | T
let accessToken: String = "«S»"
@@ swift/argument | Password | Login.swift | double | P
        Auth.signIn(withEmail: "«mail»", password: "«S»") { result, error in
@@ swift/dictionary | Key | Api.swift | none | A
        let headers = ["X-API-KEY": "«S»", "Accept": "application/json"]
@@ objc/define | Key | App/Constants.m | none | A
#define kAppSecret @"«S»"
@@ objc/nsstring | Key | Keys.m | none | A
static NSString *const kConsumerSecret = @"«S»";
@@ objc/message | Password | LoginTests.m | double | P
    [client loginWithUser:@"«user»" password:@"«S»"];
@@ objc/dictionary | Password | Net.m | double | P
    NSDictionary *params = @{@"login": @"«user»", @"password": @"«S»"};
@@ php/define | Password | wp-config.php | single | P
define('DB_USER', '«id»');
define('DB_PASSWORD', '«S»');
@@ php/salt | Key | wp-config.php | single | salt64
define('«AUTH_KEY|LOGGED_IN_KEY|NONCE_SALT|SECURE_AUTH_SALT»', '«S»');
@@ php/array | Password | config/database.php | single | P
return [
    'host' => '«host»',
    'username' => '«id»',
    'password' => '«S»',
];
@@ php/env-default | Password | config/mail.php | single | P
        'password' => env('MAIL_PASSWORD', '«S»'),
@@ php/variable | Password | inc/connect.php | single | P
<?php
$db_user = "«id»";
$db_pass = '«S»';
@@ php/mysqli | Password | db.php | single | P
$conn = mysqli_connect('«ip»', '«id»', '«S»', '«svc»');
@@ php/pdo | Password | lib/Pdo.php | single | P
$pdo = new PDO('mysql:host=«host»;dbname=«svc»', '«id»', '«S»');
@@ php/property | Password | configuration.php | single | P
class JConfig {
	public $user = '«id»';
	public $password = '«S»';
	public $secret = '';
}
@@ php/config-index | Password | config.inc.php | single | P
$cfg['Servers'][$i]['user'] = '«id»';
$cfg['Servers'][$i]['password'] = '«S»';
@@ php/const | Key | src/Api.php | none | A
    const API_SECRET = '«S»';
@@ php/blowfish | Key | config.inc.php | none | b62 url
$cfg['blowfish_secret'] = '«S»';
@@ php/curl-header | Token | push.php | none | T
curl_setopt($ch, CURLOPT_HTTPHEADER, array('Authorization: key=«S»', 'Content-Type: application/json'));
@@ php/curl-userpwd | Password | sms.php | bare | P
curl_setopt($ch, CURLOPT_USERPWD, '«user»:«S»');
@@ php/openssl | Key | crypt.php | none | S
$plain = openssl_decrypt($data, 'aes-256-cbc', '«S»', 0, $iv);
@@ php/constructor | Key | pay.php | none | A
$client = new «Word»\Client('«low:10»', '«S»');
@@ rb/hash | Password | config/initializers/smtp.rb | single | P
ActionMailer::Base.smtp_settings = {
  user_name: '«mail»',
  password: '«S»',
  port: 587
}
@@ rb/hash-rocket | Password | db/seeds.rb | single | P
User.create(:email => '«mail»', :password => '«S»')
@@ rb/constant | Key | lib/client.rb | none | A
API_KEY = '«S»'.freeze
@@ rb/env-default | Token | config/app.rb | none | T
TOKEN = ENV.fetch('API_TOKEN', '«S»')
@@ rb/env-or | Token | bot.rb | none | T
token = ENV['BOT_TOKEN'] || '«S»'
@@ rb/config-dot | Key | config/initializers/devise.rb | none | hex64
  config.secret_key = '«S»'
@@ rb/session-store | Key | config/initializers/secret_token.rb | none | hex64
«Word»::Application.config.secret_token = '«S»'
@@ rb/chef-attr | Password | attributes/default.rb | single | P
default['«svc»']['db']['password'] = '«S»'
@@ rb/chef-resource | Password | recipes/user.rb | bare | P
user '«first»' do
  home '/home/«first»'
  password '«S»'
end
@@ rb/puppet | Password | manifests/site.pp | single | P
class { 'mysql::server':
  root_password => '«S»',
}
@@ rb/basic-auth | Password | spec/api.rb | single | P
request.basic_auth('«user»', '«S»')
@@ rb/rotp | Key | otp.rb | none | b32
totp = ROTP::TOTP.new('«S»', issuer: '«Svc»')
@@ rb/fastlane | Password | fastlane/Fastfile | bare | P
    ENV["MATCH_PASSWORD"] = "«S»"
@@ rb/capistrano | Password | config/deploy.rb | single | P
set :user, '«user»'
set :password, '«S»'
@@ py/constant | Password | settings.py | double | P
DB_USER = "«id»"
DB_PASSWORD = "«S»"
@@ py/django-secret | Key | mysite/settings.py | single | django
# SECURITY WARNING: keep the secret key used in production secret!
SECRET_KEY = '«S»'
@@ py/django-database | Password | app/settings/prod.py | single | P
DATABASES = {
    'default': {
        'ENGINE': 'django.db.backends.postgresql',
        'USER': '«id»',
        'PASSWORD': '«S»',
    }
}
@@ py/dict | Key | conf.py | none | A
config = {"region": "eu", "api_key": "«S»"}
@@ py/kwargs | Password | etl/load.py | single | P
conn = psycopg2.connect(host='«host»', user='«id»', password='«S»')
@@ py/kwargs-lines | Password | db/pool.py | double | P
pool = create_pool(
    host="«host»",
    user="«id»",
    passwd="«S»",
)
@@ py/setdefault | Password | manage.py | single | P
os.environ.setdefault('DB_PASSWORD', '«S»')
@@ py/environ-assign | Key | run.py | none | A
os.environ["«SVC»_API_KEY"] = "«S»"
@@ py/getenv-default | Key | app/config.py | none | S
SECRET = os.getenv("APP_SECRET", "«S»")
@@ py/environ-get-or | Token | bot.py | none | T
TOKEN = os.environ.get("BOT_TOKEN") or "«S»"
@@ py/class-attr | Key | config.py | none | S
class Config:
    DEBUG = False
    SECRET_KEY = "«S»"
@@ py/flask-config | Key | app.py | single | S
app.config['SECRET_KEY'] = '«S»'
@@ py/flask-secret-bytes | Key | web.py | none | S
app.secret_key = b'«S»'
@@ py/function-default | Password | util.py | bare | P
def connect(host="«host»", user="«id»", password="«S»"):
@@ py/call-login | Password | scrape.py | double | P
server.login("«mail»", "«S»")
@@ py/auth-tuple | Password | client.py | single | P
r = requests.get('https://«host»/api', auth=('«user»', '«S»'))
@@ py/headers | Token | fetch.py | none | T
headers = {'Authorization': 'Bearer «S»'}
@@ py/header-fstring | Key | vision.py | none | hex32
headers = {'Ocp-Apim-Subscription-Key': '«S»', 'Content-Type': 'application/json'}
@@ py/params | Key | weather.py | none | U
params = {'q': 'Graz', 'units': 'metric', 'appid': '«S»'}
@@ py/telegram | Token | tg.py | none | T
bot = Bot(token='«S»')
@@ py/client-positional | Key | twit.py | none | b62
auth = OAuthHandler("«b62:25»", "«S»")
@@ py/pyotp | Key | mfa.py | none | b32
totp = pyotp.TOTP("«S»")
@@ py/fernet | Key | crypt.py | none | fernet
cipher = Fernet(b"«S»")
@@ py/hmac | Key | sign.py | double | S
sig = hmac.new(b"«S»", body, hashlib.sha256).hexdigest()
@@ py/jwt-encode | Key | tokens.py | double | S
token = jwt.encode(payload, "«S»", algorithm="HS256")
@@ py/paramiko | Password | deploy.py | double | P
ssh.connect("«ip»", username="«user»", password="«S»", timeout=10)
@@ py/docstring | Password | scripts/export.py | bare | P
"""Export «noun»s.

Login on staging: «first» / password: «S»
"""
@@ py/list-of-dicts | Password | accounts.py | single | P
ACCOUNTS = [
    {'login': '«first»', 'pass': '«S»'},
]
@@ py/keys-list | Key | pool.py | none | A
API_KEYS = [
    "«S»",
]
@@ py/triple-pem | Private | keys.py | none | pem_rsa pem_ec
PRIVATE_KEY = """«S»
"""
@@ py/hash-pbkdf2 | Hash | fixtures/users.py | none | pbkdf2 scrypt
User(username='«first»', password='«S»')
@@ py/hash-argon2 | Hash | seeds/admin.py | none | argon2 bcrypt
ADMIN_HASH = "«S»"
@@ py/compare | Password | gate.py | bare | P
if password == "«S»":
    unlock()
@@ py/jwk | Key | jose_keys.py | none | url
key = jwk.JWK(kty='oct', k='«S»')
@@ py/fabric | Password | fabfile.py | single | P
env.user = '«user»'
env.password = '«S»'
@@ py/scrapy | Password | spider.py | double | P
        return FormRequest.from_response(r, formdata={"username": "«user»", "password": "«S»"})
@@ js/const | Key | src/api.js | none | A
const API_KEY = '«S»';
@@ js/object | Password | config/index.js | single | P
module.exports = {
  host: '«host»',
  user: '«id»',
  password: '«S»',
};
@@ js/double-quoted-key | Key | firebase.js | none | A
  "appSecret": "«S»",
@@ js/env-or | Key | server.js | none | S
const secret = process.env.JWT_SECRET || '«S»';
@@ js/env-nullish | Token | src/env.ts | none | T
export const token = process.env.ACCESS_TOKEN ?? "«S»";
@@ js/class-field | Key | src/client.ts | none | A
export class Client {
  private readonly apiKey = '«S»';
@@ js/ts-typed | Password | e2e/login.ts | single | P
const password: string = '«S»';
@@ js/jsx-prop | Key | src/Map.jsx | none | A
    <MapView apiKey="«S»" zoom={8} />
@@ js/vue-data | Token | src/App.vue | none | T
    return { loading: false, accessToken: '«S»' };
@@ js/angular-env | Key | src/environments/environment.prod.ts | none | A
export const environment = {
  production: true,
  clientSecret: '«S»',
};
@@ js/express-session | Key | app.js | single | S
app.use(session({ secret: '«S»', resave: false, saveUninitialized: true }));
@@ js/cookie-parser | Key | index.js | none | S
app.use(cookieParser('«S»'));
@@ js/jwt-sign | Key | auth.js | single | S
  const token = jwt.sign({ id: user.id }, '«S»', { expiresIn: '1h' });
@@ js/nodemailer | Password | mailer.js | single | P
  auth: { user: '«mail»', pass: '«S»' },
@@ js/mysql-create | Password | db.js | single | P
const pool = mysql.createPool({ host: '«host»', user: '«id»', password: '«S»', database: '«svc»' });
@@ js/sequelize | Password | models/index.js | single | P
const sequelize = new Sequelize('«svc»', '«id»', '«S»', { dialect: 'postgres' });
@@ js/axios-header | Token | src/http.js | none | T
axios.defaults.headers.common['Authorization'] = 'Bearer «S»';
@@ js/fetch-headers | Key | src/load.js | none | A
  headers: { 'Content-Type': 'application/json', 'x-api-key': '«S»' },
@@ js/client-login | Token | bot.js | none | T
client.login('«S»');
@@ js/cypress | Password | cypress/e2e/login.cy.js | single | P
    cy.get('#email').type('«mail»');
    cy.get('#password').type('«S»');
@@ js/playwright | Password | tests/auth.spec.ts | single | P
  await page.fill('input[name="password"]', '«S»');
@@ js/crypto | Key | crypt.js | none | S
const cipher = crypto.createCipher('aes192', '«S»');
@@ js/speakeasy | Key | totp.js | none | b32
const ok = speakeasy.totp.verify({ secret: '«S»', encoding: 'base32', token });
@@ js/array-of-keys | Key | keys.js | none | A
const apiKeys = ['«S»'];
@@ js/minified | Key | public/app.min.js | none | A
var e=n(42),t={endpoint:"https://«host»",apiKey:"«S»",debug:!1};r.init(t)
@@ js/template | Token | hooks.js | none | T
const auth = `Bearer «S»`;
@@ js/user-pass-pairs | Password | users.js | single | P
const users = { «first»: { password: '«S»', role: 'admin' } };
@@ js/gulp-ftp | Password | gulpfile.js | single | P
var conn = ftp.create({ host: '«host»', user: '«user»', pass: '«S»', parallel: 5 });
@@ js/truffle | Key | truffle-config.js | none | eth
const privateKey = "«S»";
@@ js/hardhat | Key | hardhat.config.js | none | hex64
      accounts: ["«S»"],
@@ perl/scalar | Password | bin/sync.pl | single | P
my $password = '«S»';
@@ perl/dbi | Password | lib/Db.pm | single | P
my $dbh = DBI->connect("dbi:mysql:«svc»;host=«host»", '«id»', '«S»');
@@ perl/hash | Password | conf.pl | single | P
our %config = (
    user     => '«id»',
    password => '«S»',
);
@@ perl/constant | Key | Api.pm | none | A
use constant API_KEY => '«S»';
@@ lua/table | Password | config.lua | single | P
return {
  user = '«id»',
  password = '«S»',
}
@@ lua/local | Token | bot.lua | none | T
local token = "«S»"
@@ lua/auth | Password | nginx/db.lua | double | P
local ok, err = red:auth("«S»")
@@ r/assign | Key | analysis.R | none | A
api_key <- "«S»"
@@ r/dbconnect | Password | load.R | single | P
con <- dbConnect(MySQL(), user = '«id»', password = '«S»', host = '«host»')
@@ r/setenv | Key | .Rprofile | none | A
Sys.setenv(«SVC»_KEY = "«S»")
@@ dart/const | Key | lib/constants.dart | none | A
const String apiKey = '«S»';
@@ dart/named | Password | test/auth_test.dart | bare | P
  await auth.signInWithEmailAndPassword(email: '«mail»', password: '«S»');
@@ dart/static | Key | lib/secrets.dart | none | A
  static const clientSecret = "«S»";
@@ ex/config | Key | config/prod.exs | none | b64_48
config :«svc», «Word»Web.Endpoint,
  secret_key_base: "«S»"
@@ ex/repo | Password | config/dev.exs | interp | P
config :«svc», «Word».Repo,
  username: "«id»",
  password: "«S»",
  hostname: "localhost"
@@ ex/attribute | Token | lib/client.ex | none | T
  @token "«S»"
@@ hs/binding | Password | src/Config.hs | double | P
dbPassword :: String
dbPassword = "«S»"
@@ hs/record | Password | app/Main.hs | double | P
  let info = defaultConnectInfo { connectUser = "«id»", connectPassword = "«S»" }
@@ clj/map | Password | src/db.clj | double | P
(def db {:subname "//«host»/«svc»" :user "«id»" :password "«S»"})
@@ erl/tuple | Password | sys.config | double | P
  {«svc», [{username, "«id»"}, {password, "«S»"}]}.
@@ nim/const | Token | src/bot.nim | none | T
const token = "«S»"
@@ jl/const | Key | src/Client.jl | none | A
const API_KEY = "«S»"
@@ robot/variables | Password | tests/login.robot | bare | P
*** Variables ***
${USERNAME}    «first»
${PASSWORD}    «S»
@@ feature/gherkin | Password | features/login.feature | double | P
    When I log in as "«user»" with password "«S»"
@@ nix/attr | Password | configuration.nix | interp | P
  services.«svc» = {
    user = "«id»";
    password = "«S»";
  };
@@ nix/hashed | Hash | nixos/users.nix | none | sha512crypt yescrypt
  users.users.«first».hashedPassword = "«S»";
@@ asm/data | Password | src/data.asm | bare | P
password db '«S»', 0
@@ code/license-key | Key | lib/license.py | none | license
LICENSE_KEY = "«S»"
@@ code/pin | Password | door/config.py | none | pin
MASTER_PIN = "«S»"
@@ code/consumer-keys | Key | twitter/keys.py | none | b62
consumer_key = "«b62:25»"
consumer_secret = "«S»"
@@ code/app-key | Key | Sms.java | none | hex32 low_num
    private String appKey = "«S»";
@@ code/creds | Password | ops/creds.py | bare | P
creds = ("«user»", "«S»")
'''

# The kinds of harmless texts.
HARMLESS = r'''
@@ code-go/getenv | Password | config.go
	cfg.Password = os.Getenv("«SVC»_PASSWORD")
	cfg.User = os.Getenv("«SVC»_USER")
@@ code-go/struct-fields | Password | types.go
type Credentials struct {
	Username string `json:"username"`
	Password string `json:"«passWord»,omitempty"`
	Token    *string `json:"token"`
}
@@ code-go/signature | Password | auth.go
func Login(ctx context.Context, user, «passWord» string) (*Token, error) {
@@ code-go/field-copy | Token | client.go
	return &Client{baseURL: url, «toKen»: opts.Token, secret: opts.ClientSecret}
@@ code-go/error-values | Password | errors.go
var (
	ErrInvalidPassword = errors.New("invalid password«| given| for user»")
	ErrTokenExpired    = errors.New("token has expired")
	ErrMissingAPIKey   = errors.New("api key is «required|missing|not set»")
)
@@ code-go/sprintf | Token | http.go
	req.Header.Set("Authorization", fmt.Sprintf("Bearer %s", c.«toKen»))
@@ code-go/dsn-format | Url | db.go
	dsn := fmt.Sprintf("postgres://%s:%s@%s:%d/%s", user, «passWord», host, port, name)
@@ code-go/const-names | Key | consts.go
const (
	passwordKey   = "«passWord»"
	tokenHeader   = "X-Auth-Token"
	secretNameKey = "secret_name"
)
@@ code-go/flag-empty | Password | cmd/root.go
	rootCmd.Flags().StringVarP(&password, "password", "p", "", "password of the «svc» account")
@@ code-go/viper | Key | cmd/config.go
	viper.SetDefault("token_ttl", "24h")
	apiKey := viper.GetString("«svc».api_key")
@@ code-go/bcrypt-call | Hash | users.go
	hash, err := bcrypt.GenerateFromPassword([]byte(«req|dto|form|in».Password), bcrypt.DefaultCost)
@@ code-go/table-test | Password | valid_test.go
		{name: "empty password", «passWord»: "", wantErr: true},
@@ code-go/secret-ref | Key | reconcile.go
	secretKeyRef := corev1.SecretKeySelector{Key: "password", LocalObjectReference: corev1.LocalObjectReference{Name: "«svc»-credentials"}}
@@ code-rust/struct | Password | src/model.rs
pub struct Login {
    pub username: String,
    pub «pw»: SecretString,
    pub «tk»: Option<String>,
}
@@ code-rust/env | Token | src/main.rs
    let token = std::env::var("«v:=SVC»_TOKEN").expect("«v»_TOKEN must be set");
@@ code-rust/fn | Password | src/auth.rs
pub fn verify_password(«pw»: &str, hash: &PasswordHash<'_>) -> Result<bool, AuthError> {
@@ code-rust/match | Key | src/lexer.rs
            TokenKind::«Keyword|Key|Secret|Password» => Token::new(TokenKind::Ident, span),
@@ code-rust/clap | Password | src/cli.rs
    /// Password for the registry
    #[arg(long, env = "REGISTRY_PASSWORD", hide_env_values = true)]
    «pw»: Option<String>,
@@ code-rust/clone | Key | src/client.rs
        Self { api_key: «c:=config|opts|settings|self.conf».api_key.clone(), secret_key: «c».secret_key.clone() }
@@ code-rust/thiserror | Token | src/error.rs
    #[error("token «expired|was revoked|is not valid» at {0}")]
    TokenExpired(DateTime<Utc>),
@@ code-c/extern | Password | auth.h
extern char *«pw»;
int check_password(const char *user, const char *«pw»);
@@ code-c/getpass | Password | login.c
    char *«pw» = getpass("Password: ");
@@ code-c/buffer | Password | prompt.c
    char «passwd|pw|password|secret»[MAX_PASSWORD_LEN + 1] = {0};
@@ code-c/enum | Token | lex.h
enum «token_type|token_kind|tok» { TOKEN_EOF, TOKEN_IDENT, TOKEN_STRING, TOKEN_NUMBER };
@@ code-c/define-number | Key | limits.h
#define MAX_PASSWORD_LENGTH «64|72|128|256»
#define KEY_SIZE 32
#define TOKEN_BUCKET_SIZE 4096
@@ code-c/keycodes | Key | keyboard.h
#define KEY_«ESCAPE|ENTER|HOME|DELETE» 0x«hex:2»
#define KEY_LEFTCTRL 29
@@ code-c/option-table | Password | options.c
  {"«pw»", required_argument, NULL, 'p'},
  {"token-file", required_argument, NULL, 't'},
@@ code-c/printf | Password | main.c
    «fprintf(stderr, |syslog(LOG_WARNING, |log_msg(1, »"%s: wrong password for user '%s'\n", argv[0], user);
@@ code-cpp/getter | Password | account.cpp
std::string Account::«passWord»() const { return m_password; }
@@ code-cpp/setter-var | Password | dialog.cpp
    settings.setPassword(«ui|m_ui|dlg|form»->passwordEdit->text());
@@ code-cpp/lexer | Token | parser.cpp
    if (token == "«password|secret|key|passphrase»") return parsePassword(tokens, pos);
@@ code-cpp/map-key | Key | cache.cpp
  const std::string key = «prefix|ns_|table» + ":" + std::to_string(id);
@@ code-java/field | Password | User.java
    @NotBlank
    @Size(min = 8, max = 64)
    private String «passWord»;
@@ code-java/getter-setter | Password | Account.java
    public void setPassword(String «passWord») {
        this.«passWord» = «passWord»;
    }
@@ code-java/value-ref | Key | AppConfig.java
    @Value("${«svc».api.key}")
    private String apiKey;
@@ code-java/value-default-empty | Password | MailConfig.java
    @Value("${mail.«passWord»:}")
    private String mailPassword;
@@ code-java/constants-names | Token | Headers.java
    public static final String AUTH_TOKEN_HEADER = "«X-Auth-Token|X-Access-Token|Authorization|X-Session-Token»";
    public static final String PASSWORD_PARAMETER = "j_password";
@@ code-java/get-property | Password | Db.java
        String «passWord» = props.getProperty("db.«passWord»");
@@ code-java/encoder | Password | Service.java
        user.setPassword(passwordEncoder.encode(«dto|request|form|input».getPassword()));
@@ code-java/exception | Token | Filter.java
            throw new AuthenticationException("Token is «missing or invalid|expired|malformed|unknown»");
@@ code-java/cache-key | Key | CacheNames.java
    private static final String CACHE_KEY_PREFIX = "«noun»:«profile|list|by-id»:";
@@ code-java/intent-extra | Key | DetailActivity.java
    public static final String EXTRA_KEY_ORDER_ID = "com.«word».app.ORDER_ID";
@@ code-java/shared-prefs | Token | Prefs.java
        String «toKen» = prefs.getString("access_token", null);
@@ code-java/builder-var | Password | Factory.java
        return Pool.builder().username(username).«passWord»(«passWord»).build();
@@ code-java/enum | Key | GrantType.java
    «CLIENT_CREDENTIALS|SERVICE|MACHINE»("client_credentials"), PASSWORD("password"), REFRESH_TOKEN("refresh_token");
@@ code-java/swagger-doc | Token | Controller.java
    @ApiImplicitParam(name = "«Authorization|X-Auth-Token|Access-Token»", value = "Bearer access token", paramType = "header", required = true)
@@ code-kotlin/data-class | Password | Login.kt
data class LoginRequest(val email: String, val «passWord»: String, val rememberMe: Boolean = false)
@@ code-kotlin/property | Token | Session.kt
    var «accessToken|refreshToken|idToken|apiKey»: String? = null
        private set
@@ code-kotlin/system-env | Password | build.gradle.kts
            «passWord» = System.getenv("NEXUS_PASSWORD")
@@ code-kotlin/project-prop | Password | publish.gradle.kts
        «passWord» = project.findProperty("signing.«passWord»") as String?
@@ code-scala/case-class | Password | Models.scala
case class Credentials(username: String, «passWord»: String, apiKey: Option[String] = None)
@@ code-scala/sys-env | Key | Settings.scala
  val apiKey = sys.env.getOrElse("«API»API_KEY", sys.error("«API»API_KEY is not set"))
@@ code-cs/property | Password | LoginModel.cs
        [Required]
        [DataType(DataType.Password)]
        public string «Password|NewPassword|ConfirmPassword|OldPassword» { get; set; }
@@ code-cs/configuration | Key | Startup.cs
            var key = Configuration["Jwt:Key"];
            options.ClientSecret = Configuration.GetValue<string>("«Auth|OAuth|Azure|Google»:ClientSecret");
@@ code-cs/cancellation-token | Token | Worker.cs
        public async Task «Run|Stop|Send|Load»Async(CancellationToken cancellationToken = default)
@@ code-cs/public-key-token | Key | App.config
        <assemblyIdentity name="Newtonsoft.Json" publicKeyToken="«hex:16»" culture="neutral" />
@@ code-cs/type-ref | Key | Resources.resx
    <value>System.Resources.ResXResourceReader, System.Windows.Forms, Version=4.0.0.0, Culture=neutral, PublicKeyToken=«hex:16»</value>
@@ code-cs/nameof | Password | Validator.cs
            RuleFor(x => x.Password).NotEmpty().WithMessage("Password «must not be empty|is required|is too short»");
@@ code-vb/dim-from | Password | Form1.vb
        Dim «passWord» As String = txtPassword.Text
@@ code-swift/var | Password | LoginView.swift
    @State private var «passWord»: String = ""
    SecureField("Password", text: $«passWord»)
@@ code-swift/keychain | Token | Keychain.swift
        let «toKen» = keychain.get("accessToken") ?? ""
@@ code-swift/coding-keys | Key | Model.swift
    enum CodingKeys: String, CodingKey { case userId = "«noun»_id", accessToken = "access_token" }
@@ code-objc/property | Password | Login.h
@property (nonatomic, copy) NSString *«passWord»;
- (void)loginWithUser:(NSString *)user «passWord»:(NSString *)«passWord»;
@@ code-objc/defaults-key | Key | Settings.m
static NSString *const kTokenDefaultsKey = @"«UserAccessToken|DeviceToken|PushTokenKey|LoginPasswordKey»";
@@ code-php/getenv | Password | config.php
    '«pw»' => getenv('«DB»_PASSWORD'),
    'secret' => $_ENV['APP_SECRET'],
@@ code-php/env-empty | Password | database.php
            '«pw»' => env('«DB»_PASSWORD', ''),
@@ code-php/post | Password | login.php
$username = $_POST['username'];
$«pw» = $_POST['password'];
@@ code-php/rules | Password | RegisterRequest.php
            'password' => 'required|string|min:«6|8|10|12»|confirmed',
            'token' => 'required',
@@ code-php/doc-block | Password | Auth.php
    /**
     * @param string $«pw» the plain password
     * @return string|null the «tk»
     */
@@ code-php/fillable | Password | User.php
    protected $hidden = ['password', '«remember_token|api_token|pin»', 'two_factor_secret'];
@@ code-php/primary-key | Key | Order.php
    protected $primaryKey = '«noun»_id';
    protected $keyType = 'string';
@@ code-php/password-verify | Password | check.php
if (!password_verify($_POST['password'], $row['«password_hash|pass|password|pw_hash»'])) {
    $errors[] = 'Wrong password';
}
@@ code-php/trans | Password | view.php
<label for="«pw»"><?= __('auth.«pw»') ?></label>
@@ code-rb/env-fetch | Password | config/puma.rb
  password: ENV.fetch('SMTP_PASSWORD'),
  api_key: ENV['«SVC»_API_KEY'],
@@ code-rb/has-secure | Password | app/models/user.rb
  has_secure_password
  validates :«pw», length: { minimum: 10 }, allow_nil: true
@@ code-rb/permit | Password | users_controller.rb
    params.require(:user).permit(:email, :«pw», :password_confirmation)
@@ code-rb/filter | Password | filter_parameter_logging.rb
Rails.application.config.filter_parameters += [:«pw», :«tk», :secret, :_key]
@@ code-rb/credentials | Key | storage.rb
  secret_access_key: Rails.application.credentials.dig(:«aws|minio|spaces|storage», :secret_access_key)
@@ code-rb/before-action | Token | api_controller.rb
  before_action :«authenticate_with_token!|verify_api_key|check_token», only: %i[create update]
@@ code-rb/symbol-key | Key | orders.rb
  belongs_to :customer, foreign_key: "«noun»_id", primary_key: :uuid
@@ code-py/environ | Password | settings.py
«DB»_PASSWORD = os.environ["«DB»_PASSWORD"]
SECRET_KEY = os.environ.get("SECRET_KEY")
@@ code-py/config-get | Password | db.py
    «pw» = config.get("database", "«pw»")
@@ code-py/decouple | Key | base.py
SECRET_KEY = config("SECRET_KEY")
«k:=EMAIL_HOST_PASSWORD|REDIS_PASSWORD|STRIPE_SECRET|JWT_SECRET» = env.str("«k»", default="")
@@ code-py/getpass | Password | cli.py
«pw» = getpass.getpass("Password for %s: " % user)
@@ code-py/init | Password | client.py
    def __init__(self, host, user=None, «pw»=None, «tk»=None, timeout=30):
        self.«pw» = «pw»
        self.«tk» = «tk»
@@ code-py/dataclass | Token | models.py
@dataclass
class «Session|Login|Tokens|Grant»:
    access_token: str
    refresh_token: Optional[str] = None
    api_key: str | None = None
@@ code-py/django-model | Password | models.py
    «pw» = models.CharField(_("password"), max_length=128)
    api_token = models.UUIDField(default=uuid.uuid4, editable=False)
@@ code-py/django-form | Password | forms.py
    «password1|password2|new_password|old_password» = forms.CharField(label=_("Password"), widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}))
@@ code-py/validators | Password | settings.py
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": «8|9|10|12|14»}},
@@ code-py/argparse | Password | main.py
parser.add_argument("--password", help="password of the admin account", required=True)
parser.add_argument("--token-file", default="«/run/secrets/token|/etc/token|token.txt|~/.token»")
@@ code-py/click | Token | cli.py
@click.option("--token", envvar="«SVC»_TOKEN", prompt=True, hide_input=True)
@@ code-py/fstring | Token | api.py
    headers = {"Authorization": f"Bearer {«tk»}", "X-Api-Key": self.api_key}
@@ code-py/percent | Url | engine.py
url = "mysql://%s:%s@%s/%s" % (user, «pw», host, name)
@@ code-py/format | Url | mq.py
BROKER = "amqp://{user}:{«pw»}@{host}:5672//".format(**conf)
@@ code-py/secrets-module | Token | tokens.py
    «tk» = secrets.token_urlsafe(32)
    nonce = os.urandom(16)
@@ code-py/sort-key | Key | util.py
items.sort(key=lambda item: item["«created_at|name|key|token_count»"])
best = max(scores, key=scores.get)
@@ code-py/dict-keys | Key | parse.py
for key, value in payload.items():
    if key == "«pw»":
        value = "***"
@@ code-py/dynamo | Key | table.py
table.query(KeyConditionExpression=Key("«noun»_id").eq(user_id), IndexName="email-index")
@@ code-py/cache-key | Key | cache.py
    cache_key = f"«noun»:{tenant}:{day:%Y%m%d}"
@@ code-py/test-mock | Password | test_auth.py
    mock_login.assert_called_once_with(username=ANY, «pw»=ANY)
@@ code-py/tokenizer | Token | train.py
tokenizer = AutoTokenizer.from_pretrained("«word»/«word»-base", use_auth_token=True)
pad_token = "[PAD]"; eos_token = "</s>"
@@ code-py/logging | Password | log.py
logger.warning("login of %s failed: «wrong password|password expired|no password given»", username)
@@ code-py/raise | Token | deps.py
        raise HTTPException(status_code=401, detail="«Could not validate credentials|Invalid token|Wrong user name or password»", headers={"WWW-Authenticate": "Bearer"})
@@ code-py/schema-field | Password | schemas.py
    «pw»: SecretStr = Field(..., min_length=8, description="Password of the user")
@@ code-py/oauth-url | Url | auth.py
oauth2_scheme = OAuth2PasswordBearer(tokenUrl="/«api/v1/login/access-token|token|auth/token|oauth/token»")
@@ code-py/airflow-var | Token | dag.py
token = Variable.get("«svc»_token")
password = BaseHook.get_connection("«svc»").password
@@ code-py/boto-secret | Key | secrets.py
    response = client.get_secret_value(SecretId="prod/«svc»/db")
    password = json.loads(response["SecretString"])["password"]
@@ code-js/env | Password | config.js
  «passWord»: process.env.«DB»_PASSWORD,
  secret: process.env.SESSION_SECRET,
@@ code-js/env-or-empty | Key | app.js
const apiKey = process.env.«API»API_KEY || '';
@@ code-js/interface | Password | types.ts
export interface LoginDto {
  username: string;
  «passWord»: string;
  «toKen»?: string | null;
}
@@ code-js/zod | Password | schema.ts
  «passWord»: z.string().min(8, 'Password must be at least 8 characters'),
@@ code-js/yup | Password | form.js
    «passWord»: Yup.string().required('Password is required').min(6),
@@ code-js/mongoose | Password | user.model.js
  «passWord»: { type: String, required: true, select: false },
  resetPasswordToken: String,
@@ code-js/destructure | Password | login.js
  const { username, «passWord», «toKen» } = req.body;
@@ code-js/template | Token | http.js
  headers: { Authorization: `Bearer ${«toKen»}`, 'X-Api-Key': config.apiKey },
@@ code-js/usestate | Password | Login.jsx
  const [«passWord», setPassword] = useState('');
  <input type="password" value={«passWord»} onChange={(e) => setPassword(e.target.value)} />
@@ code-js/action-types | Password | types.js
export const «k:=RESET_PASSWORD_REQUEST|CHANGE_PASSWORD_SUCCESS|REFRESH_TOKEN_FAILURE|SET_API_KEY» = '«k»';
export const SET_TOKEN = 'auth/SET_TOKEN';
@@ code-js/local-storage | Token | auth.js
const TOKEN_KEY = 'access_token';
localStorage.setItem(TOKEN_KEY, «toKen»);
@@ code-js/react-key | Key | List.jsx
      {items.map((«k:=item|row|user|token») => <li key={«k».id}>{«k».title}</li>)}
@@ code-js/react-key-literal | Key | Tabs.tsx
        <TabPane tab="Settings" key="«account-settings|change-password|api-tokens|profile»">
@@ code-js/routes | Password | router.js
  { path: '/«forgot-password|lost-password|password/forgot»', name: 'forgotPassword', component: ForgotPassword },
  { path: '/reset-password/:token', name: 'resetPassword', component: ResetPassword },
@@ code-js/endpoints | Token | api.ts
  tokenUrl: '/«oauth/token|api/token|auth/refresh|connect/token»',
  changePassword: '/users/me/password',
@@ code-js/keyboard | Key | shortcuts.js
  { key: '«Ctrl+Shift+P|Cmd+K|Alt+F4|Ctrl+Enter»', command: 'workbench.action.showCommands' },
  { key: 'ArrowDown', handler: next },
@@ code-js/event-key | Key | input.js
  if (e.key === '«Enter|Tab|ArrowUp|Backspace»' || e.key === 'Escape') close();
@@ code-js/i18n-key | Key | labels.js
  title: t('«user.settings|account|profile.security».password.title'),
  key: 'menu.account.change_password',
@@ code-js/test-id | Password | Login.test.js
  fireEvent.change(screen.getByTestId('«password-input|new-password|login-password-field»'), { target: { value: '' } });
@@ code-js/jest-mock | Token | auth.test.ts
    expect(service.validateToken).toHaveBeenCalledWith(«toKen»);
@@ code-js/injection-token | Token | tokens.ts
export const APP_CONFIG = new InjectionToken<AppConfig>('«app.config|api.base.url|auth.options»');
@@ code-js/cancel-token | Token | http.js
const source = axios.CancelToken.source();
get(url, { cancelToken: source.«toKen» });
@@ code-js/csrf-header | Token | csrf.js
axios.defaults.xsrfHeaderName = 'X-CSRFToken';
const «toKen» = document.querySelector('meta[name="csrf-token"]').content;
@@ code-js/ngrx-select | Token | selectors.ts
export const selectToken = createSelector(selectAuth, (s) => s.«accessToken|refreshToken|apiKey|idToken»);
@@ code-js/prisma | Password | user.service.ts
      data: { email: dto.email, «passWord»: await bcrypt.hash(dto.«passWord», 10) },
@@ code-js/minified | Password | dist/app.min.js
!function(e,t){var n=t.«passWord»,r=t.«toKen»;e.login=function(e,t){return n(e,t)},e.setToken=function(e){r=e}}(window,a);var o=function(e){return e.secretKey?e.secretKey:null};
@@ code-js/minified-table | Key | vendor/lib.min.js
t.exports={«BACKSPACE:8|DELETE:46|HOME:36»,TAB:9,ENTER:13,keyCode:function(e){return e.which},KEY_UP:"ArrowUp",tokenType:"keyword"};
@@ code-js/webpack-hash | Token | asset-manifest.json
{"main.js": "/static/js/main.«hex:8».chunk.js", "main.css": "/static/css/main.«hex:8».css"}
@@ code-perl/shift | Password | Auth.pm
    my ($self, $user, $«pw») = @_;
    my $«tk» = $self->{«tk»} || $ENV{«AT»TOKEN};
@@ code-perl/getopt | Password | dump.pl
GetOptions('user=s' => \$user, '«pw»=s' => \$«pw») or pod2usage(2);
@@ code-lua/getenv | Key | init.lua
local api_key = os.getenv("«API»API_KEY")
local «pw» = ngx.var.arg_password
@@ code-r/getenv | Key | fetch.R
api_key <- Sys.getenv("«CENSUS|FRED|NOAA|MAPS»_API_KEY")
con <- dbConnect(drv, password = rstudioapi::askForPassword("Database password"))
@@ code-dart/controller | Password | login_page.dart
  final _«password|newPassword|pin|token»Controller = TextEditingController();
  final String? accessToken;
@@ code-dart/key | Key | home.dart
  const «k:=HomePage|LoginPage|KeyView|TokenList»({Key? key, required this.title}) : super(key: key);
  final _formKey = GlobalKey<FormState>();
@@ code-ex/system-env | Key | runtime.exs
  secret_key_base: System.fetch_env!("SECRET_KEY_BASE"),
  «pw»: System.get_env("«DB»_PASSWORD")
@@ code-ex/schema | Password | user.ex
    field :«password|new_password|passphrase», :string, virtual: true, redact: true
    field :hashed_password, :string
@@ code-hs/record | Password | Types.hs
data Login = Login { loginUser :: Text, loginPassword :: Text, «loginToken|loginKey|loginSecret» :: Maybe Token }
@@ code-hs/lookup | Token | Main.hs
  «tk» <- fromMaybe (error "no token") <$> lookupEnv "«AT»TOKEN"
@@ code-ps/read-host | Password | Setup.ps1
$«pw» = Read-Host -Prompt 'Password' -AsSecureString
$«tk» = $env:DEPLOY_TOKEN
@@ code-ps/param | Password | New-User.ps1
param([Parameter(Mandatory)][SecureString]$«Password|AdminPassword|Secret|Passphrase», [PSCredential]$Credential)
@@ code-ps/credential-var | Password | Sync.ps1
$cred = Get-Credential -UserName $user -Message 'Enter the password«| of the service| again»'
$plain = $cred.GetNetworkCredential().Password
@@ code-sh/read | Password | ask.sh
read -r -s -p "Password: " «pw»
export PGPASSWORD="$«pw»"
@@ code-sh/cat-file | Password | entry.sh
export «DB»_PASSWORD="$(cat /run/secrets/db_password)"
TOKEN=$(cat "${TOKEN_FILE}")
@@ code-sh/command-subst | Token | login.sh
TOKEN=$(aws ecr get-login-password --region «eu-west-1|us-east-1|eu-central-1»)
PASSWORD=$(openssl rand -base64 «16|24|32|48»)
@@ code-sh/check-empty | Password | start.sh
if [ -z "${«DB»_PASSWORD:-}" ]; then
  echo "«DB»_PASSWORD is not set" >&2
  exit 1
fi
@@ code-sh/pass-through | Password | run.sh
docker run -e DB_PASSWORD -e API_KEY="$API_KEY" -e SECRET="${SECRET}" «svc»
mysql -u "$DB_USER" -p"$DB_PASS" "$DB_NAME"
@@ code-sh/curl-var | Token | call.sh
curl -H "Authorization: Bearer «${TOKEN}|$ACCESS_TOKEN|$(cat token)|$1»" -u "$USER:$PASSWORD" "$URL"
@@ code-sh/kubectl-get | Password | show.sh
kubectl get secret «svc»-db -o jsonpath='{.data.password}' | base64 -d
@@ code-sh/vault-read | Password | fetch.sh
password=$(vault kv get -field=password secret/«svc»/db)
@@ code-sh/case-option | Password | opts.sh
    --password) «pw»="$2"; shift 2 ;;
    --token=*) «tk»="${1#*=}" ;;
@@ code-sh/usage | Password | help.sh
  -p, --password PASSWORD   password of the database user
  -t, --token TOKEN         access token (default: $«AT»TOKEN)
@@ code-sh/apt-key | Key | install.sh
curl -fsSL https://«host»/repo.gpg | gpg --dearmor -o /usr/share/keyrings/«word».gpg
apt-key adv --keyserver keyserver.ubuntu.com --recv-keys «HEX:16»
@@ code-sh/keytool-var | Password | store.sh
keytool -importcert -storepass "«$STORE_PASSWORD|$STOREPASS|${KS_PASS}|$1»" -keystore "$KEYSTORE" -noprompt
@@ code-sh/ssh-keygen | Key | keys.sh
ssh-keygen -t ed25519 -N "" -f ~/.ssh/id_ed25519 -C "«mail»"
@@ code-bat/prompt | Password | run.bat
set /p «DB»_PASSWORD=Enter the password:
set TOKEN=%1
@@ code-sql/param | Password | queries.sql
SELECT id FROM users WHERE login = $1 AND «pw» = $2;
@@ code-sql/named-param | Password | user.xml
    UPDATE account SET «pw» = #{«pw»}, «tk» = #{«tk»} WHERE id = #{id}
@@ code-sql/column | Password | schema.sql
CREATE TABLE users (
  id SERIAL PRIMARY KEY,
  «pw» VARCHAR(255) NOT NULL,
  reset_token CHAR(64) DEFAULT NULL,
  api_key UUID UNIQUE
);
@@ code-sql/alter-column | Token | 003_token.sql
ALTER TABLE «noun»s ADD COLUMN refresh_token TEXT;
CREATE UNIQUE INDEX idx_token ON sessions (token_hash);
@@ code-sql/keys | Key | fk.sql
  CONSTRAINT fk_«noun»_customer FOREIGN KEY (customer_id) REFERENCES customers (id),
  KEY `idx_created` (`created_at`),
@@ code-sql/question-mark | Password | Dao.java
    "INSERT INTO users (name, «pw») VALUES (?, ?)"
@@ code-sql/select-columns | Password | report.sql
SELECT u.name, u.«password_changed_at|password_hash|last_token», t.token_type FROM users u JOIN tokens t ON t.user_id = u.id;
@@ code-sql/variable-user | Password | create.sql
CREATE USER :user WITH PASSWORD :'«pw»';
ALTER USER ${«DB»_USER} IDENTIFIED BY '${«DB»_PASSWORD}';
@@ code-migration/rails | Password | db/migrate/2021_add.rb
    add_column :«users|accounts|admins|members», :encrypted_password, :string, null: false, default: ""
    add_index :users, :reset_password_token, unique: true
@@ code-migration/laravel | Password | create_users.php
            $table->string('«password|pin|secret|api_token»');
            $table->rememberToken();
@@ code-migration/alembic | Token | versions/add_token.py
revision = "«hex:12»"
down_revision = "«hex:12»"
op.add_column("users", sa.Column("api_token", sa.String(64), nullable=True))
@@ code-migration/liquibase | Password | changelog.xml
      <column name="password_hash" type="varchar(«60|100|255»)"><constraints nullable="false"/></column>
@@ code-migration/ent | Password | schema.prisma
model User {
  id       String @id @default(uuid())
  password String
  tokens   «Token|Session|ApiKey|Login»[]
}
@@ code-proto/message | Password | auth.proto
message LoginRequest {
  string username = 1;
  string «pw» = 2;
  bytes session_token = 3;
}
@@ code-graphql/type | Password | schema.graphql
type Mutation {
  login(email: String!, «pw»: String!): AuthPayload
  resetPassword(«tk»: String!, newPassword: String!): Boolean
}
@@ code-graphql/query | Token | login.graphql
mutation Login($email: String!, $«pw»: String!) {
  login(input: {email: $email, «pw»: $«pw»}) { «tk» refreshToken }
}
@@ code-asm/labels | Key | boot.s
key_table:
    .word key_none, «key_escape|key_tab|key_f1», key_enter
@@ code-thrift/struct | Token | svc.thrift
struct Auth { 1: required string «tk», 2: optional string «pw» }
@@ code-css/class | Password | login.css
.password-field, .«token-list|api-key|secret-box» { border: 1px solid #ccc; }
input[type="password"] { letter-spacing: 2px; }
@@ code-css/token | Token | tokens.scss
$token-color-primary: #«hex:6»;
--token-keyword: #«hex:6»;
@@ code-css/design-token | Token | tokens.json
{ "color": { "token": { "primary": { "value": "#«hex:6»", "type": "color" } } } }
@@ html/input | Password | login.html
<input type="password" name="password" id="password" placeholder="«Enter your password|Password|Your password|At least 8 characters»" autocomplete="current-password">
@@ html/label | Password | signup.html
<label for="confirm_password">Confirm password</label>
<input id="confirm_password" type="password" name="confirm_password" minlength="«6|8|10|12»" required>
@@ html/csrf-meta | Token | layout.html
<meta name="csrf-token" content="«b64:64»">
@@ html/csrf-input | Token | page.html
<input type="hidden" name="csrfmiddlewaretoken" value="«b62:64»">
@@ html/authenticity | Token | saved.html
<input type="hidden" name="authenticity_token" value="«b64:64»" autocomplete="off" />
@@ html/viewstate | Token | page.aspx.html
<input type="hidden" name="__VIEWSTATE" id="__VIEWSTATE" value="«b64:90»" />
@@ html/integrity | Hash | index.html
<script src="https://cdn.«word».com/«pkg»@«ver»/dist/index.min.js" integrity="sha384-«b64:48»" crossorigin="anonymous"></script>
@@ html/nonce | Token | csp.html
<script nonce="«b64:16»">window.ready = true;</script>
@@ html/test-id | Password | form.html
<button data-testid="«k:=reset|change|forgot|show»-password-button" data-key="«k»">Reset password</button>
@@ html/template-var | Token | form.jinja
<input type="hidden" name="csrf_token" value="{{ csrf_token() }}">
<input name="api_key" value="{{ «form|self|page.form».api_key.data }}">
@@ html/google-verification | Token | head.html
<meta name="google-site-verification" content="«b64url:32»">
@@ html/data-uri | Key | inline.html
<img alt="key icon" src="data:image/png;base64,iVBORw0KGgo«b64:300»">
@@ html/svg-path | Key | key.svg
<path id="«key|lock|password|token»" d="M12.65 10C11.83 7.67 9.61 6 7 6c-3.31 0-6 2.69-6 6s2.69 6 6 6h5.65"/>
@@ html/iframe-ids | Token | embed.html
<iframe src="https://player.«word».com/video/«digits:9»?h=«hex:10»" title="Intro"></iframe>
@@ html/help-text | Password | help.html
<p>Your password must have at least «8|10|12|14» characters, a digit and a mark.</p>
@@ html/angular-binding | Password | login.component.html
<input matInput [type]="hide ? 'password' : 'text'" formControlName="password" [(ngModel)]="«model|user|login|data».password">
@@ html/vue | Token | Login.vue
<el-input v-model="«form|loginForm|ruleForm|user».password" type="password" :placeholder="$t('login.password')" @keyup.enter="submit" />
@@ env/blank | Password | .env.example
«DB»_USER=
«DB»_PASSWORD=
«API»API_KEY=
@@ env/changeme | Password | .env.example
DB_PASSWORD=«changeme|change-me|CHANGE_ME|ChangeMe!|changeit»
@@ env/your-key | Key | .env.sample
API_KEY=«your-api-key-here|your_api_key|YOUR_API_KEY|yourapikey|<your-api-key>|your-service-api-key|put-your-key-here»
@@ env/xxxx | Token | .env.dist
ACCESS_TOKEN=«xxxx|xxxxxxxxxxxxxxxx|XXXXXXXXXXXXXXXXXXXXXXXX|xxx-xxx-xxx»
@@ env/stars | Password | .env.example
SMTP_PASSWORD=«****|********|•••••••••»
@@ env/angle | Password | .env.template
REDIS_PASSWORD=<«password|redis-password|insert password»>
SECRET_KEY=<«secret|generate-a-secret|secret key»>
@@ env/redacted | Token | dump.env
SESSION_TOKEN=«<REDACTED>|[REDACTED]|REDACTED|[FILTERED]|***REDACTED***|<redacted>»
@@ env/reference | Password | .env
«DB»_PASSWORD=${MYSQL_PASSWORD}
DATABASE_URL=postgres://${«DB»_USER}:${«DB»_PASSWORD}@${«DB»_HOST}:5432/${«DB»_NAME}
@@ env/file-path | Password | prod.env
DB_PASSWORD_FILE=/run/secrets/db_password
SSL_KEY=/etc/ssl/private/«svc».key
TOKEN_PATH=/var/lib/«svc»/token
@@ env/op-reference | Password | .env.op
DB_PASSWORD=op://«word»/«svc»/password
API_KEY=vault:secret/data/«svc»#api_key
@@ env/dotenvx | Key | .env.vault
DB_PASSWORD="encrypted:«b64:120»"
@@ env/dotenv-vault | Key | .env.vault
DOTENV_VAULT_PRODUCTION="«b64:240»"
@@ env/settings | Password | .env
PASSWORD_MIN_LENGTH=12
TOKEN_EXPIRY=3600
KEY_PREFIX=«svc»:
PASSWORD_RESET_URL=https://«host»/reset
@@ env/comments | Password | .env.example
# «DB»_PASSWORD: password of the application user
# SECRET_KEY: run `openssl rand -hex 32` to make one
@@ env/arn | Key | .env
DB_SECRET_ARN=arn:aws:secretsmanager:eu-west-1:«digits:12»:secret:«svc»/db-«b62:6»
KMS_KEY_ID=arn:aws:kms:eu-west-1:«digits:12»:key/«uuid»
@@ env/key-id | Key | .env
KEY_ID=«uuid»
TENANT_ID=«uuid»
CLIENT_ID=«uuid»
@@ env/feature-flags | Token | .env
ENABLE_PASSWORD_LOGIN=true
USE_TOKEN_AUTH=false
SECRET_ROTATION=«disabled|enabled|auto|manual»
@@ env/public-key | Key | .env
VAPID_PUBLIC_KEY=B«b64url:64»
@@ env/recaptcha-site | Key | .env.example
RECAPTCHA_SITE_KEY=your-site-key
RECAPTCHA_SECRET_KEY=«your-secret-key|<secret-key>|put-it-here»
@@ env/generated-note | Key | .env.example
SECRET_KEY="generate with: python -c 'import secrets; print(secrets.token_«hex|urlsafe»())'"
@@ env/empty-quotes | Password | .env.defaults
MAIL_PASSWORD=""
«JWT_SECRET|API_SECRET|APP_KEY»=''
@@ env/null-words | Password | .env.example
REDIS_PASSWORD=null
MAIL_PASSWORD=«none|null|false|undefined»
@@ yaml/secret-key-ref | Password | deployment.yaml
        - name: DB_PASSWORD
          valueFrom:
            secretKeyRef:
              name: «svc»-credentials
              key: password
@@ yaml/secret-name | Key | values.yaml
auth:
  existingSecret: «svc»-postgresql
  secretKeys:
    adminPasswordKey: postgres-password
@@ yaml/secret-volume | Key | pod.yaml
      volumes:
      - name: tls-key
        secret:
          secretName: «svc»-tls
          defaultMode: 0400
@@ yaml/image-pull | Key | sa.yaml
imagePullSecrets:
- name: «registry-credentials|regcred|pull-secret|dockerhub»
@@ yaml/helm-template | Password | templates/secret.yaml
data:
  «pw»: {{ .Values.auth.«pw» | b64enc | quote }}
  «tk»: {{ randAlphaNum 32 | b64enc }}
@@ yaml/helm-empty | Password | values.yaml
auth:
  ## @param auth.«pw» Password of the user
  «pw»: ""
  existingSecret: ""
@@ yaml/jinja | Password | templates/app.yml.j2
db:
  password: "{{ vault_db_password }}"
  token: '{{ lookup("env", "«AT»TOKEN") }}'
@@ yaml/ansible-vault | Password | group_vars/prod.yml
db_password: !vault |
  $ANSIBLE_VAULT;1.1;AES256
  «hexlines:4,80,2»
  «hex:46»
@@ yaml/vault-file | Key | vault.yml
$ANSIBLE_VAULT;1.1;AES256
«hexlines:8,80»
«hex:26»
@@ yaml/ref | Password | template.yaml
      MasterUserPassword: !Ref «DBPassword|MasterPassword|DatabasePassword»
      SecretId: !Sub '{{resolve:secretsmanager:${DbSecret}:SecretString:password}}'
@@ yaml/cfn-param | Password | params.yaml
  DBPassword:
    Type: String
    NoEcho: true
    MinLength: «8|10|12|16»
    Description: Password of the master user
@@ yaml/actions-secrets | Token | .github/workflows/ci.yml
      - uses: docker/login-action@v3
        with:
          username: ${{ secrets.«k:=REGISTRY|DOCKERHUB|GHCR|NEXUS»_USER }}
          password: ${{ secrets.«k»_PASSWORD }}
@@ yaml/actions-permissions | Token | .github/workflows/oidc.yml
permissions:
  id-token: write
  «contents: read|packages: write|contents: write»
env:
  TOKEN: ${{ github.token }}
@@ yaml/actions-cache-key | Key | .github/workflows/build.yml
      - uses: actions/cache@v4
        with:
          path: ~/.npm
          key: ${{ runner.os }}-«node|yarn|build|deps»-${{ hashFiles('**/package-lock.json') }}
@@ yaml/actions-pinned | Hash | .github/workflows/pin.yml
      - uses: actions/checkout@«hex:40» # v4.1.1
@@ yaml/actions-inputs | Token | action.yml
inputs:
  token:
    description: Token to «publish|comment|check out|label» with
    required: true
    default: ${{ github.token }}
@@ yaml/circle-cache | Key | .circleci/config.yml
      - restore_cache:
          keys:
            - «deps|gems|bundle»-v«int:1,9»-{{ checksum "Gemfile.lock" }}
@@ yaml/gitlab-ref | Token | .gitlab-ci.yml
  script:
    - docker login -u $CI_REGISTRY_USER -p $CI_REGISTRY_PASSWORD $CI_REGISTRY
    - curl -H "PRIVATE-TOKEN: $«AT»TOKEN" "$CI_API_V4_URL/projects"
@@ yaml/travis-secure | Token | .travis.yml
env:
  global:
    - secure: "«b64:171»="
@@ yaml/appveyor-secure | Token | appveyor.yml
environment:
  nuget_key:
    secure: «b64:48»
@@ yaml/sealed-secret | Key | sealed.yaml
apiVersion: bitnami.com/v1alpha1
kind: SealedSecret
spec:
  encryptedData:
    password: AgB«b64:330»
@@ yaml/sops | Key | secrets.enc.yaml
db_password: ENC[AES256_GCM,data:«b64:15»,iv:«b64:32»,tag:«b64:16»,type:str]
sops:
  mac: ENC[AES256_GCM,data:«b64:66»,iv:«b64:32»,tag:«b64:16»,type:str]
  version: 3.7.3
@@ yaml/spring-cipher | Password | application-prod.yml
spring:
  datasource:
    password: '{cipher}«hex:128»'
@@ yaml/jasypt | Password | application.yml
datasource:
  password: ENC(«b64:24»)
@@ yaml/external-secret | Key | external-secret.yaml
spec:
  data:
  - secretKey: password
    remoteRef:
      key: prod/«svc»/database
      property: password
@@ yaml/compose-ref | Password | docker-compose.yml
    environment:
      POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:?«must be set|is required|missing»}
      SECRET_KEY: ${SECRET_KEY}
@@ yaml/compose-secrets | Password | compose.yaml
secrets:
  db_password:
    file: ./«secrets|private|conf»/db_password.txt
services:
  db:
    environment:
      POSTGRES_PASSWORD_FILE: /run/secrets/db_password
@@ yaml/image-digest | Hash | deploy.yaml
      containers:
      - name: «svc»
        image: registry.«word».io/«svc»@sha256:«hex:64»
@@ yaml/openapi-security | Token | openapi.yaml
components:
  securitySchemes:
    ApiKeyAuth:
      type: apiKey
      in: header
      name: «X-API-Key|api_key|X-Auth-Token|Authorization»
@@ yaml/openapi-oauth | Token | openapi.yml
      flows:
        authorizationCode:
          authorizationUrl: https://«host»/oauth/authorize
          tokenUrl: https://«host»/oauth/token
          scopes: {read: read access}
@@ yaml/openapi-property | Password | swagger.yaml
        «pw»:
          type: string
          format: password
          minLength: 8
          description: The password of the user
@@ yaml/kafka-key | Key | topics.yaml
  key.serializer: org.apache.kafka.common.serialization.StringSerializer
  partition_key: «noun»_id
@@ yaml/ssh-authorized | Key | users.yml
users:
  - name: «first»
    ssh_authorized_keys:
      - «rsapub» «first»@«word»
@@ yaml/gpg-fingerprint | Key | .sops.yaml
creation_rules:
  - path_regex: secrets/.*
    pgp: «HEX:40»
    age: age1«nix32:58»
@@ yaml/kubeconfig-ca | Key | kubeconfig
clusters:
- cluster:
    certificate-authority-data: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUM«b64:600»
    server: https://«ip»:6443
@@ yaml/rbac | Key | role.yaml
rules:
- apiGroups: [""]
  resources: ["secrets", "serviceaccounts/token"]
  verbs: ["get", "«list|watch|create»"]
@@ yaml/prometheus-file | Password | prometheus.yml
    basic_auth:
      username: «user»
      password_file: /etc/prometheus/password
    bearer_token_file: /var/run/secrets/kubernetes.io/serviceaccount/token
@@ yaml/alert-text | Token | rules.yml
  - alert: TokenExpiresSoon
    annotations:
      summary: "Token of {{ $labels.instance }} expires in less than «int:2,30» days"
@@ yaml/secret-ref-bang | Password | configuration.yaml
mqtt:
  username: !secret mqtt_user
  «pw»: !secret mqtt_password
@@ yaml/policy | Password | policy.yml
password_policy:
  min_length: «8|10|12|14|16»
  require_symbols: true
  max_age_days: 90
  hash_algorithm: argon2id
@@ yaml/password-auth-flag | Password | cloud.cfg
ssh_pwauth: false
disable_root: «true|false»
lock_passwd: true
@@ yaml/rotation | Key | keys.yml
signing_key_rotation: 30d
token_lifetime: «5m|15m|1h|24h»
key_algorithm: RS256
@@ yaml/credentials-id | Token | jenkins.yaml
        userRemoteConfigs:
        - url: git@git.«word».com:«svc»/app.git
          credentialsId: «svc»-deploy-key
@@ yaml/placeholder-helm | Password | values-example.yaml
db:
  password: «changeme|CHANGEME|replace-me|<replace>|REPLACE_WITH_PASSWORD|your-password|TODO»
@@ yaml/devise | Password | devise.en.yml
en:
  devise:
    passwords:
      send_instructions: "You will receive an email with instructions on how to reset your «pw»."
@@ yaml/mkdocs-nav | Key | mkdocs.yml
nav:
  - API keys: «k:=guide|docs|admin|user»/api-keys.md
  - Password reset: «k»/password-reset.md
@@ yaml/vcr-etag | Token | cassettes/list.yml
      ETag:
      - W/"«hex:32»"
      X-Request-Id:
      - «uuid»
@@ yaml/uuid-fixture | Key | fixtures/orders.yml
one:
  id: «uuid»
  external_key: ORD-«digits:6»
@@ json/secret-ref | Password | task-definition.json
      "secrets": [
        {"name": "DB_PASSWORD", "valueFrom": "arn:aws:ssm:eu-west-1:«digits:12»:parameter/«svc»/db_password"}
      ]
@@ json/arm-reference | Password | azuredeploy.parameters.json
    "adminPassword": {
      "reference": {
        "keyVault": {"id": "/subscriptions/«uuid»/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/«word»"},
        "secretName": "adminPassword"
      }
    }
@@ json/arm-parameter | Password | azuredeploy.json
    "adminPassword": {
      "type": "securestring",
      "metadata": { "description": "Password of the «administrator|virtual machine|SQL server|cluster»" }
    }
@@ json/arm-function | Password | main.json
        "adminPassword": "[parameters('adminPassword')]",
        "accountKey": "[listKeys(variables('«storageId|accountId|stName»'), '2019-06-01').keys[0].value]"
@@ json/cfn-ref | Password | stack.json
        "MasterUserPassword": {"Ref": "«DBPassword|MasterPassword|AdminPassword»"},
        "SecretString": {"Fn::Sub": "${DbSecret}"}
@@ json/iam-policy | Key | policy.json
      "Action": ["secretsmanager:GetSecretValue", "kms:Decrypt", "iam:CreateAccessKey"],
      "Resource": "arn:aws:secretsmanager:*:«digits:12»:secret:«svc»/*"
@@ json/schema | Password | login.schema.json
    "«pw»": { "type": "string", "minLength": 8, "maxLength": 128 },
    "required": ["username", "«pw»"]
@@ json/package-lock | Hash | package-lock.json
    "node_modules/«p:=pkg»": {
      "version": "«v:=ver»",
      "resolved": "https://registry.npmjs.org/«p»/-/«p»-«v».tgz",
      "integrity": "sha512-«b64:64»",
      "dev": true
    },
@@ json/package-lock-v1 | Hash | package-lock.json
    "«p:=pkg»": {
      "version": "«v:=ver»",
      "resolved": "https://registry.npmjs.org/«p»/-/«p»-«v».tgz",
      "integrity": "sha1-«b64:20»"
    },
@@ json/package-json | Token | package.json
  "keywords": ["token", "password", "secret", "api-key"],
  "dependencies": { "jsonwebtoken": "^«ver»", "password-validator": "~«ver»" }
@@ json/pipfile-lock | Hash | Pipfile.lock
        "certifi": {
            "hashes": [
                "sha256:«hex:64»",
                "sha256:«hex:64»"
            ],
            "version": "==2023.7.22"
        },
@@ json/composer-lock | Hash | composer.lock
            "source": {
                "type": "git",
                "url": "https://github.com/symfony/console.git",
                "reference": "«hex:40»"
            },
    "content-hash": "«hex:32»"
@@ json/flake-lock | Hash | flake.lock
      "locked": {
        "lastModified": «digits:10»,
        "narHash": "sha256-«b64:32»",
        "owner": "NixOS",
        "repo": "nixpkgs",
        "rev": "«hex:40»",
        "type": "github"
      },
@@ json/nuget-lock | Hash | packages.lock.json
      "Newtonsoft.Json": {
        "type": "Direct",
        "resolved": "13.0.1",
        "contentHash": "«b64:64»"
      },
@@ json/deno-lock | Hash | deno.lock
  "remote": {
    "https://deno.land/std@0.140.0/path/mod.ts": "«hex:64»"
  }
@@ json/swift-resolved | Hash | Package.resolved
        "state": {
          "branch": null,
          "revision": "«hex:40»",
          "version": "«ver»"
        }
@@ json/source-map | Key | main.js.map
{"version":3,"sources":["../src/«password|auth|login».js","../src/token.js"],"names":["password","token"],"mappings":"AAAA,SAASA,GAAQC,GACf,OAAOA,EAAMC,SAAS,KACxB"}
@@ json/jwk-public | Key | jwks.json
{"keys":[{"kty":"RSA","kid":"«hex:16»","use":"sig","alg":"RS256","e":"AQAB","n":"«b64url:256»"}]}
@@ json/jwk-ec-public | Key | ec.jwk.json
{"kty": "EC", "crv": "P-256", "x": "«b64url:32»", "y": "«b64url:32»", "kid": "«date»"}
@@ json/client-id | Key | auth_config.json
{"domain": "«word».eu.«word».com", "clientId": "«b62:32»", "audience": "https://«host»/api"}
@@ json/key-id | Key | keys.json
{"keyId": "«uuid»", "alias": "alias/«svc»", "keyState": "Enabled", "keyUsage": "ENCRYPT_DECRYPT"}
@@ json/vscode-keys | Key | keybindings.json
[{ "key": "«ctrl+alt+n|ctrl+k ctrl+s|f5|shift+alt+f»", "command": "explorer.newFile", "when": "editorTextFocus" }]
@@ json/textmate | Token | theme.json
  "tokenColors": [{ "scope": ["keyword", "string.quoted"], "settings": { "foreground": "#«hex:6»" } }]
@@ json/semantic-tokens | Token | package.json
    "semanticTokenScopes": [{ "scopes": { "«property.readonly|variable|parameter|keyword»": ["variable.other.constant"] } }]
@@ json/vocab | Token | tokenizer_config.json
{"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "[PAD]", "model_max_length": «512|1024|2048|4096»}
@@ json/postman-var | Token | collection.json
          "bearer": [{"key": "«tk»", "value": "{{access_token}}", "type": "string"}]
@@ json/name-value-empty | Password | env.json
      { "name": "«DB»_PASSWORD", "value": "" },
      { "name": "«API»API_KEY", "value": "${«API»API_KEY}" }
@@ json/placeholder | Key | config.example.json
{
  "user": "your-username",
  "password": "«your-password|<password>|********|changeme|PASSWORD_HERE|enter-password-here»",
  "apiKey": "«YOUR_API_KEY|<api-key>|xxxxxxxxxxxx|insert key here»"
}
@@ json/localised-schema | Password | form.json
{"key": "password", "type": "input", "templateOptions": {"type": "password", "label": "«Password|Your password|New password»", "required": true}}
@@ json/field-list | Password | columns.json
{"columns": [{"key": "«user_name|login|email|token_id»", "title": "User"}, {"key": "password_age", "title": "Password age"}]}
@@ json/oauth-meta | Token | openid-configuration.json
{"token_endpoint": "https://«host»/token", "token_endpoint_auth_methods_supported": ["client_secret_basic", "private_key_jwt"], "grant_types_supported": ["authorization_code", "password"]}
@@ json/jwt-header | Token | header.json
{"alg": "RS256", "typ": "JWT", "kid": "«hex:40»"}
@@ json/swagger-def | Token | swagger.json
        "api_key": {"type": "apiKey", "name": "«api_key|X-API-KEY|token|Authorization»", "in": "header"}
@@ json/tf-schema | Password | provider.json
{"«pw»": {"type": "string", "description": "Password of the user", "optional": true, "sensitive": true}}
@@ json/geo | Key | places.json
{"key": "graz", "lat": 47.0707, "lon": 15.4395, "geohash": "u26x«low:5»", "place_id": "«b62:27»"}
@@ json/audit | Token | audit.json
{"event": "token.refresh", "actor": "«uuid»", "request_id": "«uuid»", "at": "«date»T«time»Z", "result": "ok"}
@@ json/session-id | Token | events.json
{"sessionStart": «digits:13», "deviceId": "«uuid»", "passwordChanged": false}
@@ json/object-ids | Key | fixtures/«noun»s.json
[{"_id": {"$oid": "«hex:24»"}, "owner": {"$oid": "«hex:24»"}, "key": "«noun»-«digits:4»"}]
@@ json/git-sha | Hash | build-info.json
{"commit": "«hex:40»", "tree": "«hex:40»", "version": "«ver»", "builtAt": "«date»T«time»Z"}
@@ json/lottie | Key | anim.json
{"v":"5.5.7","fr":30,"layers":[{"ty":4,"nm":"key","ks":{"o":{"a":0,"k":100},"p":{"a":0,"k":[«int:10,512»,«int:10,512»,0]}}}]}
@@ json/font | Key | glyphs.json
{"font": "data:font/woff2;base64,d09GMgABAAAAA«b64:200»"}
@@ json/detect-secrets | Hash | .secrets.baseline
      {
        "type": "Secret Keyword",
        "filename": "config/app.yml",
        "hashed_secret": "«hex:40»",
        "is_verified": false,
        "line_number": «int:1,300»
      }
@@ json/npm-audit | Token | audit.json
{"title": "Token leak in «pkg»", "cves": ["CVE-2021-«digits:5»"], "key": "GHSA-«low:4»-«low:4»-«low:4»"}
@@ json/encrypted | Password | user.json
{"login": "«first»", "encrypted_password": "{cipher}«hex:96»"}
@@ json/redacted-log | Token | har.json
{"name": "Authorization", "value": "Bearer «[REDACTED]|***|<token>|xxxxxx»"}
@@ json/contentful-ids | Key | export.json
{"sys": {"id": "«b62:22»", "type": "Link", "linkType": "Asset"}}
@@ json/css-modules | Token | styles.json
{"passwordInput": "login_passwordInput__«b62:5»", "tokenList": "home_tokenList__«b62:5»"}
@@ tf/variable-no-default | Password | variables.tf
variable "«db_password|admin_password|api_token|secret_key»" {
  description = "Password of the database"
  type        = string
  sensitive   = true
}
@@ tf/var-ref | Password | main.tf
  username = var.db_username
  «pw» = var.db_password
  «tk»    = local.«tk»
@@ tf/data-source | Password | secrets.tf
data "aws_secretsmanager_secret_version" "db" {
  secret_id = "prod/«svc»/db"
}
locals { password = jsondecode(data.aws_secretsmanager_secret_version.db.secret_string)["password"] }
@@ tf/random-password | Password | rds.tf
resource "random_password" "master" {
  length           = «16|20|24|32»
  override_special = "_%@"
}
@@ tf/resource-ref | Password | db.tf
  master_password = random_password.master.result
  kms_key_id      = aws_kms_key.«svc».arn
@@ tf/dynamo | Key | dynamo.tf
  hash_key     = "«noun»_id"
  range_key    = "created_at"
  attribute {
    name = "user_id"
    type = "S"
  }
@@ tf/key-name | Key | ec2.tf
  key_name   = "«svc»-deployer"
  public_key = file("~/.ssh/id_rsa.pub")
@@ tf/output | Token | outputs.tf
output "token" {
  value     = module.«svc».access_token
  sensitive = true
}
@@ tf/backend | Key | backend.tf
  backend "s3" {
    bucket = "«word»-tfstate"
    key    = "«svc»/terraform.tfstate"
    region = "eu-west-1"
  }
@@ tf/lock | Hash | .terraform.lock.hcl
  hashes = [
    "h1:«b64:32»",
    "zh:«hex:64»",
  ]
@@ tf/secret-name | Key | sm.tf
resource "aws_secretsmanager_secret" "api_key" {
  name                    = "«svc»/api-key"
  recovery_window_in_days = 7
}
@@ tf/tfvars-placeholder | Password | terraform.tfvars.example
db_password = "«CHANGEME|your-password|<password>|changeme»"
api_token   = "«your-api-token|<token>|xxxxxxxx»"
@@ tf/vault-data | Password | vault.tf
  password = data.vault_generic_secret.«svc».data["password"]
@@ xml/placeholder-ref | Password | persistence.xml
    <property name="«pw»" value="${db.«pw»}"/>
    <property name="secret" value="#{systemEnvironment['APP_SECRET']}"/>
@@ xml/element-empty | Password | config.dist.xml
  <user>«first»</user>
  <password></password>
  <token/>
@@ xml/element-placeholder | Password | settings.xml
      <password>«changeme|${env.NEXUS_PASSWORD}|your-password|********|PASSWORD|${password}»</password>
@@ xml/maven-encrypted | Password | settings.xml
      <username>«user»</username>
      <password>{«b64:48»}</password>
@@ xml/android-strings | Password | res/values/strings.xml
    <string name="password">Password</string>
    <string name="error_invalid_password">This password is «too short|too weak|incorrect|required»</string>
    <string name="action_reset_password">Reset password</string>
@@ xml/android-layout | Password | activity_login.xml
    <EditText android:id="@+id/«password|etPassword|input_password»" android:hint="@string/prompt_password" android:inputType="textPassword" />
@@ xml/android-pref | Key | preferences.xml
    <CheckBoxPreference android:key="pref_«use_token|save_password|show_key»" android:title="Use token" android:defaultValue="false" />
@@ xml/resx | Password | Resources.resx
  <data name="«PasswordRequired|PasswordMissing|LoginPassword»" xml:space="preserve">
    <value>The password is required.</value>
  </data>
@@ xml/plist-keys | Key | Settings.plist
	<key>Key</key>
	<string>«enable_push|show_token|use_key»</string>
	<key>Title</key>
	<string>Notifications</string>
@@ xml/web-config-ref | Key | Web.config
    <add key="ClientSecret" value="@Microsoft.KeyVault(SecretUri=https://«word».vault.azure.net/secrets/client)" />
    <add key="PasswordMinLength" value="10" />
@@ xml/web-config-transform | Password | Web.Release.config
    <add name="Main" connectionString="Server=#{«DbServer|SqlHost|Server»}#;Password=#{DbPassword}#" xdt:Transform="SetAttributes" xdt:Locator="Match(name)" />
@@ xml/xsd | Password | login.xsd
<xs:element name="«pw»" type="xs:string" minOccurs="1"/>
<xs:element name="«tk»" type="tns:tokenType"/>
@@ xml/mybatis | Password | UserMapper.xml
  <result column="«pw»" property="«pw»" jdbcType="VARCHAR"/>
  <result column="api_key" property="apiKey"/>
@@ xml/hibernate | Key | Order.hbm.xml
  <key column="«noun»_id"/>
  <many-to-one name="token" column="token_id" class="Token"/>
@@ xml/gradle-verification | Hash | gradle/verification-metadata.xml
         <artifact name="«svc»-«v:=ver».jar">
            <sha256 value="«hex:64»" origin="Generated by Gradle"/>
         </artifact>
@@ xml/vcxproj | Key | app.vcxproj
    <ProjectGuid>{«uuid»}</ProjectGuid>
    <AssemblyOriginatorKeyFile>key.snk</AssemblyOriginatorKeyFile>
@@ xml/pom-coordinates | Token | pom.xml
    <dependency>
      <groupId>com.«word».security</groupId>
      <artifactId>token-store</artifactId>
      <version>«ver»</version>
    </dependency>
@@ xml/saml-cert | Key | idp-metadata.xml
        <ds:X509Certificate>MIID«b64:700»</ds:X509Certificate>
@@ xml/signature | Hash | signed.xml
      <DigestValue>«b64:32»</DigestValue>
      <SignatureValue>«b64:256»</SignatureValue>
@@ xml/jenkins-cred-id | Token | config.xml
        <credentialsId>«uuid»</credentialsId>
@@ xml/jmeter-var | Password | plan.jmx
            <stringProp name="HTTPArgument.name">«pw»</stringProp>
            <stringProp name="Argument.value">${«pw»}</stringProp>
@@ xml/svg-id | Key | icon.svg
<g id="«icon-password-key|key|lock-token»"><rect x="4" y="11" width="16" height="9" rx="2"/></g>
@@ props/ref | Password | application.properties
spring.datasource.password=${«DB»_PASSWORD}
app.token=@app.token@
@@ props/blank | Password | db.properties
db.user=
db.«pw»=
@@ props/messages | Password | messages.properties
login.password=Password
login.password.wrong=The password «is wrong|is too short|has expired»
token.expired=Your session has expired, please log in again
@@ props/jasypt | Password | application.properties
spring.datasource.password=ENC(«b64:40»)
@@ props/keys-config | Key | kafka.properties
key.deserializer=org.apache.kafka.common.serialization.«String|Long|ByteArray»Deserializer
ssl.key.password=${file:/opt/secrets.properties:key}
@@ props/url-settings | Token | oauth.properties
oauth.token-uri=https://«host»/oauth/token
oauth.token.validity=3600
password.encoder=bcrypt
@@ props/gradle-wrapper | Hash | gradle-wrapper.properties
distributionUrl=https\://services.gradle.org/distributions/gradle-8.4-bin.zip
distributionSha256Sum=«hex:64»
@@ props/keystore-placeholder | Password | key.properties.example
storePassword=«<password>|your-store-password|changeit»
keyAlias=upload
@@ ini/blank | Password | example.ini
[database]
user =
«pw» =
; «tk» = put your «tk» here
@@ ini/ref | Key | alembic.ini
sqlalchemy.url = postgresql://%(«DB»_USER)s:%(«DB»_PASS)s@%(«DB»_HOST)s/%(«DB»_NAME)s
@@ ini/policy | Password | policy.ini
min_password_length = «8|10|12|16»
password_history = 5
password_auth = true
@@ ini/aws-config | Key | .aws/config
[profile «svc»]
role_arn = arn:aws:iam::«digits:12»:role/deploy
credential_process = /usr/local/bin/get-creds --profile «svc»
@@ ini/npmrc-env | Token | .npmrc
//registry.npmjs.org/:_authToken=${«NPM_TOKEN|NODE_AUTH_TOKEN|GITHUB_TOKEN|TOKEN»}
@@ ini/wireguard-public | Key | wg0.conf
[Peer]
PublicKey = «b64:32»
AllowedIPs = 10.0.0.0/24
@@ ini/sshd | Password | sshd_config
PasswordAuthentication «yes|no»
«PermitEmptyPasswords no|PubkeyAuthentication yes|UsePAM yes»
HostKey /etc/ssh/ssh_host_ed25519_key
@@ ini/pam | Password | common-password
password [success=1 default=ignore] pam_unix.so obscure use_authtok try_first_pass «yescrypt|sha512|sha256»
@@ ini/login-defs | Password | login.defs
PASS_MAX_DAYS «90|180|365|99999»
PASS_MIN_LEN 8
ENCRYPT_METHOD SHA512
@@ ini/gitconfig | Key | .gitconfig
[user]
	signingkey = «HEX:16»
[credential]
	helper = cache --timeout=3600
@@ ini/passwd-file | Password | etc/passwd
root:x:0:0:root:/root:/bin/bash
«first»:x:1000:1000:«First» «Last»:/home/«first»:/bin/zsh
@@ ini/nginx-ssl | Key | ssl.conf
    ssl_certificate_key /etc/nginx/ssl/«svc».key;
    auth_basic_user_file /etc/nginx/.htpasswd;
    proxy_set_header Authorization $http_authorization;
@@ ini/nginx-token-off | Token | nginx.conf
    server_tokens off;
    set $secret_path /var/lib/«secrets|tokens|keys»;
@@ ini/desktop-keys | Key | app.desktop
Keywords=password;secret;key;manager;
Exec=«word»-keyring --unlock
@@ ini/redis-comment | Password | redis.conf
# requirepass foobared
# masterauth <«master-password|password|secret»>
@@ ini/editorconfig-key | Key | .editorconfig
root = true
[*.{«key,pem|pem,crt|key»}]
insert_final_newline = unset
@@ toml/lock-cargo | Hash | Cargo.lock
[[package]]
name = "«word»"
version = "«ver»"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "«hex:64»"
@@ toml/lock-poetry | Hash | poetry.lock
files = [
    {file = "«word»-«v:=ver»-py3-none-any.whl", hash = "sha256:«hex:64»"},
    {file = "«word»-«v».tar.gz", hash = "sha256:«hex:64»"},
]
@@ toml/lock-uv | Hash | uv.lock
sdist = { url = "https://files.pythonhosted.org/packages/«hex:2»/«hex:2»/«hex:60»/«word»-«ver».tar.gz", hash = "sha256:«hex:64»", size = «digits:5» }
@@ toml/lock-gopkg | Hash | Gopkg.lock
  digest = "1:«hex:64»"
  revision = "«hex:40»"
@@ toml/env-ref | Token | config.toml
[auth]
token = "${«AT»TOKEN}"
password_file = "/run/secrets/password"
@@ toml/blank | Password | example.toml
username = ""
«pw» = ""
secret_key = ""
@@ toml/features | Token | Cargo.toml
[features]
default = ["token-auth"]
password-hash = ["dep:«argon2|bcrypt|scrypt»"]
@@ toml/allowlist | Key | .gitleaks.toml
[[rules]]
id = "«word»-token"
regex = «q3»int_[0-9a-f]{32}«q3»
keywords = ["token", "api_key"]
@@ lock/yarn | Hash | yarn.lock
"@babel/core@^7.«int:1,22».0":
  version "7.«int:1,22».«int:0,9»"
  resolved "https://registry.yarnpkg.com/@babel/core/-/core-7.«int:1,22».0.tgz#«hex:40»"
  integrity sha512-«b64:64»
@@ lock/yarn-berry | Hash | yarn.lock
"«p:=pkg»@npm:^«v:=ver»":
  version: «v»
  resolution: "«p»@npm:«v»"
  checksum: «hex:128»
  languageName: node
@@ lock/pnpm | Hash | pnpm-lock.yaml
  /«pkg»@«ver»:
    resolution: {integrity: sha512-«b64:64»}
    engines: {node: '>=10'}
@@ lock/go-sum | Hash | go.sum
github.com/«word»/«word» v«v:=ver» h1:«b64:32»
github.com/«word»/«word» v«v»/go.mod h1:«b64:32»
@@ lock/gemfile | Hash | Gemfile.lock
GIT
  remote: https://github.com/«word»/«word».git
  revision: «hex:40»
  specs:
    devise (4.9.2)
CHECKSUMS
  devise (4.9.2) sha256=«hex:64»
@@ lock/podfile | Hash | Podfile.lock
SPEC CHECKSUMS:
  FirebaseAuth: «hex:40»
  KeychainAccess: «hex:40»
PODFILE CHECKSUM: «hex:40»
@@ lock/mix | Hash | mix.lock
  "jason": {:hex, :jason, "1.4.0", "«hex:64»", [:mix], [], "hexpm", "«hex:64»"},
@@ lock/pubspec | Hash | pubspec.lock
  crypto:
    dependency: transitive
    description:
      name: crypto
      sha256: «hex:64»
      url: "https://pub.dev"
@@ lock/conda | Hash | conda-lock.yml
- name: openssl
  url: https://conda.anaconda.org/conda-forge/linux-64/openssl-3.1.0-h0b41bf4_0.conda
  hash:
    md5: «hex:32»
    sha256: «hex:64»
@@ lock/conda-explicit | Hash | env.lock
https://conda.anaconda.org/conda-forge/linux-64/«word»-«ver»-h«hex:7»_0.tar.bz2#«hex:32»
@@ lock/pip-hashes | Hash | requirements.txt
cryptography==«ver» \
    --hash=sha256:«hex:64» \
    --hash=sha256:«hex:64»
@@ lock/bazel | Hash | WORKSPACE
http_archive(
    name = "rules_go",
    sha256 = "«hex:64»",
    urls = ["https://«host»/rules_go-v«ver».zip"],
)
@@ lock/bazel-module | Hash | MODULE.bazel.lock
    "https://bcr.bazel.build/modules/platforms/0.0.7/MODULE.bazel": "«hex:64»",
@@ lock/nix-fetch | Hash | default.nix
  src = fetchFromGitHub {
    owner = "«word»";
    repo = "«svc»";
    rev = "v${version}";
    hash = "sha256-«b64:32»";
  };
  vendorHash = "sha256-«b64:32»";
@@ lock/nix-sha256 | Hash | pkgs.nix
    sha256 = "«nix32:52»";
@@ lock/brew | Hash | Formula/«word».rb
  url "https://«host»/«word»-«ver».tar.gz"
  sha256 "«hex:64»"
  bottle do
    sha256 cellar: :any, arm64_monterey: "«hex:64»"
  end
@@ lock/apkbuild | Hash | APKBUILD
sha512sums="
«hex:128»  «word»-«ver».tar.gz
"
@@ lock/pkgbuild | Hash | PKGBUILD
source=("$pkgname-$pkgver.tar.gz::$url/archive/$pkgver.tar.gz")
sha256sums=('«hex:64»')
validpgpkeys=('«HEX:40»')
@@ lock/md5sums | Hash | MD5SUMS
«hex:32»  «word»-key.tar.gz
«hex:32»  token.txt
@@ lock/sha256sums | Hash | SHA256SUMS
«hex:64» *«word»_«ver»_linux_amd64.zip
«hex:64» *«word»_«ver»_darwin_arm64.zip
@@ lock/sri-js | Hash | loader.js
const integrity = { 'core.js': 'sha384-«b64:48»', 'auth.js': 'sha384-«b64:48»' };
@@ lock/docker-from | Hash | Dockerfile
FROM node:18-alpine@sha256:«hex:64» AS build
ARG TOKEN
ENV TOKEN_FILE=/run/secrets/token
@@ lock/oci-manifest | Hash | manifest.json
{"schemaVersion": 2, "config": {"digest": "sha256:«hex:64»", "size": «digits:4»}, "layers": [{"digest": "sha256:«hex:64»"}]}
@@ lock/buck | Hash | BUCK
remote_file(name = "jwt", sha1 = "«hex:40»", url = "mvn:com.auth0:java-jwt:jar:4.4.0")
@@ lock/cmake | Hash | deps.cmake
  URL https://«host»/openssl-«ver».tar.gz
  URL_HASH SHA256=«hex:64»
@@ lock/debian-dsc | Hash | «word»_1.0.dsc
Checksums-Sha256:
 «hex:64» «digits:6» «word»_1.0.orig.tar.xz
@@ lock/cabal-freeze | Hash | stack.yaml.lock
    sha256: «hex:64»
    size: «digits:6»
@@ lock/git-submodule | Hash | .gitrevs
 «hex:40» vendor/«word» (v«ver»)
@@ docker/arg-no-value | Token | Dockerfile
ARG NPM_TOKEN
RUN --mount=type=secret,id=npm_token NPM_TOKEN=$(cat /run/secrets/npm_token) «npm ci|npm install|yarn --frozen-lockfile|pnpm install»
@@ docker/env-ref | Password | Dockerfile
ENV DB_PASSWORD=${DB_PASSWORD} \
    KEY_FILE=/etc/«svc»/key.pem
@@ pub/ssh-rsa | Key | id_rsa.pub
«rsapub» «first»@«word»
@@ pub/authorized-keys | Key | .ssh/authorized_keys
command="/usr/bin/backup",no-pty «edpub» backup@«host»
@@ pub/known-hosts | Key | .ssh/known_hosts
|1|«b64:20»|«b64:20» «edpub»
@@ pub/pem | Key | keys/jwt.pub.pem
«pempub»
@@ pub/certificate | Key | certs/ca.crt
«pemcert»
@@ pub/csr | Key | certs/«svc».csr
«pemcsr»
@@ pub/gpg | Key | KEYS
«pgppub»
@@ pub/gpg-message | Key | secrets.asc
«pgpmsg»
@@ pub/age-file | Key | secrets.age
«agemsg»
@@ pub/age-recipient | Key | recipients.txt
# public key of «first»
age1«nix32:58»
@@ pub/minisign | Key | minisign.pub
untrusted comment: minisign public key «HEX:16»
RW«b64:40»
@@ pub/pem-in-code | Key | license.go
const publicKeyPEM = `«pempub»`
@@ pub/key-der | Key | AlipayConfig.java
    public static final String ALIPAY_PUBLIC_KEY = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA«b64:258»IDAQAB";
@@ pub/dkim | Key | zone.txt
mail._domainkey IN TXT "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQ«b64:132»IDAQAB"
@@ pub/dnssec | Key | db.«word»
example.com. IN DNSKEY 257 3 13 «b64:64»
@@ pub/vapid | Key | push.js
const applicationServerKey = urlBase64ToUint8Array('B«b64url:64»');
@@ pub/sparkle | Key | Info.plist
	<key>SUPublicEDKey</key>
	<string>«b64:32»</string>
@@ pub/fingerprint | Key | README.md
Signing key: `«HEX:4» «HEX:4» «HEX:4» «HEX:4» «HEX:4»  «HEX:4» «HEX:4» «HEX:4» «HEX:4» «HEX:4»`
@@ pub/ssh-fingerprint | Key | hosts.md
The host key is SHA256:«b62:43» (ED25519).
@@ pub/pin-sha256 | Key | network_security_config.xml
            <pin digest="SHA-256">«b64:32»</pin>
@@ pub/sigstore | Hash | cosign.bundle
{"base64Signature":"«b64:72»","cert":"LS0tLS1CRUdJTi«b64:300»","rekorBundle":{"logIndex":«digits:8»}}
@@ pub/gpg-signature | Hash | release.asc
-----BEGIN PGP SIGNATURE-----

«b64lines:8,64»
-----END PGP SIGNATURE-----
@@ pub/jwks-uri | Key | auth.yml
jwks_uri: https://«host»/.well-known/jwks.json
issuer_key_set: https://«host»/keys
@@ enc/kms-blob | Key | secrets.tf
  ciphertext_blob = "AQICAHh«b64:150»"
@@ enc/eyaml | Password | hiera.eyaml
«svc»::password: ENC[PKCS7,MIIB«b64:300»]
@@ enc/chef-encrypted | Password | data_bags/db.json
  "password": {
    "encrypted_data": "«b64:66»",
    "iv": "«b64:12»",
    "auth_tag": "«b64:16»",
    "version": 3,
    "cipher": "aes-256-gcm"
  }
@@ enc/rails-credentials | Key | config/credentials.yml.enc
«b64:300»--«b64:12»--«b64:16»
@@ enc/blackbox | Key | keyrings.txt
-----BEGIN PGP MESSAGE-----

«b64lines:6,64»
-----END PGP MESSAGE-----
@@ enc/pulumi-secure | Password | Pulumi.prod.yaml
config:
  «svc»:dbPassword:
    secure: AAABA«b64:45»
@@ enc/encrypted-pem | Private | key.pem.txt
The key is kept encrypted in the vault under secret/«svc»/tls; do not commit server.key.
@@ vec/nonce-table | Key | aead_test.go
	{nonce: "«hex:24»", ad: "«hex:32»", tag: "«hex:32»"},
@@ vec/iv-test | Key | tests/test_modes.py
    iv = bytes.fromhex("«hex:32»")  # test vector
    expected = bytes.fromhex("«hex:64»")
@@ vec/digest-vectors | Hash | sha_test.c
    { "abc", "«hex:64»" },
    { "message digest", "«hex:64»" },
@@ vec/sbox | Key | aes.c
static const uint8_t sbox[256] = {
    «bytes:12»,
    «bytes:12»,
};
@@ vec/primes | Key | dh.h
static const unsigned char dh2048_p[] = {
    «bytes:12»,
    «bytes:12»,
};
@@ vec/md5-expected | Hash | md5_test.py
    assert md5(b"«word»").hexdigest() == "«hex:32»"
@@ vec/crc | Hash | crc.rs
const TABLE: [u32; 4] = [0x«hex:8», 0x«hex:8», 0x«hex:8», 0x«hex:8»];
@@ vec/curve-params | Key | curves.js
  gx: '«hex:64»', // generator, a public parameter
  gy: '«hex:64»',
@@ vec/merkle | Hash | chain.ts
const genesisHash = '0x«hex:64»';
const tokenAddress = '0x«hex:40»';
@@ vec/tx-hash | Hash | README.md
Deployed in transaction 0x«hex:64» at block «digits:8».
@@ vec/contract-token | Token | tokens.json
{"symbol": "«Word»", "tokenAddress": "0x«hex:40»", "decimals": 18}
@@ blob/base64-image | Key | icons.js
export const keyIcon = 'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAA«b64:240»';
@@ blob/base64-font | Key | fonts.css
@font-face { font-family: icons; src: url(data:application/font-woff;base64,d09GRgABAAA«b64:240») format('woff'); }
@@ blob/inline-map | Key | dist/app.js
//# sourceMappingURL=data:application/json;base64,eyJ2ZXJzaW9uIjozLCJzb3VyY2VzIjpb«b64:240»
@@ blob/protobuf-descriptor | Key | auth_pb2.py
DESCRIPTOR = _pool.AddSerializedFile(b'\n\n«auth|user|key».proto\x12\x04auth\"0\n\x0cLoginRequest\x12\x0e\n\x06user\x18\x01 \x01(\t\x12\x10\n\x08password\x18\x02 \x01(\t')
@@ blob/go-bindata | Key | descriptor.pb.go
	// «int:200,900» bytes of a gzipped FileDescriptorProto
	«bytes:14»,
	«bytes:14»,
@@ blob/hexdump | Key | dump.txt
00000000: «hex:4» «hex:4» «hex:4» «hex:4» «hex:4» «hex:4» «hex:4» «hex:4»  ................
@@ blob/email-attachment | Key | mail.eml
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename="key-figures.pdf"

JVBERi0xLjQK«b64:30»
«b64lines:5,76»
@@ blob/message-id | Token | mail.eml
Message-ID: <«b62:30»@mail.«word».com>
DKIM-Signature: v=1; a=rsa-sha256; s=«date»; bh=«b64:32»; b=«b64:128»
@@ blob/wasm | Key | wasm.js
const wasm = Uint8Array.from(atob('AGFzbQEAAAAB«b64:180»'), (c) => c.charCodeAt(0));
@@ blob/xcode-ids | Key | project.pbxproj
		«HEX:24» /* KeyStore.swift in Sources */ = {isa = PBXBuildFile; fileRef = «HEX:24» /* KeyStore.swift */; };
@@ blob/unity-meta | Key | Token.prefab.meta
fileFormatVersion: 2
guid: «hex:32»
@@ blob/notebook-output | Key | plot.ipynb
      "image/png": "iVBORw0KGgoAAAANSUhEUgAA«b64:240»\n",
@@ ids/git-log | Hash | log.txt
commit «hex:40»
Author: «First» «Last» <«mail»>

    Remove password from the log
@@ ids/diff-index | Hash | fix.patch
diff --git a/token.py b/token.py
index «hex:10»..«hex:10» 100644
--- a/token.py
+++ b/token.py
@@ ids/etag | Hash | response.http
HTTP/1.1 304 Not Modified
ETag: "«hex:32»"
X-Amz-Request-Id: «HEX:16»
@@ ids/request-log | Token | app.log
«date» «time» INFO request_id=«uuid» user_id=«digits:6» path=/reset-password status=200
@@ ids/trace | Token | trace.log
traceparent: 00-«hex:32»-«hex:16»-01
@@ ids/docker-ps | Hash | ps.txt
CONTAINER ID   IMAGE          COMMAND                  NAMES
«hex:12»   postgres:15    "docker-entrypoint.s…"   «svc»-db
@@ ids/s3-url | Url | assets.md
![Key figures](https://cdn.«word».com/uploads/«hex:32»/figures.png)
@@ ids/avatar | Url | team.md
![«First»](https://www.gravatar.com/avatar/«hex:32»?s=80)
@@ ids/permalink | Url | notes.md
See https://github.com/«word»/«svc»/blob/«hex:40»/src/token.c#L«int:1,400»
@@ ids/badge | Token | README.md
[![codecov](https://codecov.io/gh/«word»/«svc»/branch/main/graph/badge.svg)](https://codecov.io/gh/«word»/«svc»)
@@ ids/analytics | Key | index.html
gtag('config', 'G-«b32:10»');
@@ ids/video | Url | talks.md
Talk on password managers: https://www.youtube.com/watch?v=«b62:11»
@@ ids/gdoc | Url | links.md
[Key dates](https://docs.google.com/spreadsheets/d/«b62:44»/edit#gid=0)
@@ ids/aws-resources | Key | notes.txt
vpc-«hex:17» subnet-«hex:17» sg-«hex:17» key pair: «word»-eu
@@ ids/csv-uuids | Key | data/orders.csv
order_id,customer_key,created
«uuid»,«uuid»,«date»
«uuid»,«uuid»,«date»
@@ ids/uuid-key | Key | plugin.xml
<plugin key="com.«word».«svc»" id="«uuid»" name="«Svc»"/>
@@ ids/snapshot | Hash | __snapshots__/Login.snap
    <input class="css-«low:7» password-input" id="mui-«int:1,99»" />
@@ ids/uid-map | Key | firestore.indexes.json
{"collectionGroup": "«tokens|keys|sessions|logins»", "fields": [{"fieldPath": "userId", "order": "ASCENDING"}]}
@@ ids/package-coords | Token | build.gradle
    implementation 'io.jsonwebtoken:jjwt-api:«ver»'
    implementation "com.«word»:token-client:«ver»"
@@ ids/dates-numbers | Key | report.csv
key,value,date
token_count,«digits:7»,«date»
password_resets,«digits:3»,«date»
@@ md/env-table | Password | README.md
| Variable | Default | Meaning |
|---|---|---|
| `DB_PASSWORD` | none | password of the database user |
| `API_TOKEN` | none | token of the «svc» service |
@@ md/instructions | Password | docs/install.md
Set a password of your own before you start the server: choose «a long one|at least 12 characters|a random one», and keep it in a password manager.
@@ md/placeholder-curl | Token | docs/api.md
```sh
curl -H "Authorization: Bearer «<token>|YOUR_TOKEN|$TOKEN|YOUR_ACCESS_TOKEN|{token}»" https://«host»/v1/me
```
@@ md/placeholder-clone | Url | docs/clone.md
git clone https://«<token>|YOUR_TOKEN|${TOKEN}»@git.«word».com/«svc»/app.git
@@ md/placeholder-url | Url | docs/db.md
Use a URL such as `postgres://«user:password|username:password|USER:PASSWORD|<user>:<password>»@host:5432/database`.
@@ md/headings | Password | docs/auth.md
## Password reset

The token in the mail is valid for «one hour|15 minutes|24 hours|seven days». A key that was used is deleted.
@@ md/changelog | Token | CHANGELOG.md
- Fixed: token refresh failed when the password had changed (#«int:10,999»)
- Added: option `--password-file`
@@ md/response-doc | Token | docs/oauth.md
`access_token`: string, the token to send with «each request|every call|the header». `token_type`: always `bearer`.
@@ md/key-takeaways | Key | notes.md
Key: the most important point is that the secret to success is «patience|practice|sleep|good tests».
@@ md/man | Password | man/«word».1
.TP
.BR \-p ", " \-\-password " " \fIPASSWORD\fR
The password of the «user|database|key store|proxy». If it is missing, it is asked for.
@@ md/usage | Token | docs/cli.txt
Usage: «word» login [--user USER] [--password PASSWORD] [--token TOKEN]

  --key-file FILE   read the private key from FILE
@@ md/rst-params | Password | docs/api.rst
:param «pw»: the password of the user
:param «tk»: an access token, or ``None``
@@ md/javadoc | Password | Auth.java
     * @param «pw» the password, never null
     * @param secretKey the key to sign with
@@ md/faq | Password | FAQ.md
**I forgot my password. What now?** Open «Svc» → Settings → Reset password. We never ask for your password by mail.
@@ md/security-policy | Key | SECURITY.md
Report leaks of keys to security@«word».com. Secrets are rotated every 90 days.
@@ md/keyboard | Key | docs/keys.md
| Key | Action |
|---|---|
| `Ctrl+K` | «search|open the menu|find a key|save» |
| `Shift+Esc` | close |
@@ md/issue-template | Token | .github/ISSUE_TEMPLATE/bug.md
**Remove tokens and passwords from the «log|config|output|screenshot» before you paste it.**
@@ md/sql-doc | Password | docs/sql.md
`ALTER USER name IDENTIFIED BY 'new_password'` changes the password«.| of the user.| at once.»
@@ md/example-words | Password | docs/config.md
    username: «user|username|me»
    password: password
@@ md/adoc | Key | docs/conf.adoc
`«svc».security.key-store-password`:: Password of the key store. Default: empty.
@@ log/failed-login | Password | auth.log
Mar 12 «time» «word» sshd[«digits:4»]: Failed password for invalid user admin from «ip» port «port» ssh2
@@ log/masked | Password | app.log
«date» «time» DEBUG config: db.user=«user» db.password=«********|****|[hidden]|<hidden>|***»
@@ log/token-events | Token | api.log
[«time»] WARN token expired for session «uuid», refreshing
@@ log/accepted-key | Key | secure.log
Accepted publickey for «first» from «ip» port «port» ssh2: ED25519 SHA256:«b62:43»
@@ log/stack | Password | crash.log
java.lang.IllegalArgumentException: password must not be null
	at com.«word».auth.PasswordService.check(PasswordService.java:«int:10,200»)
@@ log/terraform-plan | Password | plan.txt
  + password = (sensitive value)
  + «secret_id|key_arn|token_id» = (known after apply)
@@ log/docker-build | Token | build.log
#8 sha256:«hex:64» 3.4MB / 3.4MB 0.5s done
@@ log/nginx | Token | access.log
«ip» - «first» [12/Mar/2021:«time» +0000] "POST /oauth/token HTTP/1.1" 401 «digits:3» "-" "curl/7.68.0"
@@ log/npm-debug | Token | npm-debug.log
npm verb stack Error: Unable to authenticate, your authentication token seems to be «invalid|expired|missing».
@@ log/gha-mask | Token | run.log
with:
  «tk»: ***
  «pw»: ***
@@ scan/regexes | Key | detectors.py
PATTERNS = {
    "token": re.compile(r"(?i)token\s*[:=]\s*['\"]([0-9a-z]{«32|40|64»})['\"]"),
    "password": re.compile(r"password=(\S{8,})"),
}
@@ scan/semgrep | Password | rules/secrets.yml
  - id: «hardcoded-password|no-password|secret-in-code»
    pattern-regex: password\s*=\s*["'][^"']+["']
    message: Do not hard-code passwords
@@ scan/redact-js | Token | redact.js
const «SECRET|PATTERN|REDACT|MASK» = /("?(?:password|token|api_?key)"?\s*[:=]\s*)"[^"]+"/gi;
@@ scan/logstash | Password | logstash.conf
    gsub => ["message", "password=[^&]+", "password=«***|[hidden]|X»"]
@@ scan/ignore-file | Hash | .gitleaksignore
«hex:40»:config/app.yml:generic-api-key:«int:1,90»
@@ scan/trivy | Key | trivy-secret.yaml
rules:
  - id: internal-key
    category: general
    keywords: ["int_key"]
    regex: int_key_[0-9a-f]{«24|32|40»}
@@ completion/bash | Password | completions/«word».bash
    opts="--user --password --token --key-file --«help|version|verbose»"
    COMPREPLY=($(compgen -W "$opts" -- "$cur"))
@@ completion/zsh | Token | completions/_«word»
    '--token=[«access token|API token|deploy token»]:token:' \
    '--password-stdin[read the password from standard input]' \
@@ completion/fish | Password | completions/«word».fish
complete -c «word» -l password -d 'Password of the user' -r
@@ oauth/scopes | Token | scopes.ts
export const SCOPES = ['openid', 'profile', '«offline_access|email|groups»', 'read:tokens', 'write:api_keys'];
@@ oauth/grant | Token | token.php
    'grant_type' => 'password',
    'token_endpoint_auth_method' => 'client_secret_«post|basic|jwt»',
@@ oauth/algorithms | Key | jwt.yml
key_algorithm: RSA-OAEP-256
token_signing_alg: «HS256|RS256|ES384|EdDSA»
password_hash: pbkdf2_sha256
@@ oauth/redirect | Token | auth.config.ts
  tokenEndpoint: 'https://«host»/oauth2/token',
  postLogoutRedirectUri: 'https://«host»/bye',
@@ http/placeholder | Token | api.http
GET https://«host»/v1/users
Authorization: Bearer {{token}}
X-Api-Key: {{$dotenv API_KEY}}
@@ http/csrf-cookie | Token | req.txt
Cookie: csrftoken=«b62:32»; lang=de
X-CSRFToken: «b62:32»
@@ http/cors | Token | headers.conf
Access-Control-Allow-Headers: Authorization, X-Api-Key, X-CSRF-Token, «X-Auth-Token|X-Access-Token|Api-Token|X-Requested-With»
@@ http/challenge | Token | response.txt
WWW-Authenticate: Digest realm="«Svc»", nonce="«hex:32»", opaque="«hex:32»", qop="auth"
@@ http/websocket | Key | upgrade.txt
Upgrade: websocket
Sec-WebSocket-Key: «b64:16»
Sec-WebSocket-Version: 13
@@ http/csp | Token | csp.txt
Content-Security-Policy: script-src 'self' 'sha256-«b64:32»' 'nonce-«b64:16»'
@@ http/form-fields | Password | form.txt
login=&«pw»=&remember_me=on
@@ test/feature | Password | features/login.feature
    When I enter a wrong password
    Then I see the message "«Wrong|Unknown|Invalid» user name or password"
@@ test/selector | Password | pages/login.ts
  passwordInput = page.locator('#password');
  tokenField = '[data-test=«tk»-field]';
@@ test/robot | Password | login.robot
    Input Password    id:password    ${«VALID_PASSWORD|WRONG PASSWORD|USER.password»}
@@ test/factory | Password | factories.rb
    password { Faker::Internet.password(min_length: «8|10|12|16») }
    token { SecureRandom.hex(«8|16|20») }
@@ test/expect-error | Password | login.spec.js
    expect(wrapper.text()).toContain('Password must contain at least one «number|digit|capital letter|mark»');
@@ misc/gettext-call | Password | views.py
    messages.error(request, _("The passwords «did not match|are equal|are too short»."))
@@ misc/makefile-check | Token | Makefile
check-env:
ifndef «AT»TOKEN
	$(error «AT»TOKEN is undefined)
endif
@@ misc/codeowners | Key | CODEOWNERS
/config/secrets/ @«word»/security-team
*.key @«word»/platform
@@ misc/gitignore | Key | .gitignore
*.pem
.env
«secrets.yml|*.key|id_rsa|token.txt»
credentials.json
@@ misc/ansible-lookup | Password | play.yml
    db_password: "{{ lookup('community.hashi_vault.hashi_vault', 'secret=secret/«svc»:password') }}"
@@ misc/ldap-schema | Password | user.schema
attributetype ( 2.5.4.35 NAME 'userPassword' SYNTAX 1.3.6.1.4.1.1466.115.121.1.40{«64|128|256»} )
@@ misc/qt-ui | Password | login.ui
   <property name="echoMode"><enum>QLineEdit::Password</enum></property>
   <property name="placeholderText"><string>«Password|Passphrase|PIN|Your password»</string></property>
@@ misc/rc-dialog | Password | app.rc
    LTEXT           "Password:",IDC_STATIC,«int:5,20»,«int:20,90»,34,8
    EDITTEXT        IDC_PASSWORD,45,28,120,14,ES_PASSWORD
@@ misc/avro | Key | user.avsc
{"type": "record", "name": "«Key|Event|Token|Row»", "fields": [{"name": "partition_key", "type": "string"}]}
@@ misc/vim-map | Key | .vimrc
nnoremap <leader>k :call «ShowKey|NextToken|ListKeys»()<CR>
set key=
@@ misc/tmux | Key | .tmux.conf
bind-key C-«a|b|s|q» send-prefix
set -g status-keys vi
@@ misc/dbt | Key | models/schema.yml
      - name: «noun»_key
        tests: [unique, not_null]
        description: surrogate key, md5 of the natural keys
@@ misc/elastic-mapping | Token | mapping.json
{"properties": {"«tk»": {"type": "keyword"}, "password_age": {"type": "long"}}, "analyzer": {"tokenizer": "standard"}}
@@ misc/crossword | Password | words.txt
password
passphrase
«word»
tokenise
@@ misc/passphrase-prompt | Password | prompt.py
PROMPT = "Enter passphrase («empty|enter|leave blank» for no passphrase): "
PASSWORD_CHARS = string.ascii_letters + string.digits
@@ misc/alphabet | Key | base58.js
const «ALPHABET|BASE58|KEY_CHARS|TOKEN_ALPHABET» = '«alphabet»';
@@ misc/xpath | Password | selectors.py
PASSWORD_FIELD = "//input[@name='«pw»']"
LOGIN_TOKEN_CSS = "form#login input[name=«tk»]"
@@ misc/mime | Token | types.py
TOKEN_CONTENT_TYPE = "application/vnd.«word».token+json"
SECRET_HEADER = "X-«Word»-Secret"
@@ misc/env-names | Key | names.go
const apiKeyEnv = "«SVC»_API_KEY"
const passwordFlag = "admin-password"
@@ misc/status-words | Token | state.js
const tokenStatus = '«expired|active|revoked|pending»';
const keyState = 'PendingDeletion';
@@ misc/class-names | Password | web.xml
  <filter-class>com.«word».security.PasswordTokenFilter</filter-class>
  <param-name>passwordEncoder</param-name>
  <param-value>com.«word».security.Pbkdf2PasswordEncoder</param-value>
@@ misc/key-path | Key | ansible.cfg
private_key_file = ~/.ssh/«svc»_ed25519
vault_password_file = ./scripts/vault-pass.sh
@@ misc/secret-path | Key | vault-agent.hcl
  contents = "{{ with secret \"secret/data/«svc»\" }}{{ .Data.data.password }}{{ end }}"
@@ misc/gitea-secret-uri | Key | app.ini
SECRET_KEY_URI = file:/etc/gitea/secret_key
PASSWORD_HASH_ALGO = «argon2|pbkdf2|bcrypt|scrypt»
@@ misc/sealed-key-names | Key | key-rotation.md
The keys `«svc»-signing-«date»` and `«svc»-signing-next` are active.
'''

# What programs say about passwords and tokens, in many languages: password, wrong password, forgotten
# password, expired token, new password, key to enter.
TRANSLATIONS = """
en|Password|The password is wrong.|Forgot your password?|The token has expired.|New password|Enter your API key
de|Passwort|Das Passwort ist falsch.|Passwort vergessen?|Das Token ist abgelaufen.|Neues Passwort|API-Schlüssel eingeben
fr|Mot de passe|Le mot de passe est incorrect.|Mot de passe oublié ?|Le jeton a expiré.|Nouveau mot de passe|Saisissez votre clé API
es|Contraseña|La contraseña es incorrecta.|¿Olvidó su contraseña?|El token ha caducado.|Nueva contraseña|Introduzca su clave de API
it|Password|La password non è corretta.|Password dimenticata?|Il token è scaduto.|Nuova password|Inserisci la chiave API
pt|Senha|A senha está incorreta.|Esqueceu sua senha?|O token expirou.|Nova senha|Digite sua chave de API
nl|Wachtwoord|Het wachtwoord is onjuist.|Wachtwoord vergeten?|Het token is verlopen.|Nieuw wachtwoord|Voer uw API-sleutel in
pl|Hasło|Hasło jest nieprawidłowe.|Nie pamiętasz hasła?|Token wygasł.|Nowe hasło|Wpisz klucz API
cs|Heslo|Heslo není správné.|Zapomněli jste heslo?|Platnost tokenu vypršela.|Nové heslo|Zadejte klíč API
sv|Lösenord|Lösenordet är fel.|Glömt lösenordet?|Token har gått ut.|Nytt lösenord|Ange din API-nyckel
da|Adgangskode|Adgangskoden er forkert.|Glemt adgangskode?|Tokenet er udløbet.|Ny adgangskode|Indtast din API-nøgle
fi|Salasana|Salasana on väärä.|Unohditko salasanan?|Tunniste on vanhentunut.|Uusi salasana|Anna API-avain
tr|Şifre|Şifre yanlış.|Şifrenizi mi unuttunuz?|Belirtecin süresi doldu.|Yeni şifre|API anahtarınızı girin
hu|Jelszó|A jelszó hibás.|Elfelejtette a jelszavát?|A token lejárt.|Új jelszó|Adja meg az API-kulcsot
ro|Parolă|Parola este greșită.|Ați uitat parola?|Tokenul a expirat.|Parolă nouă|Introduceți cheia API
ru|Пароль|Неверный пароль.|Забыли пароль?|Срок действия токена истёк.|Новый пароль|Введите ключ API
uk|Пароль|Неправильний пароль.|Забули пароль?|Термін дії токена минув.|Новий пароль|Введіть ключ API
el|Κωδικός|Ο κωδικός είναι λάθος.|Ξεχάσατε τον κωδικό;|Το διακριτικό έληξε.|Νέος κωδικός|Εισαγάγετε το κλειδί API
ja|パスワード|パスワードが違います。|パスワードをお忘れですか|トークンの有効期限が切れました。|新しいパスワード|APIキーを入力してください
zh|密码|密码错误。|忘记密码？|令牌已过期。|新密码|请输入 API 密钥
ko|비밀번호|비밀번호가 틀렸습니다.|비밀번호를 잊으셨나요?|토큰이 만료되었습니다.|새 비밀번호|API 키를 입력하세요
""".strip().split("\n")
# Where such texts stand. %0 is the language, %1 to %6 are its texts.
CATALOGUES = r'''
@@ i18n-json | Password | locales/%0.json
{
  "«login|auth|account»": {
    "password": "%1",
    "password_wrong": "%2",
    "token_expired": "%4"
  }
}
@@ i18n-flat-json | Token | public/locales/%0/common.json
  "«form|user|page».forgotPassword": "%3",
  "«form|user|page».token": "%4",
  "apiKey": "%6",
@@ i18n-properties | Password | messages_%0.properties
«login|user».password=%1
«login|user».password.new=%5
error.token=%4
@@ i18n-strings | Password | %0.lproj/Localizable.strings
"«login.|user.|settings.|»password" = "%1";
"new_password" = "%5";
"api_key" = "%6";
@@ i18n-po | Password | locale/%0/LC_MESSAGES/django.po
#: «users|accounts»/forms.py:«int:10,300»
msgid "Password"
msgstr "%1"

msgid "Wrong password"
msgstr "%2"
@@ i18n-android | Password | res/values-%0/strings.xml
    <string name="«login_|user_|auth_|»password">%1</string>
    <string name="forgot_password">%3</string>
    <string name="enter_api_key">%6</string>
@@ i18n-yaml | Password | config/locales/%0.yml
%0:
  activerecord:
    attributes:
      «user|account»:
        password: %1
        new_password: "%5"
@@ i18n-js | Token | src/lang/%0.js
export default {
  «login|user|account»: { password: '%1' },
  tokenExpired: '%4',
  secretKey: '%6',
};
@@ i18n-php | Password | resources/lang/%0/auth.php
    'guard' => '«web|api|admin|customers»',
    'password' => '%2',
    'new_password' => '%5',
    'token' => '%4',
@@ i18n-xliff | Password | translations/messages.%0.xlf
      <trans-unit id="«hex:7»" resname="password.forgot">
        <source>Forgot your password?</source>
        <target>%3</target>
      </trans-unit>
@@ i18n-arb | Password | lib/l10n/app_%0.arb
  "«k:=login|user|auth|reset»Password": "%1",
  "@«k»Password": { "description": "Label of the password field" },
  "tokenExpired": "%4",
@@ i18n-resx | Password | Strings.%0.resx
  <data name="«Login|User|Account|»Password" xml:space="preserve"><value>%1</value></data>
  <data name="ApiKey" xml:space="preserve"><value>%6</value></data>
'''


def translations():
    """Each language in three kinds of catalogue, each catalogue in some languages."""
    catalogues = list(kinds(CATALOGUES, "F"))
    for i, line in enumerate(TRANSLATIONS):
        texts = line.split("|")
        for j in (i, i + 4, i + 7):
            name, label, category, path, marks, values, template = catalogues[j % len(catalogues)]
            path, template = (re.sub("%([0-6])", lambda m: texts[int(m[1])], t) for t in (path, template))
            yield f"{name}/{texts[0]}", label, category, path, marks, values, template


def kinds(text, label):
    """The templates in a table: kind, label, category, path, marks, values, template."""
    for part in re.split(r"(?m)^@@ ", text)[1:]:
        head, _, body = part.partition("\n")
        kind, category, path, *rest = [field.strip() for field in head.split(" | ")]
        marks, values = (MARKS[rest[0]], [v for name in rest[1].split() for v in SETS.get(name, [name])]) if rest else ("", [])
        yield kind, label, category, path, marks, values, body.rstrip("\n") + "\n"


def all_kinds():
    made = [*kinds(SECRET, "T"), *kinds(HARMLESS, "F"), *translations()]
    assert len({k[0] for k in made}) == len(made), "two kinds of one name"
    return made


def examples(kind, seed, count):
    name, label, category, path, marks, values, template = kind
    r, seen = random.Random(f"{seed}/{name}"), set()
    for _ in range(count * 4):
        example = Example(r, marks, values)
        text, span = example.render(template)
        assert "«" not in text and "»" not in text, name
        if len(seen) < count and text not in seen:
            seen.add(text)
            yield {"kind": name, "label": label, "category": category, "path": example.render(path)[0],
                   "text": text, "value": span}


def main():
    parser = argparse.ArgumentParser(description="Print labelled examples of secret and harmless text as JSON lines.")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--each", type=int, default=5, metavar="K", help="examples of each kind (5)")
    parser.add_argument("--only", choices=["T", "F"], help="only secret (T) or harmless (F) kinds")
    parser.add_argument("--list", action="store_true", help="print the kinds, and no example")
    args = parser.parse_args()
    for kind in all_kinds():
        if args.only and kind[1] != args.only:
            continue
        if args.list:
            print(kind[1], kind[2], kind[0], sep="\t")
            continue
        for example in examples(kind, args.seed, args.each):
            print(json.dumps(example, ensure_ascii=False))


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        sys.stderr.close()
