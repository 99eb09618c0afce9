//! Passwords in the files in which people keep them: each in a repository of its own, found by the
//! real binary. The values are made when the test runs.

use crate::support::{Repo, token};

/// A password as people choose them, and its base64; `alice:` and it, in base64.
struct Values {
    password: String,
    encoded: String,
    pair: String,
}

fn values(seed: u64) -> Values {
    let password = token("kT{base62:6}7q{lower:2}", seed);
    let base64 = |text: &str| data_encoding::BASE64.encode(text.as_bytes());
    Values {
        encoded: base64(&password),
        pair: base64(&format!("alice:{password}")),
        password,
    }
}

/// Name and contents: `@` stands for the password, `#` for its base64, `~` for that of the pair.
const FILES: [(&str, &str); 34] = [
    (".bash_history", "mysql -u root -p@ app\n"),
    (
        ".zsh_history",
        ": 1600000000:0;curl -u alice:@ https://example.com\n",
    ),
    ("history.txt", "sshpass -p @ ssh root@host\n"),
    (".env", "DB_PASSWORD=@\n"),
    (".git-credentials", "https://alice:@@example.com\n"),
    (".netrc", "machine example.com password @ login alice\n"),
    (".npmrc", "//registry.example.com/:_password=#\n"),
    ("user.npmrc", "_auth=~\n"),
    (".pgpass", "db.example.com:5432:app:alice:@\n"),
    (".pypirc", "[pypi]\nusername = alice\npassword = @\n"),
    ("application.properties", "spring.datasource.password=@\n"),
    (
        "application.yml",
        "spring:\n  datasource:\n    username: app\n    password: @\n",
    ),
    ("bootstrap.sh", "export PGPASSWORD='@'\n"),
    (
        "config.json",
        "{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"~\"}}}\n",
    ),
    (
        "credentials-config.json",
        "{\"mysql\": {\"#c\": {\"user\": \"root\",\"password\": \"@\"}}}\n",
    ),
    (
        "database.yml",
        "production:\n  adapter: postgresql\n  username: app\n  password: @\n",
    ),
    (
        "dump.sql",
        "INSERT INTO users (id, name, password) VALUES (1,'bob',NULL),(2,'alice','@');\n",
    ),
    (
        "hosts.ini",
        "[web]\nweb1 ansible_host=10.0.0.1 ansible_ssh_pass=@ ansible_user=root\n",
    ),
    (
        "main.go",
        "\tdb := sql.Open(\"postgres\", \"user=app password=@ host=db\")\n",
    ),
    (
        "Main.java",
        "    DriverManager.getConnection(url, \"app\", \"x\"); String password = \"@\";\n",
    ),
    ("main.rs", "    let db_password: &str = \"@\";\n"),
    ("migrate.sql", "CREATE USER app IDENTIFIED BY '@';\n"),
    (
        "secret-plain.yaml",
        "apiVersion: v1\nkind: Secret\nstringData:\n  password: @\n",
    ),
    (
        "secret.yaml",
        "apiVersion: v1\nkind: Secret\ndata:\n  password: #\n",
    ),
    (
        "settings.py",
        "DATABASES = {'default': {'ENGINE': 'x', 'PASSWORD': '@'}}\n",
    ),
    (
        "settings.xml",
        "<server><id>x</id><username>u</username><password>@</password></server>\n",
    ),
    (
        "sitemanager.xml",
        "<Server><User>u</User><Pass encoding=\"base64\">#</Pass></Server>\n",
    ),
    (
        "terraform.tfstate",
        "{\"resources\":[{\"instances\":[{\"attributes\":{\"password\":\"@\"}}]}]}\n",
    ),
    ("terraform.tfvars", "db_password = \"@\"\n"),
    ("vars.yml", "ansible_become_pass: @\n"),
    (
        "web.config",
        "<add connectionString=\"Server=db;User Id=sa;Password=@;\" />\n",
    ),
    ("wp-config.php", "define( 'DB_PASSWORD', '@' );\n"),
    (
        "docker-compose.yml",
        "services:\n  db:\n    environment:\n      - POSTGRES_PASSWORD=@\n",
    ),
    ("Dockerfile", "FROM x\nENV DB_PASSWORD @\n"),
];

#[test]
fn passwords_are_found_where_people_keep_them() {
    let repo = Repo::new();
    let mut expected = Vec::new();
    for (seed, (name, text)) in (1..).zip(FILES) {
        let values = values(seed);
        let text = text
            .replace("@@", "\u{1}\u{2}")
            .replace(['@', '\u{1}'], &values.password)
            .replace('\u{2}', "@")
            .replace('#', &values.encoded)
            .replace('~', &values.pair);
        repo.write(name, text);
        expected.push(name);
    }
    repo.commit("all of them");
    let report = repo.scan(&[]);
    let paths: Vec<String> = report
        .findings()
        .iter()
        .map(|finding| {
            let path = finding["history"]["first"]["path"].as_str().unwrap();
            path.to_owned()
        })
        .collect();
    let missed: Vec<_> = expected
        .iter()
        .filter(|name| !paths.iter().any(|path| path == **name))
        .collect();
    assert!(missed.is_empty(), "{missed:?}");
}

#[test]
fn the_same_files_without_passwords_are_clean() {
    let repo = Repo::new();
    for (name, text) in FILES {
        let placeholder = if text.contains("@@") {
            "${PASSWORD}"
        } else {
            "<password>"
        };
        let text = text
            .replace("@@", "\u{1}\u{2}")
            .replace(['@', '\u{1}'], placeholder)
            .replace('\u{2}', "@")
            .replace(['#', '~'], "${SECRET}");
        repo.write(name, text);
    }
    repo.commit("none of them");
    let report = repo.scan(&[]);
    let found: Vec<_> = report
        .findings()
        .iter()
        .map(|finding| (&finding["rule_id"], &finding["history"]["first"]["path"]))
        .collect();
    assert!(found.is_empty(), "{found:?}");
}
