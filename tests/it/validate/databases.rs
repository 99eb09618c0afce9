//! Logins at servers on loopback: at a real PostgreSQL, as Debian packages it, and at small ones that speak the start
//! of a protocol. Where PostgreSQL is not installed, its test tries nothing, unless `UNLEAK_NEEDS_SERVERS` is set, as
//! in CI.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{run, state};
use crate::support::{Repo, token};

/// A program, on `PATH` or where Debian puts it.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut dirs: Vec<PathBuf> = std::env::split_paths(&path).collect();
    for version in 13..20 {
        dirs.push(format!("/usr/lib/postgresql/{version}/bin").into());
    }
    dirs.into_iter()
        .map(|dir| dir.join(name))
        .find(|path| path.is_file())
}

/// Runs as an ordinary user: the server refuses to be run by root.
fn as_user(program: &Path) -> Command {
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|found| {
        use std::os::unix::fs::MetadataExt;
        found.uid() == 0
    });
    if !is_root {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(program);
    command
}

struct Server {
    child: Child,
    port: u16,
    _dir: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server whose user `app` has this password; `None` if it is not installed.
fn postgresql(password: &str) -> Option<Server> {
    let (initdb, postgres) = (program("initdb")?, program("postgres")?);
    let dir = TempDir::new().unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(dir.path(), mode).unwrap();
    let data = dir.path().join("data");
    let file = dir.path().join("password");
    std::fs::write(&file, format!("{password}\n")).unwrap();
    let made = as_user(&initdb)
        .args([
            "--username=app",
            "--auth=scram-sha-256",
            "--no-sync",
            "--locale=C",
            "--pwfile",
        ])
        .arg(&file)
        .arg("--pgdata")
        .arg(&data)
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let child = as_user(&postgres)
        .arg("-D")
        .arg(&data)
        .args([
            "-p",
            &port.to_string(),
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "fsync=off",
            "-k",
            "",
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let server = Server {
        child,
        port,
        _dir: dir,
    };
    wait_for(port);
    Some(server)
}

/// Waits until a server listens.
fn wait_for(port: u16) {
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "the server does not start"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_real_postgresql_accepts_the_right_password_and_refuses_another() {
    let password = token("{base62:20}", 70);
    let Some(server) = postgresql(&password) else {
        let is_needed = std::env::var_os("UNLEAK_NEEDS_SERVERS").is_some();
        assert!(!is_needed, "PostgreSQL is not installed");
        return;
    };
    let ask = |password: &str, database: &str, options: &[&str]| {
        let repo = Repo::new();
        let url = format!(
            "postgres://app:{password}@localhost:{}/{database}",
            server.port
        );
        repo.commit_file("app.env", format!("DATABASE_URL={url}\n"));
        let args = ["validate", "--min-confidence", "low", "--format", "json"];
        state(&run(&repo, &[&args[..], options].concat(), &[]))
    };
    let named = ["--validate-host", "localhost"];
    // A server that still starts says so: that is no answer about the password.
    let begun = Instant::now();
    while ask(&password, "postgres", &named).1.contains("57P03") {
        assert!(begun.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(ask(&password, "postgres", &named).0, "active");
    let (found, why) = ask(&password, "missing", &named);
    assert_eq!(
        found, "active",
        "the password was accepted before the name was looked up: {why}"
    );
    let (found, why) = ask(&token("{base62:20}", 71), "postgres", &named);
    assert_eq!(
        (found.as_str(), why.contains("28P01")),
        ("inactive", true),
        "{why}"
    );
    let (found, why) = ask(&password, "postgres", &[]);
    assert_eq!(found, "unknown");
    assert!(why.contains("--validate-host"), "{why}");
}

/// A server on loopback that speaks to each client with `talk`.
fn fake(talk: impl Fn(&mut TcpStream) -> Option<()> + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            talk(&mut stream);
        }
    });
    port
}

/// Asks about the password in an address.
fn ask_about(scheme: &str, user: &str, password: &str, port: u16) -> (String, String) {
    let repo = Repo::new();
    let url = format!("{scheme}://{user}:{password}@localhost:{port}/0");
    repo.commit_file("app.env", format!("SERVICE_URL={url}\n"));
    let args = ["validate", "--min-confidence", "low", "--format", "json"];
    let named = ["--validate-host", "localhost"];
    state(&run(&repo, &[&args[..], &named].concat(), &[]))
}

/// Reads one command of Redis: its words.
fn redis_command(stream: &mut TcpStream) -> Option<Vec<String>> {
    let mut line = || {
        let mut text = Vec::new();
        while !text.ends_with(b"\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).ok()?;
            text.push(byte[0]);
        }
        text.truncate(text.len() - 2);
        String::from_utf8(text).ok()
    };
    let count: usize = line()?.strip_prefix('*')?.parse().ok()?;
    let words = (0..count).map(|_| {
        line()?;
        line()
    });
    words.collect()
}

#[test]
fn redis_is_believed_only_if_it_refuses_a_wrong_password() {
    let password = token("{base62:24}", 80);
    let right = password.clone();
    let strict = fake(move |stream| {
        loop {
            let words = redis_command(stream)?;
            let answer = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                ["AUTH", "default", given] if given == right => "+OK\r\n",
                ["AUTH", _, _] => {
                    "-WRONGPASS invalid username-password pair or user is disabled.\r\n"
                }
                _ => "-ERR unknown command\r\n",
            };
            stream.write_all(answer.as_bytes()).ok()?;
        }
    });
    let open = fake(|stream| {
        loop {
            redis_command(stream)?;
            stream.write_all(b"+OK\r\n").ok()?;
        }
    });
    assert_eq!(ask_about("redis", "default", &password, strict).0, "active");
    let other = token("{base62:24}", 81);
    assert_eq!(ask_about("redis", "default", &other, strict).0, "inactive");
    let (found, why) = ask_about("redis", "default", &password, open);
    assert_eq!(found, "unknown", "{why}");
    assert!(why.contains("any password"), "{why}");
}

/// Reads a packet of MySQL: its number and body.
fn mysql_packet(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).ok()?;
    let mut body = vec![0; usize::from(head[0]) + usize::from(head[1]) * 256];
    stream.read_exact(&mut body).ok()?;
    Some((head[3], body))
}

fn mysql_send(stream: &mut TcpStream, number: u8, body: &[u8]) -> Option<()> {
    let len = u8::try_from(body.len()).unwrap();
    stream
        .write_all(&[&[len, 0, 0, number], body].concat())
        .ok()
}

#[test]
fn mysql_gets_a_proof_of_the_password_and_not_the_password() {
    use sha1::{Digest, Sha1};
    let password = token("{base62:20}", 90);
    let right = password.clone();
    let salt = *b"abcdefghijklmnopqrst";
    let port = fake(move |stream| {
        let mut hello = b"\x0a8.0.36\0\x01\0\0\0".to_vec();
        hello.extend_from_slice(&salt[..8]);
        // Capabilities: protocol 4.1 and secure connection; plugins. No encryption.
        hello.extend_from_slice(&[0, 0x00, 0x82, 45, 2, 0, 0x08, 0x00, 21]);
        hello.extend_from_slice(&[0; 10]);
        hello.extend_from_slice(&salt[8..]);
        hello.extend_from_slice(b"\0mysql_native_password\0");
        mysql_send(stream, 0, &hello)?;
        let (number, body) = mysql_packet(stream)?;
        assert_eq!(number, 1);
        assert!(memchr::memmem::find(&body, right.as_bytes()).is_none());
        let rest = &body[32..];
        let user = rest.strip_prefix(b"app\0").expect("the user comes first");
        let proof = &user[1..=usize::from(user[0])];
        let once = Sha1::digest(right.as_bytes());
        let mixed = Sha1::digest([&salt[..], &Sha1::digest(once)].concat());
        let wanted: Vec<u8> = once.iter().zip(&mixed).map(|(a, b)| a ^ b).collect();
        match proof == wanted {
            true => mysql_send(stream, 2, &[0, 0, 0, 2, 0, 0, 0]),
            false => mysql_send(stream, 2, b"\xff\x15\x04#28000Access denied for user"),
        }
    });
    assert_eq!(ask_about("mysql", "app", &password, port).0, "active");
    let (found, why) = ask_about("mysql", "app", &token("{base62:20}", 91), port);
    assert_eq!(
        (found.as_str(), why.contains("1045")),
        ("inactive", true),
        "{why}"
    );
    let garbage = fake(|stream| stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").ok());
    let (found, why) = ask_about("mysql", "app", &password, garbage);
    assert_eq!(found, "unknown", "{why}");
}
