//! A value ends where what is around it ends: every kind of value, in every kind of text around it.

use serde_json::Value;

use crate::support::{Repo, unleak};
use crate::values::{made, values};

/// Texts that end in a secret; `@` stands for it.
const SECRETS: [&str; 12] = [
    "Server=h;Uid=u;Pwd=@",
    "Data Source=h;User ID=u;Password=@",
    "jdbc:sqlserver://h;user=u;password=@",
    "jdbc:mysql://h.example/d?user=u&password=@",
    "https://h.example/?access_token=@",
    "host=h user=u password=@",
    "tool --password=@",
    "tool --token @",
    "java -Ddb.password=@",
    "DB_PASSWORD=@",
    "machine h.example login u password @",
    "login password=@",
];

/// Texts that hold another, `^`.
const AROUND: [&str; 39] = [
    "<a>^</a>\n",
    "<a><b>^</b><c>x</c></a>\n",
    "<root>\n<Value>^</Value>\n</root>\n",
    "<td>^</td>\n",
    "<!--^-->\n",
    "<!-- ^ -->\n",
    "<x><![CDATA[^]]></x>\n",
    "/*^*/\n",
    "/** <pre>^</pre> */\n",
    "{#^#}x\n",
    "<%#^%>x\n",
    "{-^-}x\n",
    "(*^*)x\n",
    "See (^) there\n",
    "x connect [^] failed\n",
    "c: [^]\n",
    "{ ^ }\n",
    "**^**\n",
    "Run `^` now\n",
    "Run ``^`` now\n",
    "\"\"\"Run ``^`` now.\"\"\"\n",
    "\\texttt{^}\n",
    "\\verb+^+\n",
    "sh(/^/)\n",
    "c = f'^'\n",
    "c = rb'^'\n",
    "run(['x', f'^'], shell=True)\n",
    "x(r'''^''')\n",
    "c = \"\"\"^\"\"\"\n",
    "insert into t values (N'^');\n",
    "x \"$(^)\"\n",
    "R=\"${X:-$(^)}\"\n",
    "sh \"X=\\$(^)\"\n",
    "{\"s\":\"x $(^) z\"}\n",
    "1,^,2\n",
    "2024|INFO|^|ok\n",
    "Run @tool ^@ now\n",
    "Run +tool ^+\n",
    "Run ~tool ^~.\n",
];

#[test]
fn what_closes_around_a_value_ends_it() {
    let value = made(16, 71);
    let mut wrong = Vec::new();
    for around in AROUND {
        for secret in SECRETS {
            let text = around.replacen('^', &secret.replace('@', &value), 1);
            let found = values(&text);
            if !found.iter().all(|entry| entry.1 == value) {
                wrong.push(format!("{text:?}: {found:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_marks_of_monospaced_text_in_org_are_no_part_of_a_value() {
    let value = made(16, 71);
    for text in [
        "Run =tool --password=@= now\n",
        "- =tool --password @=\n",
        "Set =DB_PASSWORD=@=.\n",
        "Set ~DB_PASSWORD=@~.\n",
    ] {
        is_whole(&text.replace('@', &value), &value);
    }
    // Padding of base64 is.
    let padded = format!("{}=", made(15, 72));
    for text in ["DB_PASSWORD=@\n", "x = b --password=@\n"] {
        is_whole(&text.replace('@', &padded), &padded);
    }
}

/// Marks of documents around a value.
const EMPHASIS: [&str; 15] = [
    "*@*",
    "_@_",
    "__@__",
    "***@***",
    "~~@~~",
    "“@”",
    "‘@’",
    "«@»",
    "**@**",
    "`@`",
    "=@=",
    "~@~",
    "+@+",
    "+`@`+",
    "<code>@</code>",
];

#[test]
fn marks_of_a_document_are_no_part_of_a_value() {
    let value = made(16, 73);
    for mark in EMPHASIS {
        for text in [
            "- Password: ^\n",
            "| user | password |\n|---|---|\n| bob | ^ |\n",
        ] {
            is_whole(&text.replace('^', &mark.replace('@', &value)), &value);
        }
    }
    // Others than typographic quotes belong to a value of a setting.
    for mark in ["_@_", "~@~"] {
        let marked = mark.replace('@', &value);
        is_whole(&format!("password: {marked}\n"), &marked);
    }
}

#[test]
fn what_ends_an_argument_in_quotes_is_its_quote() {
    for close in [")", "]", "}"] {
        let value = made(14, 74) + close;
        for line in [
            "mysql -u root -p'@' db\n",
            "redis-cli -a '@' ping\n",
            "sqlcmd -P \"@\"\n",
            "echo 'root:@' | chpasswd\n",
        ] {
            is_whole(&line.replace('@', &value), &value);
        }
    }
}

#[test]
fn a_password_with_a_colon_beside_its_user_is_whole() {
    let value = format!("abc:{}", made(14, 75));
    for line in [
        "req.SetBasicAuth(\"admin\", \"@\")\n",
        "auth=(\"admin\", \"@\")\n",
    ] {
        is_whole(&line.replace('@', &value), &value);
    }
}

#[test]
fn percent_signs_are_decoded_in_addresses_only() {
    let (begin, end) = (made(8, 76), made(9, 77));
    let (plain, decoded) = (format!("{begin}%57{end}"), format!("{begin}W{end}"));
    for line in ["DB_PASSWORD=@\n", "password: @\n", "password = \"@\"\n"] {
        is_whole(&line.replace('@', &plain), &plain);
    }
    let found = values(&format!("POST /login?user=bob&password={plain}\n"));
    assert!(found.iter().any(|entry| entry.1 == decoded), "{found:?}");
}

#[test]
fn a_random_password_that_ends_like_a_call_is_found() {
    for end in ["(", "[", "{", "(("] {
        for seed in 0..20 {
            let value = made(16, 700 + seed) + end;
            is_whole(&format!("DB_PASSWORD={value}\n"), &value);
        }
    }
}

/// A line of JSON in a literal that begins on an earlier line.
const IN_LITERALS: [(&str, &str); 6] = [
    ("curl -d \"{\n", "\n}\" https://h.example\n"),
    ("let s = \"{\n", "\n}\";\n"),
    ("s = \"\"\"{\n", "\n}\"\"\"\n"),
    ("const s = \"{\\\n", "\\\n}\"\n"),
    ("RUN echo \"{ \\\n", " \\\n}\" >x\n"),
    ("x = <<EOF\n{\n", "\n}\nEOF\n"),
];

#[test]
fn an_escaped_quote_ends_a_value_whatever_line_its_literal_began_on() {
    let value = made(20, 75);
    for (before, after) in IN_LITERALS {
        for secret in [
            r#"\"url\": \"https://h.example/?token=@\","#,
            r#"\"cmd\": \"x --password=@\""#,
            r#"\"dsn\": \"Server=h;Uid=u;Pwd=@\","#,
            r#"\"env\": \"DB_PASSWORD=@\","#,
            r#"\"api_key\": \"@\","#,
        ] {
            let text = format!("{before}  {}{after}", secret.replace('@', &value));
            is_whole(&text, &value);
        }
    }
}

/// Asserts that `value` is all that is found in `text`.
fn is_whole(text: &str, value: &str) {
    let found = values(text);
    let found: Vec<&str> = found.iter().map(|entry| entry.1.as_str()).collect();
    assert_eq!(found, [value], "{text}");
}

/// Literals of several lines whose last line ends with a value.
const ENDINGS: [(&str, &str); 14] = [
    ("bash -c '\n  ", "'\n"),
    ("ssh h \"\n ", "\"\n"),
    ("sh \"\"\"\n ", "\"\"\"\n"),
    ("const c = `\n ", "`;\n"),
    ("s := f(`\n ", "`)\n"),
    ("system(\"x \\\n ", "\");\n"),
    ("String s = \"\"\"\n ", "\"\"\";\n"),
    ("s = [[\n ", "]]\n"),
    ("auto s = R\"(\n ", ")\";\n"),
    ("let s = r#\"\n ", "\"#;\n"),
    ("s = ''\n ", "'';\n"),
    ("$s = '\n ", "';\n"),
    ("a: \"x\n  ", "\"\n"),
    ("x = <<EOF\n ", "\nEOF\n"),
];

#[test]
fn a_quote_that_opened_on_an_earlier_line_ends_a_value() {
    let value = made(20, 76);
    let mut wrong = Vec::new();
    for (before, after) in ENDINGS {
        for secret in [
            "x --password=@",
            "x --token @",
            "Server=h;Uid=u;Pwd=@",
            "jdbc:postgresql://h/d?user=u&password=@",
            "curl -u bob:@",
        ] {
            let text = format!("{before}{}{after}", secret.replace('@', &value));
            let found = values(&text);
            if !found.iter().all(|entry| entry.1 == value) {
                wrong.push(format!("{text:?}: {found:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Sentences that end with a value.
const SENTENCES: [&str; 12] = [
    "The password is **@**.\n",
    "The password is _@_\n",
    "Its password is *@*\n",
    "Run x --password @, then y.\n",
    "Run x --password=@.\n",
    "Use Server=h;Uid=u;Pwd=@, then y.\n",
    "Use Server=h;Uid=u;Pwd=@.\n",
    "# Run curl -u bob:@.\n",
    "<p>Set DB_PASSWORD=@.</p>\n",
    "<p>Run x --token @, then y.</p>\n",
    "<li><b>Use jdbc:mysql://h/d?user=u&password=@.</b></li>\n",
    "Run curl -u bob:@.\n",
];

#[test]
fn the_end_of_a_sentence_is_no_part_of_a_value() {
    let value = made(20, 77);
    for line in SENTENCES {
        is_whole(&line.replace('@', &value), &value);
    }
}

/// Lines and the values in them: `@`, and `%` for a second one.
const LINES: [&str; 32] = [
    "{\"secret\":{\"a\":\"@\"}}\n",
    "{\"api_key\":{\"S\":\"@\"},\"user\":{\"S\":\"bob\"}}\n",
    "{\"apiKey\":{\"prod\":\"@\",\"dev\":\"%\"},\"x\":1}\n",
    "var c={password:{v:\"@\"}};a(c)\n",
    "API_TOKEN='{\"prod\":\"@\"}'\n",
    "API_TOKENS='[\"@\",\"%\"]'\n",
    "API_KEY: '{\"a\":\"@\"}'\n",
    "{\"SecretString\":\"{\\\"k\\\":\\\"@\\\"}\"}\n",
    "API_KEYS=@,%\n",
    "PASSWORDS=bob:@,ann:%\n",
    "user/password: bob/@\n",
    "Username/Password: admin/@\n",
    "user:password = bob:@\n",
    "const userpass = \"bob:@\";\n",
    "token = \"token=@\"\n",
    "headers = {\"X-Api-Key\": \"Key @\"}\n",
    "set password {@}\n",
    "<resources><string name=\"api_key\">'@'</string></resources>\n",
    "<resources><string name=\"api_key\">&quot;@&quot;</string></resources>\n",
    "<p title=\"a\nAPI_KEY=@\">x</p>\n",
    "(the account has user=x,\npassword=@)\n",
    "printf \"machine h login bob password @\\n\" > f\n",
    "The password is @.\n",
    "The password: @.\n",
    "Set PGPASSWORD=@.\n",
    "https://h.example/?api_key=@.\n",
    "# run tool --password=@).\n",
    "tool --password=@&\n",
    "curl https://h.example/?api_key=@|jq .\n",
    ":s/password=.*/password=@/g\n",
    "throw new X(\"cannot reach jdbc:postgresql://h/d?user=u&password=@ now\");\n",
    "`+tool --password=@+`\n",
];

#[test]
fn the_secret_among_the_parts_of_a_value_is_the_value() {
    let (value, other) = (made(24, 72), made(24, 73));
    for line in LINES {
        let found = values(&line.replace('@', &value).replace('%', &other));
        let mut found: Vec<&str> = found.iter().map(|entry| entry.1.as_str()).collect();
        found.sort_unstable_by_key(|found| **found == other);
        let second = line.contains('%').then_some(other.as_str());
        let expected: Vec<&str> = std::iter::once(value.as_str()).chain(second).collect();
        assert_eq!(found, expected, "{line}");
    }
}

/// Lines whose value is what a command prints, or code between two literals.
const COMMANDS: [&str; 10] = [
    "docker login -u x -p $(aws ecr get-login-password --region x) h\n",
    "docker login -u x --password=$(aws ecr get-login-password --region x) h\n",
    "mysql -u root -p$(cat /run/x y) db\n",
    "mysql -u root -p`cat /run/x y` db\n",
    "- vault login -no-print token=$(vault write -field=token auth/x role=y)\n",
    "redis-cli -a `cat /run/secret file` ping\n",
    "curl -u \"bob:$(pass show x/y)\" https://h.corp.net/\n",
    "TOKEN=`cat /run/secrets/x`\n",
    "API_TOKEN=`vault read -field=t k1/Q9x7T3`\n",
    "x = \"Pass \"+strings.Fields(x)[0]+\" <value>\"\n",
];

#[test]
fn the_output_of_a_command_is_no_value() {
    for line in COMMANDS {
        assert_eq!(values(line), [], "{line}");
    }
}

#[test]
fn marks_that_close_nothing_belong_to_the_value() {
    for (around, value) in [
        ("DB_PASSWORD=@\nX=1\n", "k7Q9x]]>T3w"),
        ("DB_PASSWORD=@\n", "k7Q9x|T3w&u5"),
        ("DB_PASSWORD=@\n", "k7Q9xT3w,u5R"),
        ("db.password=@\n", "k7Q9xT3w'u5R"),
        ("password: @\n", "k7Q9x``T3wu5"),
        ("password: @\n", "k7Q9xT3wu5."),
        ("A=$(date)\nDB_PASSWORD=@\n", "k7Q9x)T3w"),
        ("# see\nDB_PASSWORD=@\n", "k7Q9xT3w)"),
        ("2024-01-01 12:00:00,123 db password=@\n", "k7Q9x|T3wu5"),
        ("PASSWORD='@'\n", "{k7Q9xT3wu5"),
    ] {
        is_whole(&around.replace('@', value), value);
    }
}

/// What is found in `text`, and whether it is said to be a part.
fn found_in(text: &str) -> Vec<(String, bool)> {
    let dir = Repo::bare_directory();
    dir.write("text", text);
    let options = ["scan", "--files", "text", "--format", "json"];
    let more = ["--show-secrets", "--min-confidence", "low"];
    let output = unleak(&[&options[..], &more].concat(), dir.path());
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
    let findings = report["findings"].as_array().unwrap().iter();
    let found = findings.map(|finding| {
        let is_part = finding["reasons"].to_string().contains("only a part");
        (finding["secret"].as_str().unwrap().to_owned(), is_part)
    });
    found.collect()
}

/// Lines, what is found in them, and whether that is a part; `@` stands for a random value.
fn are_found(lines: &[(&str, &str, bool)]) {
    let value = made(18, 78);
    let fill = |text: &str| text.replace('@', &value);
    let mut wrong = Vec::new();
    for (line, expected, is_part) in lines {
        let found = found_in(&fill(line));
        if found != [(fill(expected), *is_part)] {
            wrong.push(format!("{line:?}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_variable_at_the_end_is_one_where_a_shell_reads_it() {
    are_found(&[
        ("DB_PASSWORD = \"@$red7\"\n", "@$red7", false),
        ("DB_PASSWORD=@$red7\n", "@$red7", false),
        ("db_password: @$green\n", "@$green", false),
        ("db.password=@$Bold\n", "@$Bold", false),
        ("export DB_PASSWORD='@$NC'\n", "@$NC", false),
        ("{\"password\": \"@$white\"}\n", "@$white", false),
        ("DB_PASSWORD=@$Kd8x\n", "@$Kd8x", false),
        ("echo -e \"password: @$NC\"\n", "@", false),
        ("echo \"password: ${GREEN}@${NC}\"\n", "@", false),
        ("export DB_PASSWORD=\"@$SUFFIX\"\n", "@", true),
        ("export DB_PASSWORD=@$RESET\n", "@", true),
        ("DB_PASSWORD=@$suffix\n", "@", true),
    ]);
}

#[test]
fn a_sign_of_an_operator_may_begin_a_value() {
    are_found(&[
        ("DB_PASSWORD=>@\n", ">@", false),
        ("A=1\nDB_PASSWORD==@\n", "=@", false),
        ("db.password==@\n", "=@", false),
        ("spring.datasource.password=>@\n", ">@", false),
        ("password==@\n", "=@", false),
        ("[\"password\"=>\"@\"]\n", "@", false),
        ("  :password=>\"@\",\n", "@", false),
        ("if (password==\"@\") {\n", "@", false),
    ]);
}

#[test]
fn a_blank_of_any_kind_ends_a_value_without_quotes() {
    for blank in ["\u{a0}", "\u{202f}", "\u{3000}"] {
        let lines = [
            ("Password:^@\n", "@", false),
            ("- Password:^`@`\n", "@", false),
            ("password: @^\n", "@", false),
            ("DB_PASSWORD=^@\n", "@", false),
            ("password^=^@\n", "@", false),
            ("password^: @\n", "@", false),
            ("x --password @^and more\n", "@", false),
            ("db_password: \"@^1\"\n", "@^1", false),
        ];
        let filled = lines.map(|(line, value, is_part)| {
            (line.replace('^', blank), value.replace('^', blank), is_part)
        });
        let filled = filled.each_ref();
        are_found(&filled.map(|(line, value, is_part)| (&line[..], &value[..], *is_part)));
    }
}

#[test]
fn what_a_format_puts_around_a_value_is_no_part_of_it() {
    are_found(&[
        ("user,password\nbob,=\"@\"\n", "@", false),
        ("user,password\nbob,\"=\"\"@\"\"\"\n", "@", false),
        ("password:@/user:bob\n", "@", false),
        ("password:@/x\n", "@/x", false),
        ("password = [=[@]=]\n", "@", false),
        ("local password = [==[@]==]\n", "@", false),
        ("Use the password =@= here\n", "@", false),
        ("DB_PASSWORD=@=\n", "@=", false),
        ("db:\n\tPGPASSWORD=@ psql\n", "@", false),
        ("  MYSQL_PWD=@ mysqldump db > x.sql\n", "@", false),
        ("password=@ more words\n", "@", true),
        ("is the password @?\n", "@?", true),
        ("what about DB_PASSWORD=@?\n", "@?", true),
        ("DB_PASSWORD=@?\n", "@?", false),
        (
            "var c = \"Server=h;Uid=u;Pwd=@\\u0058y;Database=d\";\n",
            "@Xy",
            false,
        ),
        (
            "var c = \"Server=h;Uid=u;Pwd=@\\u0022;Database=d\";\n",
            "@",
            false,
        ),
    ]);
    // A line of quoted-printable is cut at 76 characters.
    let line = format!("{}my password: @=\nnext\n", "x ".repeat(21));
    are_found(&[(&line, "@", true)]);
}

#[test]
fn brackets_and_colons_may_end_a_value_that_no_function_has_for_a_name() {
    for value in ["k7Q9xT3w", "Xk29qLmz", "S3cretPw9", "aB3dE6gH9j"] {
        for (line, end) in [
            ("DB_PASSWORD=^()\n", "()"),
            ("DB_PASSWORD=^::y\n", "::y"),
            ("password: ^{\n", "{"),
            ("x:\n  password: ^[\n  y: 1\n", "["),
            ("db.password=^(\n", "("),
        ] {
            is_whole(&line.replace('^', value), &format!("{value}{end}"));
        }
    }
    for line in [
        "password: getPassword1()\n",
        "password = Sha256::digest\n",
        "const password = md5Hash(\n",
        "password: md5Sum8{\n",
    ] {
        assert_eq!(values(line), [], "{line}");
    }
}

#[test]
fn code_that_a_page_shows_has_its_quotes() {
    let span = "<span class=\"k\">password</span>: <span class=\"s\">^</span>,\n";
    let code = "<pre><code>password = ^\nx = 1</code></pre>\n";
    let shell = "<code>DB_PASSWORD=^</code>\n";
    for quote in ["'", "\"", "&#x27;", "&#39;", "&#039;", "&quot;"] {
        for page in [span, code, shell] {
            let text = page.replace('^', &format!("{quote}@{quote}"));
            are_found(&[(&text, "@", false)]);
        }
    }
}

#[test]
fn the_literal_of_a_call_is_the_value() {
    are_found(&[
        ("$password = md5(\"@\");\n", "@", false),
        ("$password = sha1('@', true);\n", "@", false),
        (
            "    db_password: str = Field(\"@\", env=\"X\")\n",
            "@",
            false,
        ),
        (
            "db_password: str = Field(default=\"@\", env=\"X\")\n",
            "@",
            false,
        ),
        (
            "password = models.CharField(max_length=50, default=\"@\")\n",
            "@",
            false,
        ),
        ("password: str = decrypt(\"@\", key)\n", "@", false),
        (
            "{ name: 'a', password: hash(\"@\", salt), role: \"x\" }\n",
            "@",
            false,
        ),
        (
            "type C struct {\n\tPassword string `env:\"DB_PASSWORD\" envDefault:\"@\"`\n}\n",
            "@",
            false,
        ),
        (
            "\tPassword string `json:\"password\" example:\"@\"`\n",
            "@",
            false,
        ),
    ]);
    let value = made(18, 78);
    is_whole(
        &format!("{{\"c\": \"const string Password = @\\\"{value}\\\";\\n\"}}\n"),
        &value,
    );
    assert_eq!(values("password = getenv(\"DB_PASSWORD\")\n"), []);
    assert_eq!(
        values("\tPassword string `json:\"password\" validate:\"required\"`\n"),
        []
    );
}

#[test]
fn a_backslash_joins_lines_or_means_itself() {
    are_found(&[
        ("ENV X=y \\\n    DB_PASSWORD=@ \\\n    Z=1\n", "@", false),
        ("ENV DB_PASSWORD=@ \\\n    Z=1\n", "@", false),
        (
            "docker run --name x -e POSTGRES_PASSWORD=@ \\\n  -p 5432:5432 postgres\n",
            "@",
            false,
        ),
        (
            "<add name=\"a\" connectionString=\"Data Source=h;User ID=u;Password=@\\tx;Z=1\" />\n",
            "@\\tx",
            false,
        ),
        (
            "<connectionString>Server=h;Uid=u;Password=@;</connectionString>\n",
            "@",
            false,
        ),
        ("fputs(\"  curl -u ann:@\\n\", out);\n", "@", false),
        ("print(\"run: mysql -u root -p@\\n\")\n", "@", false),
        ("sed -i \"s/PASSWORD=.*/PASSWORD=@/\" .env\n", "@", false),
        ("\"start\": \"set DB_PASSWORD=@&& node x.js\"\n", "@", false),
        (
            "x = \"echo \\\"@\\\" | docker login -u a --password-stdin h\"\n",
            "@",
            false,
        ),
    ]);
}

#[test]
fn the_user_of_an_address_is_no_part_of_its_password() {
    let value = made(18, 78);
    let text = format!("x: jdbc:mysql://root:{value}@tcp(localhost:3307)/db\n");
    is_whole(&text, &value);
}

#[test]
fn signs_that_no_program_escapes_so_mean_themselves() {
    for value in ["AbCdEfg=54mktsO3U9", "ptgUzEj%4afebzJ6sZ"] {
        for line in [
            "module.exports =\n  password: \"^\"\n",
            "new PDO($dsn, \"root\", '^'); $x ?? 1;\n",
            "password = process.env.X ?? '^'\n",
        ] {
            let found = values(&line.replace('^', value));
            assert_eq!(found.len(), 1, "{line}");
            assert_eq!(found[0].1, value, "{line}");
        }
    }
}
