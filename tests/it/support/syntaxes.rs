//! Syntaxes that hold a password, and how each writes one.

use std::fmt::Write;

use unleak::rule::template::Random;

/// How a format writes a password, and which it can write.
pub(crate) struct Syntax {
    /// Name of the file; `@` stands for a number.
    pub(crate) path: &'static str,
    /// Text of the file; `@` stands for the password.
    pub(crate) text: &'static str,
    pub(crate) write: fn(&str) -> String,
    pub(crate) can_write: fn(&str) -> bool,
}

impl Syntax {
    /// Name and text of a file with `raw`, as [`Self::write`] returns it; and where that begins.
    pub(crate) fn file(&self, number: usize, raw: &str) -> (String, String, usize) {
        let path = self.path.replace('@', &number.to_string());
        // Of two in a row, as in `bob:@@host`, the first is the place.
        let start = self.text.find('@').expect("there is a place");
        (path, self.text.replacen('@', raw, 1), start)
    }

    /// The marks that stand for themselves in a value.
    pub(crate) fn marks(&self) -> String {
        let marks = ('!'..='~').filter(char::is_ascii_punctuation);
        let is_plain = |mark: &char| {
            let value = format!("q{mark}Z");
            (self.can_write)(&value) && (self.write)(&value) == value
        };
        marks.filter(is_plain).collect()
    }
}

const fn syntax(
    path: &'static str,
    text: &'static str,
    write: fn(&str) -> String,
    can_write: fn(&str) -> bool,
) -> Syntax {
    Syntax {
        path,
        text,
        write,
        can_write,
    }
}

/// All of them.
pub(crate) const SYNTAXES: [Syntax; 36] = [
    syntax("@/.env", "A=1\nDB_PASSWORD=@\nB=2\n", plain, begins_bare),
    syntax("@/c.env", "DB_PASSWORD=@ # note\n", plain, begins_bare),
    syntax("@/e.env", "export DB_PASSWORD=@\n", plain, begins_bare),
    syntax("@/l.env", "DB_PASSWORD=@", plain, begins_bare),
    syntax(
        "@/d.env",
        "DB_PASSWORD=\"@\"\n",
        |v| escape(v, "\\\"$`"),
        any,
    ),
    syntax("@/s.env", "DB_PASSWORD='@'\n", plain, |v| none_of(v, "'\\")),
    syntax(
        "@/p.yml",
        "db:\n  password: @\n  user: x\n",
        plain,
        begins_scalar,
    ),
    syntax("@/d.yml", "db:\n  password: \"@\"\n", json, any),
    syntax(
        "@/s.yml",
        "password: '@'\n",
        |v| v.replace('\'', "''"),
        |v| none_of(v, "\\") && !v.starts_with('\'') && !v.ends_with('\''),
    ),
    syntax(
        "@/f.yml",
        "db: {user: x, password: @, port: 1}\n",
        plain,
        |v| begins_scalar(v) && none_of(v, ",[]{}"),
    ),
    syntax(
        "@/compose.yml",
        "environment:\n  - DB_PASSWORD=@\n",
        plain,
        begins_bare,
    ),
    syntax(
        "@/default.yml",
        "  DB_PASSWORD: ${DB_PASSWORD:-@}\n",
        plain,
        |v| none_of(v, "{}\"'$\\"),
    ),
    syntax(
        "@/a.json",
        "{\"db\": {\"password\": \"@\", \"n\": 1}}\n",
        json,
        any,
    ),
    syntax(
        "@/b.json",
        "{\"body\": \"{\\\"password\\\": \\\"@\\\", \\\"n\\\": 1}\"}\n",
        |v| json(&json(v)),
        any,
    ),
    syntax(
        "@/t.properties",
        "db.password=@\n",
        |v| escape(v, "\\"),
        begins_property,
    ),
    syntax(
        "@/b.properties",
        "db.password = @\n",
        |v| escape(v, "\\"),
        begins_property,
    ),
    syntax(
        "@/a.ini",
        "[db]\npassword = @\nuser = x\n",
        plain,
        begins_bare,
    ),
    syntax("@/b.toml", "password = \"@\"\n", json, any),
    syntax("@/l.toml", "password = '@'\n", plain, |v| none_of(v, "'\\")),
    syntax(
        "@/Dockerfile",
        "FROM x\nENV DB_PASSWORD=@\n",
        |v| escape(v, "\\\"'$`"),
        begins_bare,
    ),
    syntax(
        "@/e.xml",
        "<db><password>@</password></db>\n",
        entities,
        any,
    ),
    syntax(
        "@/a.xml",
        "<add key=\"DbPassword\" value=\"@\"/>\n",
        entities,
        any,
    ),
    syntax(
        "@/.netrc",
        "machine example.org login bob password @\n",
        plain,
        |v| none_of(v, "\"'\\"),
    ),
    syntax(
        "@/.pgpass",
        "db.example.org:5432:shop:bob:@\n",
        |v| escape(v, ":\\"),
        |v| none_of(v, "\""),
    ),
    syntax(
        "@/url.txt",
        "postgres://bob:@@db.example.org/shop\n",
        userinfo,
        any,
    ),
    syntax(
        "@/query.txt",
        "GET https://example.org/?u=bob&password=@&x=1\n",
        percent,
        any,
    ),
    syntax(
        "@/equals.sh",
        "tool run --db-password=@ --verbose\n",
        shell,
        any,
    ),
    syntax(
        "@/blank.sh",
        "tool run --db-password @ --verbose\n",
        shell,
        any,
    ),
    syntax(
        "@/quoted.sh",
        "tool run --db-password '@' --verbose\n",
        plain,
        |v| none_of(v, "'\\"),
    ),
    syntax(
        "@/sshpass.sh",
        "sshpass -p @ ssh bob@example.org\n",
        shell,
        |v| !v.starts_with('-'),
    ),
    syntax("@/a.py", "DB_PASSWORD = \"@\"\n", json, any),
    syntax(
        "@/a.js",
        "const c = { password: '@', x: 1 };\n",
        |v| escape(v, "\\'"),
        any,
    ),
    syntax("@/a.go", "\tpassword := `@`\n", plain, |v| {
        none_of(v, "`\\")
    }),
    syntax(
        "@/a.php",
        "$config['password'] = '@';\n",
        |v| escape(v, "\\'"),
        any,
    ),
    syntax(
        "@/a.cs",
        "var s = \"Server=db;User Id=bob;Password=@;Pooling=true\";\n",
        plain,
        |v| none_of(v, ";\"\\'"),
    ),
    syntax("@/a.tf", "  password = \"@\"\n", json, any),
];

fn plain(value: &str) -> String {
    value.to_owned()
}

fn escape(value: &str, marks: &str) -> String {
    let mut text = String::new();
    for character in value.chars() {
        if marks.contains(character) {
            text.push('\\');
        }
        text.push(character);
    }
    text
}

pub(crate) fn json(value: &str) -> String {
    escape(value, "\\\"")
}

fn entities(value: &str) -> String {
    let value = value.replace('&', "&amp;").replace('"', "&quot;");
    value.replace('<', "&lt;").replace('>', "&gt;")
}

fn percent_but(value: &str, marks: &str) -> String {
    let mut text = String::new();
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || marks.as_bytes().contains(&byte) {
            text.push(char::from(byte));
        } else {
            write!(text, "%{byte:02X}").unwrap();
        }
    }
    text
}

/// RFC 3986, section 3.2.1.
fn userinfo(value: &str) -> String {
    percent_but(value, "-._~!$'()*+,;=")
}

fn percent(value: &str) -> String {
    percent_but(value, "-._~")
}

/// POSIX XCU 2.2.1.
fn shell(value: &str) -> String {
    escape(value, "|&;<>()$`\\\"'*?[#~!{")
}

fn any(_: &str) -> bool {
    true
}

fn none_of(value: &str, marks: &str) -> bool {
    !value.contains(|character| marks.contains(character))
}

/// Whether a value without quotes can begin like that, and end: nothing that opens a literal or a
/// reference, nothing that continues the line.
fn begins_bare(value: &str) -> bool {
    !value.starts_with(|first| "\"'`#$(\\".contains(first)) && !value.ends_with('\\')
}

fn begins_property(value: &str) -> bool {
    begins_bare(value) && !value.starts_with(['=', ':'])
}

/// YAML 1.2.2, section 7.3.3.
fn begins_scalar(value: &str) -> bool {
    !value.starts_with(|first| "-?:,[]{}#&*!|>'\"%@`".contains(first)) && !value.ends_with(':')
}

/// `{name}` and `${…}` are slots of a template, whoever wrote them.
fn is_slot(value: &str) -> bool {
    let is_expression = ["${", "#{", "%{", "$(", "{{"]
        .iter()
        .any(|open| value.contains(open));
    is_expression
        || value.split('{').skip(1).any(|rest| {
            rest.split_once('}')
                .is_some_and(|(name, _)| name.len() > 2 && name.chars().all(char::is_alphanumeric))
        })
}

/// A password that the syntax can write.
pub(crate) fn password(random: &mut Random, syntax: &Syntax) -> String {
    let alphabet: Vec<char> = ('!'..='~').chain("äß€λ".chars()).collect();
    loop {
        let len = 12 + random.below(16);
        let value: String = (0..len).map(|_| *random.pick(&alphabet)).collect();
        if (syntax.can_write)(&value) && !is_slot(&value) {
            return value;
        }
    }
}
