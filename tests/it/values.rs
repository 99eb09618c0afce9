//! A value is found whole, whatever characters it has and whatever syntax holds it.
//!
//! Random passwords over all printable ASCII characters and some others are written into files in
//! the syntaxes below, each escaped as its format asks for. The scan must find exactly the bytes that
//! were written, or say that it read only a part; no output may show the rest.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;
use unleak::rule::template::Random;

use crate::support::syntaxes::{SYNTAXES, json, password};
use crate::support::{Repo, token, unleak};

/// What was written, by the id of its blob: the syntax, the password as its file has it, and where.
type Written = BTreeMap<String, (&'static str, String, usize)>;

/// Passwords for each syntax.
const EACH: usize = 20;

fn write_all(repo: &Repo, seed: u64) -> Written {
    let mut random = Random::new(seed);
    let mut paths = Vec::new();
    for syntax in &SYNTAXES {
        for number in 0..EACH {
            let raw = (syntax.write)(&password(&mut random, syntax));
            let (path, text, start) = syntax.file(number, &raw);
            repo.write(&path, text);
            paths.push((path, (syntax.path, raw, start)));
        }
    }
    repo.commit("all");
    let names: Vec<String> = paths
        .iter()
        .map(|(path, _)| format!("HEAD:{path}\n"))
        .collect();
    let ids = repo.git_with_input(
        &["cat-file", "--batch-check=%(objectname)"],
        names.concat().as_bytes(),
    );
    let ids = String::from_utf8(ids).unwrap();
    let ids = ids.lines().map(str::to_owned);
    ids.zip(paths.into_iter().map(|(_, written)| written))
        .collect()
}

/// What was found in each blob: the span, and whether the finding says that it is a part.
fn found_in(report: &Value) -> HashMap<String, Vec<(usize, usize, bool)>> {
    let mut found: HashMap<String, Vec<_>> = HashMap::new();
    for finding in report["findings"].as_array().unwrap() {
        let reasons = finding["reasons"].to_string();
        let is_partial = reasons.contains("only a part of the value could be read");
        for place in finding["occurrences"].as_array().unwrap() {
            let offset = |field: &str| usize::try_from(place[field].as_u64().unwrap()).unwrap();
            let object = place["object"].as_str().unwrap().to_owned();
            let entry = (offset("start"), offset("end"), is_partial);
            found.entry(object).or_default().push(entry);
        }
    }
    found
}

#[test]
fn random_passwords_are_found_whole_in_every_syntax() {
    for seed in [1, 2] {
        let repo = Repo::new();
        let written = write_all(&repo, seed);
        assert!(written.len() > SYNTAXES.len() * EACH * 9 / 10);
        let found = found_in(&repo.scan(&["--min-confidence", "low"]).json);
        let mut wrong = Vec::new();
        let mut parts = 0;
        for (id, (syntax, raw, start)) in &written {
            let spans = found.get(id).map_or(&[][..], Vec::as_slice);
            let is_whole = spans
                .iter()
                .any(|&(from, to, _)| (from, to) == (*start, start + raw.len()));
            let is_part = spans.iter().any(|span| span.2);
            parts += usize::from(!is_whole && is_part);
            if !is_whole && !is_part {
                wrong.push(format!("{syntax}: {raw:?} was found as {spans:?}"));
            }
        }
        assert!(wrong.is_empty(), "seed {seed}:\n{}", wrong.join("\n"));
        assert!(
            parts * 20 < written.len(),
            "seed {seed}: {parts} are found in part"
        );
    }
}

/// Bytes of a password that may stand in an output by chance, or as its mark's ends.
const SHOWN: usize = 5;

#[test]
fn no_output_shows_more_of_a_random_password_than_its_mark() {
    let repo = Repo::new();
    let written = write_all(&repo, 3);
    for format in [
        "human", "json", "jsonl", "sarif", "gitlab", "csv", "html", "junit", "github",
    ] {
        let options = ["scan", "--min-confidence", "low", "--format", format, "."];
        let output = unleak(&options, repo.path());
        let shown: HashSet<&[u8]> = output.stdout.windows(SHOWN + 1).collect();
        for (syntax, raw, _) in written.values() {
            let leaked = raw
                .as_bytes()
                .windows(SHOWN + 1)
                .find(|part| shown.contains(*part) && is_telling(part));
            assert_eq!(
                leaked.map(String::from_utf8_lossy),
                None,
                "{format}: {syntax}: {raw}"
            );
        }
    }
}

/// Outputs have backslashes and entities of their own.
fn is_telling(part: &[u8]) -> bool {
    let is_escape = |byte: &u8| b"\\&;".contains(byte);
    part.iter().any(u8::is_ascii_punctuation) && !part.iter().any(is_escape)
}

/// The secrets found in a text on standard input, with their confidence, by line.
pub(crate) fn values(text: &str) -> Vec<(u64, String, String)> {
    let dir = Repo::bare_directory();
    dir.write("text", text);
    let options = [
        "scan",
        "--files",
        "text",
        "--format",
        "json",
        "--show-secrets",
        "--min-confidence",
        "low",
    ];
    let output = unleak(&options, dir.path());
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
    let mut found = Vec::new();
    for finding in report["findings"].as_array().unwrap() {
        for place in finding["occurrences"].as_array().unwrap() {
            found.push((
                place["line"].as_u64().unwrap(),
                finding["secret"].as_str().unwrap().to_owned(),
                finding["confidence"].as_str().unwrap().to_owned(),
            ));
        }
    }
    found.sort();
    found
}

/// A random value of letters and digits, the same for the same seed.
pub(crate) fn made(len: usize, seed: u64) -> String {
    let template = format!("{{base62:{}}}7aQ", len - 3);
    token(&template, seed)
}

#[test]
fn a_word_in_a_random_value_hides_nothing() {
    for (number, word) in [
        "todo", "sample", "Insert", "xxxx", "...", "example", "____", "#{", "${",
    ]
    .iter()
    .enumerate()
    {
        let value = format!(
            "{}{word}{}",
            made(9, number as u64),
            made(8, 50 + number as u64)
        );
        let found = values(&format!("SVC_PASSWORD={value}\n"));
        assert!(
            found
                .iter()
                .any(|(_, secret, level)| *secret == value && level != "low"),
            "{word}: {found:?}"
        );
    }
}

/// Six digits, as GitHub's tokens end.
fn base62(mut number: u32) -> String {
    const DIGITS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut text = [b'0'; 6];
    for place in text.iter_mut().rev() {
        *place = DIGITS[number as usize % 62];
        number /= 62;
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn a_right_checksum_outweighs_every_word() {
    for word in ["todo", "ToDo", "xxxx", "sample", "dummy", "example"] {
        let body = format!("{}{word}{}", made(12, 5), made(18 - word.len(), 6));
        let token = format!("ghp_{body}{}", base62(crc32fast::hash(body.as_bytes())));
        let found = values(&token);
        assert_eq!(found, [(1, token.clone(), "high".to_owned())], "{word}");
    }
}

#[test]
fn a_doubted_shape_is_low_and_says_why() {
    let dir = Repo::bare_directory();
    // A wrong checksum and a filler: no token, but not unseen either.
    dir.write("text", format!("key = ghp_{}\n", "x".repeat(36)));
    let options = ["scan", "--files", "text", "--min-confidence", "low"];
    let text = String::from_utf8(unleak(&options, dir.path()).stdout).unwrap();
    assert!(text.contains("low github-pat"), "{text}");
    assert!(text.contains("looks like a placeholder"), "{text}");
}

#[test]
fn a_sign_at_the_beginning_of_a_literal_makes_no_reference_of_it() {
    for sign in ['@', '&', '%', '$'] {
        let value = format!("{sign}Kestrel88{}", made(4, 9));
        let found = values(&format!("DB_PASSWORD = \"{value}\"\n"));
        assert!(
            found.iter().any(|entry| entry.1 == value),
            "{value}: {found:?}"
        );
    }
    for reference in [
        "${DB_PASSWORD}",
        "{{ db_password }}",
        "%s",
        "%(password)s",
        "<password>",
        "@Value",
        "$DB_PASSWORD",
        "$dbPassword",
        "%DB_PASSWORD%",
        "<%= password %>",
        "#{password}",
        "{password}",
        "$(cat password)",
    ] {
        let found = values(&format!("DB_PASSWORD = \"{reference}\"\n"));
        assert_eq!(found, [], "{reference}");
    }
}

#[test]
fn long_values_are_whole_up_to_the_limit_and_partial_beyond() {
    for len in [201, 512, 1024, 4096] {
        let value = made(len, len as u64);
        let found = values(&format!("const SECRET_KEY = \"{value}\";\n"));
        assert!(
            found.iter().any(|entry| entry.1 == value),
            "{len} characters"
        );
    }
    let repo = Repo::new();
    repo.commit_file("a.kt", format!("val SECRET_KEY = \"{}\"\n", made(5000, 1)));
    let report = repo.scan(&[]);
    let reasons = report.only("generic-secret")["reasons"].to_string();
    assert!(reasons.contains("only a part of the value"), "{reasons}");
}

#[test]
fn a_default_is_the_value_and_found_once() {
    let value = made(14, 3);
    for text in [
        format!("x:\n  DB_PASSWORD: ${{DB_PASSWORD:-{value}}}\n"),
        format!("x:\n  DB_PASSWORD: ${{PW-{value}}}\n"),
        format!("DB_PASSWORD=${{DB_PASSWORD:={value}}}\n"),
        format!("export DB_PASSWORD=\"${{DB_PASSWORD:-{value}}}\"\n"),
        format!("DB_PASSWORD=${{DB_PASSWORD:-\"{value}\"}}\n"),
    ] {
        let found: Vec<String> = values(&text).into_iter().map(|entry| entry.1).collect();
        assert_eq!(found, [value.as_str()], "{text}");
    }
    assert_eq!(values("DB_PASSWORD: ${DB_PASSWORD:?must be set1}\n"), []);
}

#[test]
fn a_value_in_nested_json_ends_before_the_backslashes_of_its_quote() {
    let value = made(14, 4);
    let mut text = format!("{{\"password\": \"{value}\"}}");
    for depth in 0..3 {
        text = format!("{{\"body\": \"{}\"}}", json(&text));
        let found: Vec<String> = values(&text).into_iter().map(|entry| entry.1).collect();
        assert_eq!(found, [value.as_str()], "depth {depth}: {text}");
    }
}

#[test]
fn what_may_go_on_is_said_to_be_a_part() {
    let repo = Repo::new();
    let value = made(12, 8);
    repo.commit_file("notes.cfg", format!("password = {value} horse staple\n"));
    let output = unleak(&["scan", "--min-confidence", "low", "."], repo.path());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("only a part of the value could be read"),
        "{text}"
    );
    assert!(
        !text.contains("horse"),
        "what may belong to the value is hidden: {text}"
    );
}

/// Texts in texts, edits and marks around a value, which `@` stands for: none of them belongs to it.
const AROUND: [&str; 88] = [
    "- 'echo \"password: @\" >> conf'\n",
    "exec('echo \"DB_PASSWORD=@\" >> .env')\n",
    "{\"a\":\"echo 'DB_PASSWORD=@' >> .env\"}\n",
    "x := `{\"content\":\"password=@\"}`\n",
    "os.system(\"psql 'host=h user=u password=@'\")\n",
    "x 'curl --header \"PRIVATE-TOKEN: @\" https://x'\n",
    "x 'curl -H \"X-Api-Key: @\"'\n",
    "x 'curl \"https://h/e?access_token=@\"'\n",
    "const s = `curl -H \"X-Api-Key: @\" x`;\n",
    "ssh host 'export DB_PASSWORD=\"@\"; run'\n",
    "<button onclick=\"login('u', {password: '@'})\">\n",
    "x = \"it's password=@\"\n",
    "sed -i 's/^DB_PASSWORD=.*/DB_PASSWORD=@/' .env\n",
    "sed -i 's|^DB_PASSWORD=.*|DB_PASSWORD=@|g' .env\n",
    "sed -i \"s#DB_PASSWORD=.*#DB_PASSWORD=@#g\" .env\n",
    "perl -pi -e 's/DB_PASSWORD=.*/DB_PASSWORD=@/' .env\n",
    "<!--password=@-->\n",
    "**password: @**\n",
    "- password: **@**\n",
    "*password: @*\n",
    "**https://h.example/?api_key=@**\n",
    "\x1b[32mPassword: @\x1b[0m\n",
    "echo -e \"\\e[32mPassword: @\\e[0m\"\n",
    "“password: @”\n",
    "char *x = \"password=@\\0user=u\";\n",
    "<x :password=\"'@'\"/>\n",
    "environment=A=b,DB_PASSWORD=@,X=1\n",
    "password:@;user:u\n",
    "<d>password=@&amp;user=u</d>\n",
    "buildConfigField \"String\",\"API_KEY\",\"\\\"@\\\"\"\n",
    ":password => %q(@),\n",
    "X-Api-Key: [@]\n",
    "<add c=\"Data Source=h;User ID=u;Password=&quot;@&quot;;X=y\" />\n",
    "<command>echo &quot;password: @&quot; &gt; x</command>\n",
    "<a href=\"https://h.example/?api_key=@&amp;x=1\">\n",
    "\"x\": \"sed -i \\\"s|DB_PASSWORD=.*|DB_PASSWORD=@|g\\\" .env\"\n",
    "/* password=@*/\n",
    "char *x = \"password=@\\x00user=u\";\n",
    "***password: @***\n",
    "echo \"password=@${NC}\"\n",
    "echo -e \"${GREEN}Password: @$NC\"\n",
    "echo -e \"${GREEN}Password:${NC} @\"\n",
    "echo -e \"Password: ${GREEN}@$(tput sgr0)\"\n",
    "print(f\"{GREEN}password: @{RESET}\")\n",
    "println!(\"password: {GREEN}@{RESET}\");\n",
    "puts \"password: @#{reset}\"\n",
    "console.log(`${green}password: @${reset}`)\n",
    "\x1b[32mPassword\x1b[0m: @\n",
    "echo -e \"\\e[32mPassword:\\e[0m @\"\n",
    "{{!--password=@--}}\n",
    "\"a\": \"password=@\\u0026x=1\"\n",
    "x = \"https://h.example/?token=@\\x26x=1\"\n",
    "https://h.example/?next=%2Fx%3Ftoken%3D@%26y%3D1\n",
    "\"\"\"password=@\"\"\"\n",
    "[green]password: @[/green]\n",
    "<p>password: @&nbsp;</p>\n",
    "{\\rtf1\\b password: @\\b0\\par}\n",
    "\\pard x\\par\npassword: @\\par\n",
    "\\item password: @\\\\\n",
    "~password: @~\n",
    "- =password: @= is old\n",
    "_password: @_\n",
    "|password: @|\n",
    "„password: @“\n",
    "‹password: @›\n",
    "sed -e s/PASSWORD=.*/PASSWORD=@/g x\n",
    "sed -i 's/a/b/;s/^DB_PASSWORD=.*/DB_PASSWORD=@/' .env\n",
    "/*\npassword=@*/\n",
    "{#\npassword=@#}\n",
    "<#\npassword=@#>\n",
    "{{!--\npassword=@--}}\n",
    "(*\npassword=@*)\n",
    "--[[\npassword=@]]\n",
    "x = r#\"\npassword=@\"#;\n",
    "x = %q{\npassword=@}\n",
    "x = f(\"\"\"\npassword=@\"\"\")\n",
    "const x = `\npassword=@`;\n",
    "<div title=\"a\nDB_PASSWORD=@\">\n",
    "x := `a\ncurl -u bob:@`,\n",
    "def password = $/@/$\n",
    "password = raw\"@\"\n",
    "<string name=\"api_key\">\"@\"</string>\n",
    "x = b\"password=@\\x00user=u\"\n",
    "x = \"password=@\\u0000user=u\"\n",
    "stats auth admin:@\n",
    "cache_peer h parent 3128 0 login=bob:@\n",
    "smtp_sasl_password_maps = static:bob:@\n",
    "<password><string>@</string></password>\n",
];

#[test]
fn a_field_in_quotes_of_markup_may_hold_semicolons() {
    let value = format!("{};{}", made(8, 62), made(8, 63));
    let text = format!("<add c=\"Data Source=h;User ID=u;Password=&quot;{value}&quot;;X=y\" />\n");
    let found = values(&text);
    let found: Vec<&str> = found.iter().map(|entry| entry.1.as_str()).collect();
    assert_eq!(found, [&value]);
}

#[test]
fn what_is_around_a_value_is_no_part_of_it() {
    let value = made(16, 61);
    for text in AROUND {
        let found = values(&text.replace('@', &value));
        let found: Vec<&str> = found.iter().map(|entry| entry.1.as_str()).collect();
        assert_eq!(found, [&value], "{text}");
    }
}

/// Defaults of variables and templates, in texts and addresses; `@` stands for the value, `{at}` for an `@`.
const DEFAULTS: [&str; 30] = [
    "x:\n  DATABASE_URL: postgres://u:${PW:-@}{at}h/d\n",
    "DATABASE_URL=\"postgresql://${U:-u}:${PW:-@}{at}h:5432/${D:-d}\"\n",
    "url: \"postgres://u:{{ pw | default('@') }}{at}h/d\"\n",
    "url: https://u:${PW:-@}{at}h.example/d\n",
    "jdbc:mysql://h/d?user=u&password=${PW:@}\n",
    "PASSWORD=\"${PW:-\"@\"}\"\n",
    "PASSWORD=\"${PW:-'@'}\"\n",
    "curl -u \"u:${PW:-@}\" https://h\n",
    "mysql -u root -p\"${PW:-@}\" db\n",
    "cmd --password=${PW:-@} x\n",
    "password: \"{{ x | default('@') }}\"\n",
    "password: '{{ x | default(\"@\") }}'\n",
    "password: {{ x | default(\"@\") }}\n",
    "\"password\": \"{{ x | default(\\\"@\\\") }}\"\n",
    "db_password: \"{{ db_pw | d('@', true) }}\"\n",
    "password: {{ .Values.pw | default \"@\" | quote }}\n",
    "password: \"{{ .Values.pw | default \"@\" }}\"\n",
    "password: {{ default \"@\" .Values.pw }}\n",
    "password: {{ coalesce .Values.a \"@\" }}\n",
    "password: {{ printf \"%s\" (.Values.pw | default \"@\") }}\n",
    "password: ${{ secrets.PW || '@' }}\n",
    "PASSWORD = f\"{os.getenv('PW','@')}\"\n",
    "PASSWORD = `${process.env.PW || \"@\"}`\n",
    "password = \"<%= ENV['PW'] || '@' %>\"\n",
    "password = os.environ.get(\"PW\", \"@\")\n",
    "password = ENV.fetch('PW', '@')\n",
    "password: ${env:PW:-@}\n",
    "password: ${oc.env:PW,@}\n",
    "password: !ENV ${PW:@}\n",
    "url: \"postgres://{{ u | default('x') }}:{{ pw | default('@') }}{at}h/d\"\n",
];

#[test]
fn the_default_of_an_expression_is_the_value() {
    let value = made(16, 64);
    for text in DEFAULTS {
        is_sure_of(text, &value);
    }
}

/// Asserts that `value` is all that is found where it stands for `@` in `text`, and not low; `{at}` is an `@`.
pub(crate) fn is_sure_of(text: &str, value: &str) {
    let text = text.replace('@', value).replace("{at}", "@");
    let found = values(&text);
    let found: Vec<(&str, bool)> = found
        .iter()
        .map(|entry| (entry.1.as_str(), entry.2 != "low"))
        .collect();
    assert_eq!(found, [(value, true)], "{text}");
}

#[test]
fn text_beside_an_expression_is_a_part_of_a_value() {
    let value = made(16, 65);
    let parts = [
        "PASSWORD=\"@${SUFFIX}\"\n",
        "password = \"${prefix}@\"\n",
        "echo \"password: ${PREFIX}@\"\n",
        "x = \"password: @%s\" % salt\n",
        "Write-Host \"password: @$($x)\"\n",
    ];
    let repo = Repo::new();
    for (number, text) in parts.iter().enumerate() {
        repo.write(format!("{number}.txt"), text.replace('@', &value));
    }
    repo.commit("parts");
    let report = repo.scan(&["--min-confidence", "low"]);
    let found = report.only("generic-password");
    assert_eq!(found["occurrences"].as_array().unwrap().len(), parts.len());
    assert!(found["reasons"].to_string().contains("only a part"));
    for text in [
        "PASSWORD=\"${A_B}-${SUFFIX}\"\n",
        "password = \"key-of-${name}\"\n",
        "password: {{ .Release.Name }}-password-1\n",
    ] {
        assert_eq!(values(text), [], "{text}");
    }
}

/// Literals over several lines; `{1}` and `{2}` stand for the lines of the value.
const OVER_LINES: [(&str, &str); 18] = [
    ("PASSWORD=\"{1}\n{2}\"\nUSER=x\n", "{1}\n{2}"),
    ("PASSWORD='{1}\n{2}'\n", "{1}\n{2}"),
    ("PASSWORD=\"\n{1}\n{2}\n\"\n", "{1}\n{2}"),
    ("PASSWORD = \"\"\"{1}\n{2}\"\"\"\n", "{1}\n{2}"),
    ("String password = \"\"\"\n  {1}\n  \"\"\";\n", "{1}"),
    ("password = '''\n{1}\n{2}'''\n", "{1}\n{2}"),
    ("password = \"\"\"\\\n  {1}\n  \"\"\"\n", "{1}"),
    ("$password = @\"\n{1}\n\"@\n", "{1}"),
    ("$password = @'\n{1}\n{2}\n'@\n", "{1}\n{2}"),
    ("const password = `{1}\n{2}`;\n", "{1}\n{2}"),
    ("PASSWORD=$(cat <<EOF\n{1}\nEOF\n)\n", "{1}"),
    ("password = <<EOT\n{1}\n{2}\nEOT\n", "{1}\n{2}"),
    ("password = <<-EOT\n\t{1}\n\tEOT\n", "{1}"),
    ("password = <<~'EOS'\n  {1}\n  {2}\nEOS\n", "{1}\n  {2}"),
    ("$password = <<<\"EOS\"\r\n{1}\r\nEOS;\r\n", "{1}"),
    ("password: \"{1}\n  {2}\"\nuser: x\n", "{1}\n  {2}"),
    ("<x password=\"{1}\n{2}\"/>\n", "{1}\n{2}"),
    ("let password = r#\"{1}\n{2}\"#;\n", "{1}\n{2}"),
];

#[test]
fn a_literal_over_several_lines_is_one_value() {
    let fill = |text: &str| {
        text.replace("{1}", &made(14, 31))
            .replace("{2}", &made(12, 32))
    };
    for (text, value) in OVER_LINES {
        let found = values(&fill(text));
        let is_found = found.iter().any(|entry| entry.1 == fill(value));
        assert!(is_found, "{text}: {found:?}");
    }
    assert_eq!(values(&fill("password = \"\"\"my {1}\nword\"\"\"\n")), []);
    // A quote that nothing closes opens no lines.
    let found = values(&fill("PASSWORD='{1}\nUSER={2}\nNAME='y'\n"));
    assert!(
        found.iter().all(|entry| !entry.1.contains('\n')),
        "{found:?}"
    );
}

#[test]
fn many_values_of_one_name_in_one_file_are_low() {
    let value = |seed: u64| token("{base62:32}", 900 + seed);
    let lines = |name: &str, count: u64| -> String {
        (0..count)
            .map(|seed| format!("{{ {name}: \"{}\" }},\n", value(seed)))
            .collect()
    };
    for (name, count, is_low) in [
        ("secret_key", 8, false),
        ("secret_key", 9, true),
        ("password", 20, false),
    ] {
        let repo = Repo::new();
        repo.commit_file("table.js", lines(name, count));
        let findings = repo.scan(&["--min-confidence", "low"]);
        let low = findings
            .findings()
            .iter()
            .filter(|finding| finding["confidence"] == "low")
            .count();
        assert_eq!(low, if is_low { 9 } else { 0 }, "{count} of {name}");
    }
}
