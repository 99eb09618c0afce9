//! The interface to the network. The program implements it; tests have their own implementation.

use std::fmt;
use std::io::{Read, Write};
use std::net::IpAddr;
use std::time::Duration;

/// Maximum number of bytes of an answer that are read.
pub const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// The destination of a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    /// The name of the host, lower case.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Whether the user named this host. It may then have a private address.
    pub is_named: bool,
}

impl Endpoint {
    /// Returns the name, with the port if it is not `usual`.
    pub fn authority(&self, usual: u16) -> String {
        match self.port == usual {
            true => self.host.clone(),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

/// An HTTPS request. It contains a secret, which `Debug` does not show.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST`, ...
    pub method: String,
    /// Its destination.
    pub endpoint: Endpoint,
    /// Path and query, beginning with `/`.
    pub target: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<Vec<u8>>,
}

impl Request {
    /// Returns its URL.
    pub fn url(&self) -> String {
        format!("https://{}{}", self.endpoint.authority(443), self.target)
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({} to {})", self.method, self.endpoint.host)
    }
}

/// An answer. It may contain the secret, so `Debug` shows only the status.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Names, lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body, truncated to [`MAX_ANSWER_BYTES`].
    pub body: Vec<u8>,
    /// Whether the body was truncated.
    pub is_cut: bool,
}

impl Answer {
    /// Returns the values of a header.
    pub fn header(&self, name: &str) -> impl Iterator<Item = &str> {
        let found = self.headers.iter().filter(move |(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({})", self.status)
    }
}

/// The reason why there is no answer. The text never contains data that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing was sent, for safety.
    Refused(String),
    /// The network, the name resolution or the server failed.
    Failed(String),
}

/// A connection to a server that is not HTTP.
pub trait Connection: Read + Write + Send {
    /// Starts encryption, with a certificate for the connected host.
    ///
    /// # Errors
    /// The reason of the failure.
    fn encrypt(self: Box<Self>) -> Result<Box<dyn Connection>, Trouble>;
}

/// Sends requests. Each request is sent only to its endpoint: redirects are not followed, but
/// returned as answers.
pub trait Network: Sync {
    /// Sends a request and returns the answer.
    ///
    /// # Errors
    /// The reason of the failure.
    fn send(&self, request: &Request) -> Result<Answer, Trouble>;

    /// Connects to a server, without encryption.
    ///
    /// # Errors
    /// The reason of the failure.
    fn connect(&self, endpoint: &Endpoint) -> Result<Box<dyn Connection>, Trouble>;

    /// Signs with an RSA key in PKCS #8 form: RSASSA-PKCS1-v1_5 with SHA-256. `None` if the key is
    /// invalid.
    fn sign_rs256(&self, key: &[u8], message: &[u8]) -> Option<Vec<u8>>;

    /// Waits; returns whether to continue.
    fn wait(&self, time: Duration) -> bool;

    /// Returns the time in seconds since 1970.
    fn now(&self) -> i64;
}

/// Parses `HOST` or `HOST:PORT`; a host may be an IP address.
pub(super) fn endpoint(text: &str, usual: u16) -> Option<Endpoint> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            (host, port.parse().ok().filter(|port| *port != 0)?)
        }
        _ => (text, usual),
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let is_name = !host.is_empty()
        && host.len() <= 253
        && host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
    let is_good = is_name || bare.parse::<IpAddr>().is_ok();
    is_good.then(|| Endpoint {
        host: bare.to_ascii_lowercase(),
        port,
        is_named: true,
    })
}
