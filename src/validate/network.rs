//! What a validation needs of the world: the program implements it, tests stand in for it.

use std::fmt;
use std::io::{Read, Write};
use std::time::Duration;

/// Longest part of an answer that is read.
pub const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    /// The name of the host, lower case.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Whether the user named this host: it may then have a private address.
    pub is_named: bool,
}

impl Endpoint {
    /// The name, with the port if it is not `usual`.
    pub fn authority(&self, usual: u16) -> String {
        match self.port == usual {
            true => self.host.clone(),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

/// A request over HTTPS. It holds a secret: `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST`, ...
    pub method: String,
    /// Where it goes.
    pub endpoint: Endpoint,
    /// Path and query, beginning with `/`.
    pub target: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// What is sent.
    pub body: Option<Vec<u8>>,
}

impl Request {
    /// The address it is sent to.
    pub fn url(&self) -> String {
        format!("https://{}{}", self.endpoint.authority(443), self.target)
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({} to {})", self.method, self.endpoint.host)
    }
}

/// An answer. It may repeat the secret: `Debug` shows only the status.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Names, lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body, cut at [`MAX_ANSWER_BYTES`].
    pub body: Vec<u8>,
    /// Whether it was cut.
    pub is_cut: bool,
}

impl Answer {
    /// The values of a header.
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

/// Why there is no answer. The words never hold what was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing was sent, because a rule of safety forbids it.
    Refused(String),
    /// The network, the name service or the other side failed.
    Failed(String),
}

/// A connection to a server that is not HTTP.
pub trait Connection: Read + Write + Send {
    /// Goes on encrypted, with a certificate for the host that was connected to.
    ///
    /// # Errors
    /// Why it cannot.
    fn encrypt(self: Box<Self>) -> Result<Box<dyn Connection>, Trouble>;
}

/// What sends requests. Each goes to its endpoint, and to no other host: redirects are answers.
pub trait Network: Sync {
    /// Sends a request, and reads the answer.
    ///
    /// # Errors
    /// Why there is none.
    fn send(&self, request: &Request) -> Result<Answer, Trouble>;

    /// Connects to a server, without encryption.
    ///
    /// # Errors
    /// Why it cannot.
    fn connect(&self, endpoint: &Endpoint) -> Result<Box<dyn Connection>, Trouble>;

    /// Signs with an RSA key in PKCS #8 form: RSASSA-PKCS1-v1_5 with SHA-256. `None` if the key is none.
    fn sign_rs256(&self, key: &[u8], message: &[u8]) -> Option<Vec<u8>>;

    /// Waits; returns whether to go on.
    fn wait(&self, time: Duration) -> bool;

    /// Seconds since 1970.
    fn now(&self) -> i64;
}
