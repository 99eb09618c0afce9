//! The network: HTTPS through ureq with rustls, and plain connections for databases. A name is resolved once,
//! its addresses are checked, and the connection goes to one of those: a name that changes its mind meanwhile
//! gains nothing. Redirects are answers.

use std::collections::{HashMap, HashSet};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use unleak::error::{Error, Result};
use unleak::validate::network::{Answer, Connection, Endpoint, MAX_ANSWER_BYTES, Request, Trouble};
use unleak::validate::{Hosts, Network};
use ureq::http;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use crate::interrupt;
use crate::options::AskOptions;

/// Longest time of a request.
const MAX_TIME: Duration = Duration::from_secs(10);
/// While something waits, it looks this often whether it was interrupted.
const TICK: Duration = Duration::from_millis(50);

/// Sends requests.
pub(crate) struct Transport {
    agent: ureq::Agent,
    names: NameResolver,
    tls: Arc<rustls::ClientConfig>,
}

impl Transport {
    /// Prepares it: reads the certificates of the system and of '--ca'.
    ///
    /// # Errors
    /// `Usage` or `Io` if an option cannot be followed.
    pub(crate) fn open(options: &AskOptions, hosts: &Hosts) -> Result<Self> {
        if !graviola::util::is_cpu_supported() {
            return Err(Error::usage(
                "this processor lacks instructions that the encryption of requests needs",
            )
            .hint("validate on another machine: x86-64 since about 2014, or 64-bit ARM"));
        }
        let roots = roots(options.ca.as_deref())?;
        let provider = Arc::new(rustls_graviola::default_provider());
        let mut store = rustls::RootCertStore::empty();
        store.add_parsable_certificates(roots.iter().cloned());
        let tls = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|e| Error::internal("no encryption is configured").because(e))?
            .with_root_certificates(store)
            .with_no_client_auth();
        let proxy = match &options.validate_proxy {
            Some(url) => Some(ureq::Proxy::new(url).map_err(|_| {
                Error::usage("'--validate-proxy' is not the address of a proxy")
                    .hint("write it as in 'http://proxy.example.com:3128'")
            })?),
            None => ureq::Proxy::try_from_env(),
        };
        let names = NameResolver {
            fixed: Arc::new(resolutions(&options.validate_resolve)?),
            named: Arc::new(hosts.names().map(str::to_owned).collect()),
            proxy: proxy
                .as_ref()
                .map(|proxy| proxy.host().to_ascii_lowercase()),
        };
        let certificates = roots
            .iter()
            .map(|der| Certificate::from_der(der).to_owned());
        let certificates: Vec<Certificate<'static>> = certificates.collect();
        let tls_config = TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(&certificates))
            .unversioned_rustls_crypto_provider(provider)
            .build();
        let config = ureq::Agent::config_builder()
            .https_only(true)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(proxy)
            .user_agent(concat!("unleak/", env!("CARGO_PKG_VERSION")))
            .accept("")
            .accept_encoding("")
            .timeout_global(Some(MAX_TIME))
            .max_idle_connections_per_host(1)
            .tls_config(tls_config)
            .build();
        let agent = ureq::Agent::with_parts(config, DefaultConnector::new(), names.clone());
        Ok(Self {
            agent,
            names,
            tls: Arc::new(tls),
        })
    }
}

/// The certificates that are trusted.
fn roots(ca: Option<&Path>) -> Result<Vec<CertificateDer<'static>>> {
    let mut roots = rustls_native_certs::load_native_certs().certs;
    if let Some(path) = ca {
        let bytes = std::fs::read(path).map_err(|e| Error::io("read", path, e))?;
        let found: Vec<_> = CertificateDer::pem_slice_iter(&bytes)
            .collect::<std::result::Result<_, _>>()
            .unwrap_or_default();
        if found.is_empty() {
            let path = path.display();
            return Err(Error::usage(format!("'{path}' holds no certificate"))
                .hint("'--ca' takes certificates in PEM form"));
        }
        roots.extend(found);
    }
    match roots.is_empty() {
        false => Ok(roots),
        true => Err(Error::usage("the system has no trusted certificates")
            .hint("install 'ca-certificates', or name a file: '--ca FILE'")),
    }
}

fn resolutions(texts: &[String]) -> Result<HashMap<String, SocketAddr>> {
    let read = texts.iter().map(|text| {
        let found = text
            .split_once('=')
            .and_then(|(host, address)| Some((host.to_ascii_lowercase(), address.parse().ok()?)));
        found.ok_or_else(|| {
            Error::usage(format!("'{text}' does not resolve a name"))
                .hint("write it as in 'api.example.com=127.0.0.1:8443'")
        })
    });
    read.collect()
}

/// From names to addresses.
#[derive(Clone, Debug)]
struct NameResolver {
    /// Those of '--validate-resolve'.
    fixed: Arc<HashMap<String, SocketAddr>>,
    /// The hosts that the user named, which may have any address.
    named: Arc<HashSet<String>>,
    /// The host of the proxy, which may have any address.
    proxy: Option<String>,
}

/// A name has an address that only a host that the user named may have.
#[derive(Debug)]
struct PrivateAddress;

impl std::fmt::Display for PrivateAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the host has a private address; '--validate-host' allows that")
    }
}

impl std::error::Error for PrivateAddress {}

impl NameResolver {
    /// The addresses of a host.
    fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let host = host.to_ascii_lowercase();
        if let Some(address) = self.fixed.get(&host) {
            return Ok(vec![*address]);
        }
        let addresses: Vec<SocketAddr> = (host.as_str(), port).to_socket_addrs()?.collect();
        let may_be_private = self.named.contains(&host) || self.proxy.as_deref() == Some(&host);
        if !may_be_private && addresses.iter().any(|address| !is_public(address.ip())) {
            return Err(io::Error::other(PrivateAddress));
        }
        match addresses.is_empty() {
            true => Err(io::ErrorKind::NotFound.into()),
            false => Ok(addresses),
        }
    }

    /// The same in a thread of its own: the name service has no time limit.
    fn resolve_within(&self, host: &str, port: u16, time: Duration) -> io::Result<Vec<SocketAddr>> {
        let (sender, receiver) = std::sync::mpsc::channel();
        let (names, host) = (self.clone(), host.to_owned());
        std::thread::spawn(move || {
            // Nobody may be waiting any more.
            let _ = sender.send(names.resolve(&host, port));
        });
        let found = receiver.recv_timeout(time);
        found.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl Resolver for NameResolver {
    fn resolve(
        &self,
        uri: &http::Uri,
        _: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> std::result::Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().ok_or(ureq::Error::HostNotFound)?;
        let port = uri.port_u16().unwrap_or(match uri.scheme_str() {
            Some("http") => 80,
            _ => 443,
        });
        let time = (*timeout.after).min(MAX_TIME);
        let found = self.resolve_within(host, port, time);
        let found = found.map_err(ureq::Error::Io)?;
        let mut addresses = self.empty();
        for address in found.into_iter().take(16) {
            addresses.push(address);
        }
        Ok(addresses)
    }
}

/// Whether an address is one of the Internet: not of this machine, a private network, a link, a group, or of
/// translations to one of those.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_broadcast()
                || v4.is_multicast()
                || v4.is_documentation()
                || a == 0
                || a >= 240
                || (a == 100 && b & 0xc0 == 64)
                || (a == 198 && b & 0xfe == 18)
                || (a == 192 && b == 0 && c == 0))
        }
        IpAddr::V6(v6) => match v6.to_ipv4_mapped().or_else(|| embedded(v6)) {
            Some(v4) => is_public(IpAddr::V4(v4)),
            None => {
                let first = v6.segments()[0];
                !(v6.is_loopback()
                    || v6.is_unspecified()
                    || v6.is_multicast()
                    || first & 0xfe00 == 0xfc00
                    || first & 0xffc0 == 0xfe80
                    || first & 0xffc0 == 0xfec0
                    || (first == 0x2001 && v6.segments()[1] == 0x0db8))
            }
        },
    }
}

/// The address of version 4 in one of version 6: of NAT64 and 6to4.
fn embedded(address: Ipv6Addr) -> Option<std::net::Ipv4Addr> {
    let octets = address.octets();
    let at = match address.segments() {
        [0x0064, 0xff9b, 0, 0, 0, 0, ..] => 12,
        [0x2002, ..] => 2,
        [0, 0, 0, 0, 0, 0, high, _] if high != 0 => 12,
        _ => return None,
    };
    let four: [u8; 4] = octets[at..at + 4].try_into().ok()?;
    Some(four.into())
}

impl Network for Transport {
    fn send(&self, request: &Request) -> std::result::Result<Answer, Trouble> {
        let mut made = http::Request::builder()
            .method(request.method.as_str())
            .uri(request.url());
        for (name, value) in &request.headers {
            made = made.header(name, value);
        }
        let unfit = |_| Trouble::Refused("the request cannot be sent".to_owned());
        let response = match &request.body {
            Some(body) => self.agent.run(made.body(body.clone()).map_err(unfit)?),
            None if request.method == "POST" => {
                self.agent.run(made.body(Vec::new()).map_err(unfit)?)
            }
            None => self.agent.run(made.body(()).map_err(unfit)?),
        };
        let response = response.map_err(|e| trouble(&e))?;
        let headers = response.headers().iter();
        let headers = headers.filter_map(|(name, value)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        });
        let headers = headers.collect();
        let status = response.status().as_u16();
        let mut reader = response.into_body().into_with_config();
        reader = reader.limit(u64::MAX);
        let mut reader = reader.reader().take(MAX_ANSWER_BYTES as u64 + 1);
        let mut body = Vec::new();
        reader.read_to_end(&mut body).map_err(|e| io_trouble(&e))?;
        let is_cut = body.len() > MAX_ANSWER_BYTES;
        body.truncate(MAX_ANSWER_BYTES);
        Ok(Answer {
            status,
            headers,
            body,
            is_cut,
        })
    }

    fn connect(&self, endpoint: &Endpoint) -> std::result::Result<Box<dyn Connection>, Trouble> {
        let deadline = Instant::now() + MAX_TIME;
        let (host, port) = (&endpoint.host, endpoint.port);
        let found = self.names.resolve_within(host, port, MAX_TIME);
        let mut last = Trouble::Failed("the name of the host is not known".to_owned());
        for address in found.map_err(|e| io_trouble(&e))? {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            match TcpStream::connect_timeout(&address, left) {
                Ok(stream) => {
                    return Ok(Box::new(Plain {
                        stream: Timed { stream, deadline },
                        host: host.clone(),
                        tls: Arc::clone(&self.tls),
                    }));
                }
                Err(e) => last = io_trouble(&e),
            }
        }
        Err(last)
    }

    fn sign_rs256(&self, key: &[u8], message: &[u8]) -> Option<Vec<u8>> {
        let key = graviola::signing::rsa::SigningKey::from_pkcs8_der(key).ok()?;
        let mut signature = vec![0; key.modulus_len_bytes()];
        let made = key.sign_pkcs1_sha256(&mut signature, message).ok()?;
        Some(made.to_vec())
    }

    fn wait(&self, time: Duration) -> bool {
        let end = Instant::now() + time;
        loop {
            if interrupt::was_asked_to_stop() {
                return false;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            std::thread::sleep(left.min(TICK));
        }
    }

    fn now(&self) -> i64 {
        jiff::Timestamp::now().as_second()
    }
}

/// What went wrong, in our own words: those of libraries may repeat what was sent.
fn trouble(error: &ureq::Error) -> Trouble {
    let why = match error {
        ureq::Error::Io(e) => return io_trouble(e),
        ureq::Error::Timeout(_) => "no answer within 10 seconds",
        ureq::Error::HostNotFound => "the name of the host is not known",
        ureq::Error::ConnectionFailed => "the connection failed",
        ureq::Error::Rustls(e) => return tls_trouble(e),
        ureq::Error::Tls(_) => "no encrypted connection can be made",
        ureq::Error::InvalidProxyUrl | ureq::Error::ConnectProxyFailed(_) => {
            "the proxy does not connect"
        }
        ureq::Error::Http(_) | ureq::Error::BadUri(_) | ureq::Error::RequireHttpsOnly(_) => {
            return Trouble::Refused("the request cannot be sent".to_owned());
        }
        ureq::Error::Protocol(_) | ureq::Error::LargeResponseHeader(..) => {
            "the answer is not one of HTTP"
        }
        _ => "the request failed",
    };
    Trouble::Failed(why.to_owned())
}

fn tls_trouble(error: &rustls::Error) -> Trouble {
    let why = match error {
        rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => {
            "the certificate of the host is not trusted"
        }
        _ => "no encrypted connection can be made",
    };
    Trouble::Failed(why.to_owned())
}

fn io_trouble(error: &io::Error) -> Trouble {
    if let Some(inner) = error.get_ref() {
        if inner.is::<PrivateAddress>() {
            return Trouble::Refused(inner.to_string());
        }
        if let Some(tls) = inner.downcast_ref::<rustls::Error>() {
            return tls_trouble(tls);
        }
        if let Some(http) = inner.downcast_ref::<ureq::Error>() {
            return match http {
                // What it holds may be this very error.
                ureq::Error::Io(_) => Trouble::Failed("the connection failed".to_owned()),
                other => trouble(other),
            };
        }
    }
    let why = match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => "no answer within 10 seconds",
        io::ErrorKind::ConnectionRefused => "the host refuses the connection",
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe => "the host closed the connection",
        io::ErrorKind::NotFound => "the name of the host is not known",
        _ => "the connection failed",
    };
    Trouble::Failed(why.to_owned())
}

/// A stream with a time by which everything must be done.
struct Timed {
    stream: TcpStream,
    deadline: Instant,
}

impl Timed {
    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        match left.is_zero() {
            true => Err(io::ErrorKind::TimedOut.into()),
            false => Ok(Some(left)),
        }
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        self.stream.read(buffer)
    }
}

impl Write for Timed {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// A connection without encryption.
struct Plain {
    stream: Timed,
    host: String,
    tls: Arc<rustls::ClientConfig>,
}

impl Read for Plain {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl Write for Plain {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.stream.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl Connection for Plain {
    fn encrypt(self: Box<Self>) -> std::result::Result<Box<dyn Connection>, Trouble> {
        let name = ServerName::try_from(self.host.clone());
        let name = name.map_err(|_| Trouble::Refused("its name cannot be checked".to_owned()))?;
        let mut client =
            rustls::ClientConnection::new(self.tls, name).map_err(|e| tls_trouble(&e))?;
        let mut stream = self.stream;
        // The certificate is checked before anything else is sent.
        while client.is_handshaking() {
            client
                .complete_io(&mut stream)
                .map_err(|e| io_trouble(&e))?;
        }
        Ok(Box::new(Encrypted(rustls::StreamOwned::new(
            client, stream,
        ))))
    }
}

/// An encrypted connection.
struct Encrypted(rustls::StreamOwned<rustls::ClientConnection, Timed>);

impl Read for Encrypted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Encrypted {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Connection for Encrypted {
    fn encrypt(self: Box<Self>) -> std::result::Result<Box<dyn Connection>, Trouble> {
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_not_of_the_internet_are_known() {
        for (text, wanted) in [
            ("1.1.1.1", true),
            ("140.82.112.5", true),
            ("127.0.0.1", false),
            ("127.8.8.8", false),
            ("0.0.0.0", false),
            ("0.1.2.3", false),
            ("10.1.2.3", false),
            ("172.16.0.1", false),
            ("172.32.0.1", true),
            ("192.168.1.1", false),
            ("169.254.169.254", false),
            ("100.64.0.1", false),
            ("100.128.0.1", true),
            ("192.0.0.8", false),
            ("198.18.0.1", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("2606:4700::1111", true),
            ("::1", false),
            ("::", false),
            ("fe80::1", false),
            ("fc00::1", false),
            ("fd12:3456::1", false),
            ("ff02::1", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:1.1.1.1", true),
            ("::127.0.0.1", false),
            ("64:ff9b::a00:1", false),
            ("64:ff9b::101:101", true),
            ("2002:7f00:1::", false),
        ] {
            assert_eq!(is_public(text.parse().unwrap()), wanted, "{text}");
        }
    }
}
