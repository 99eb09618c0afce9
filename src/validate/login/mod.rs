//! Logins at database servers: only the handshake of each protocol, up to the answer about the
//! password. Runs no statement. Uses a connection without encryption only if the protocol does not
//! send the password.
//!
//! ```text
//! wire < scram < postgresql, mysql, redis, mongodb < mod
//! ```

mod mongodb;
mod mysql;
mod postgresql;
mod redis;
mod scram;
mod wire;

use super::State;
use super::network::{Endpoint, Network, Trouble};
use crate::rule::request::Protocol;

/// The server and account of a password.
#[derive(Clone, PartialEq, Eq)]
pub struct LoginTarget {
    /// The name of the host, lower case.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The user; may be empty for Redis.
    pub user: String,
    /// The password.
    pub password: String,
    /// The database; may be empty.
    pub database: String,
    /// Whether the URL requires encryption from the first byte.
    pub is_encrypted: bool,
}

/// The result of a login.
pub(super) type LoginResult = Result<(State, String), Trouble>;

/// Logs in.
pub(super) fn ask(
    network: &dyn Network,
    endpoint: &Endpoint,
    kind: Protocol,
    target: &LoginTarget,
) -> LoginResult {
    let connection = network.connect(endpoint)?;
    match kind {
        Protocol::PostgreSql => postgresql::login(connection, target),
        Protocol::MySql => mysql::login(connection, target),
        Protocol::Redis => redis::login(connection, target),
        Protocol::MongoDb => mongodb::login(connection, target),
        Protocol::Http | Protocol::Aws | Protocol::GoogleServiceAccount | Protocol::Jwt => {
            Err(Trouble::Refused("it is no login".to_owned()))
        }
    }
}

/// Returns the default port of a protocol.
fn usual_port(kind: Protocol) -> u16 {
    match kind {
        Protocol::PostgreSql => 5432,
        Protocol::MySql => 3306,
        Protocol::Redis => 6379,
        _ => 27017,
    }
}

/// Parses the URL around a password, as in `postgres://user:PASSWORD@host:5432/name`.
pub(super) fn target(
    kind: Protocol,
    secret: &[u8],
    line: Option<(&[u8], &[u8])>,
) -> Result<LoginTarget, String> {
    let unread = "something is missing: its server cannot be read from the line it is in";
    let address = line.and_then(|(before, after)| Address::read(before, after));
    let address = address.ok_or(unread)?;
    if address.scheme.ends_with("+srv") {
        return Err(
            "no way to ask: its servers are in the name service ('mongodb+srv')".to_owned(),
        );
    }
    let first = address.authority.split(',').next().unwrap_or_default();
    let endpoint = super::network::endpoint(first.trim_end_matches(';'), usual_port(kind));
    let endpoint = endpoint.ok_or(unread)?;
    let database = decoded(address.path.trim_start_matches('/').as_bytes()).ok_or(unread)?;
    let is_on = |name: &str| address.option(name).is_some_and(|value| value == "true");
    let is_encrypted = match kind {
        Protocol::Redis => matches!(address.scheme.as_str(), "rediss" | "valkeys"),
        Protocol::MongoDb => is_on("tls") || is_on("ssl"),
        _ => false,
    };
    let database = match (kind, address.option("authSource")) {
        (Protocol::MongoDb, Some(name)) => name.to_owned(),
        (Protocol::MongoDb, None) if database.is_empty() => "admin".to_owned(),
        _ => database,
    };
    Ok(LoginTarget {
        host: endpoint.host,
        port: endpoint.port,
        user: decoded(&address.user).ok_or(unread)?,
        password: decoded(secret).ok_or(unread)?,
        database,
        is_encrypted,
    })
}

/// The parts of a URL around its password.
struct Address {
    /// Lower case.
    scheme: String,
    user: Vec<u8>,
    authority: String,
    path: String,
    query: String,
}

impl Address {
    fn read(before: &[u8], after: &[u8]) -> Option<Self> {
        let scheme_end = memchr::memmem::rfind(before, b"://")?;
        let is_scheme =
            |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        let start = before[..scheme_end]
            .iter()
            .rposition(|byte| !is_scheme(byte));
        let scheme = &before[start.map_or(0, |at| at + 1)..scheme_end];
        let user = before[scheme_end + 3..].strip_suffix(b":")?;
        let rest = after.strip_prefix(b"@")?;
        let is_end = |byte: &u8| {
            byte.is_ascii_whitespace()
                || matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'>' | b')' | b'\\')
        };
        let end = rest.iter().position(is_end).unwrap_or(rest.len());
        let rest = String::from_utf8_lossy(&rest[..end]).into_owned();
        let (authority, path) = match rest.find(['/', '?', '#']) {
            Some(at) => rest.split_at(at),
            None => (rest.as_str(), ""),
        };
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        Some(Self {
            scheme: String::from_utf8_lossy(scheme).to_ascii_lowercase(),
            user: user.to_vec(),
            authority: authority.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
        })
    }

    /// Returns the value of an option.
    fn option(&self, name: &str) -> Option<&str> {
        let pairs = self.query.split(['&', ';']);
        let mut pairs = pairs.filter_map(|pair| pair.split_once('='));
        let found = pairs.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    }
}

/// Percent-decodes; `None` if the result is no text or contains a zero byte.
fn decoded(bytes: &[u8]) -> Option<String> {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, tail)) = rest.split_first() {
        let digits = tail.get(..2).filter(|_| byte == b'%');
        let value = digits.and_then(|digits| {
            let text = std::str::from_utf8(digits).ok()?;
            u8::from_str_radix(text, 16).ok()
        });
        plain.push(value.unwrap_or(byte));
        rest = if value.is_some() { &tail[2..] } else { tail };
    }
    let text = String::from_utf8(plain).ok()?;
    (!text.contains('\0')).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_is_read_from_the_line() {
        let read = |kind, before: &str, after: &str| {
            let target = target(kind, b"p%40ss", Some((before.as_bytes(), after.as_bytes())))?;
            assert_eq!(target.password, "p@ss");
            Ok::<_, String>((target.host, target.port, target.user, target.database))
        };
        let is = |host: &str, port, user: &str, database: &str| {
            Ok((host.to_owned(), port, user.to_owned(), database.to_owned()))
        };
        assert_eq!(
            read(
                Protocol::PostgreSql,
                "DATABASE_URL=\"postgres://app:",
                "@DB.example.com/main?sslmode=require\""
            ),
            is("db.example.com", 5432, "app", "main")
        );
        assert_eq!(
            read(Protocol::MySql, "mysql://a%20b:", "@10.0.0.7:3307/x')"),
            is("10.0.0.7", 3307, "a b", "x")
        );
        assert_eq!(
            read(Protocol::Redis, "redis://:", "@[::1]:6380/0"),
            is("::1", 6380, "", "0")
        );
        assert_eq!(
            read(
                Protocol::MongoDb,
                "mongodb://u:",
                "@a.example.com,b.example.com/app?authSource=users"
            ),
            is("a.example.com", 27017, "u", "users")
        );
        for (before, after) in [
            ("postgres://app:", "@${HOST}/main"),
            ("postgres://app:", "/main"),
            ("app:", "@db.example.com"),
            ("postgres://app", "@db.example.com"),
            ("postgres://app:", "@db.example.com:0"),
            ("postgres://app:", "@db.example.com:99999"),
        ] {
            let found = read(Protocol::PostgreSql, before, after);
            assert!(found.is_err(), "{before} {after}: {found:?}");
        }
        assert!(target(Protocol::Redis, b"x", None).is_err());
    }
}
