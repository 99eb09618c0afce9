//! An issuer on loopback: TLS with a certificate for any names, answers by a table, a record of everything that
//! it was sent. And the authority that signs its certificate.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use graviola::hashing::Sha256;
use graviola::signing::ecdsa::{P256, SigningKey};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer as Authority, KeyIdMethod,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SignatureAlgorithm,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tempfile::TempDir;

/// What a server says to a request.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Status, headers, body.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// Nothing at all, for longer than a client waits.
    Slow,
    /// A body without an end.
    Endless,
    /// Fewer bytes than it said.
    Half,
    /// What is not HTTP.
    Garbage,
    /// The end of the connection.
    Close,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &str) -> Self {
        Self::Answer(
            status,
            vec![("Content-Type", "application/json".into())],
            body.into(),
        )
    }
}

/// What a server was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) host: String,
    pub(crate) method: String,
    pub(crate) target: String,
    /// Names, lower case, and values.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// A key with which certificates are signed.
struct Key {
    key: SigningKey<P256>,
    point: Vec<u8>,
}

impl Key {
    fn new() -> Self {
        let key = SigningKey::<P256>::generate().unwrap();
        let mut buffer = [0; 256];
        let spki = key.to_spki_der(&mut buffer).unwrap();
        let point = spki[spki.len() - 65..].to_vec();
        Self { key, point }
    }

    fn der(&self) -> PrivateKeyDer<'static> {
        let mut buffer = [0; 512];
        let der = self.key.to_pkcs8_der(&mut buffer).unwrap();
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(der.to_vec()))
    }
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        &self.point
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl rcgen::SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let mut buffer = [0; 128];
        let made = self
            .key
            .sign_asn1::<Sha256>(&[message], &mut buffer)
            .unwrap();
        Ok(made.to_vec())
    }
}

fn params(names: &[String], number: u64) -> CertificateParams {
    let mut params = CertificateParams::new(names.to_vec()).unwrap();
    params.serial_number = Some(number.into());
    params.key_identifier_method =
        KeyIdMethod::PreSpecified(vec![u8::try_from(number).unwrap(); 20]);
    params
        .distinguished_name
        .push(DnType::CommonName, format!("test {number}"));
    params
}

/// An issuer that answers.
pub(crate) struct Issuer {
    pub(crate) address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    dir: TempDir,
}

type Answers = Arc<dyn Fn(&Received) -> Reply + Send + Sync>;

impl Issuer {
    /// Starts one whose certificate is for `names`.
    pub(crate) fn start(
        names: &[&str],
        answers: impl Fn(&Received) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut authority = params(&[], 1);
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let own = Key::new();
        let root = authority.self_signed(&own).unwrap();
        let key = Key::new();
        let authority = Authority::new(authority, own);
        let leaf = params(&names, 2).signed_by(&key, &authority).unwrap();
        let dir = TempDir::new().unwrap();
        let text = data_encoding::BASE64.encode(root.der());
        let pem = format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
        std::fs::write(dir.path().join("ca.pem"), pem).unwrap();
        let provider = Arc::new(rustls_graviola::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![CertificateDer::from(leaf.der().to_vec())], key.der())
            .unwrap();
        let (config, answers): (_, Answers) = (Arc::new(config), Arc::new(answers));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&received);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (config, answers, record) = (
                    Arc::clone(&config),
                    Arc::clone(&answers),
                    Arc::clone(&record),
                );
                std::thread::spawn(move || serve(stream, config, &answers, &record));
            }
        });
        Self {
            address,
            received,
            dir,
        }
    }

    /// The file with the certificate of its authority.
    pub(crate) fn ca(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// All that it was sent.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// The options that send requests for `hosts` here.
    pub(crate) fn options(&self, hosts: &[&str]) -> Vec<String> {
        let mut options = vec!["--ca".to_owned(), self.ca().display().to_string()];
        for host in hosts {
            options.push("--validate-resolve".to_owned());
            options.push(format!("{host}={}", self.address));
        }
        options
    }
}

fn serve(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    answers: &Answers,
    record: &Mutex<Vec<Received>>,
) {
    let mut tls = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
    while let Some(received) = receive(&mut tls) {
        let reply = answers(&received);
        record.lock().unwrap().push(received);
        if say(&mut tls, reply).is_none() {
            break;
        }
    }
    tls.conn.send_close_notify();
    let _ = tls.conn.complete_io(&mut tls.sock);
}

fn receive(tls: &mut impl Read) -> Option<Received> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        tls.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let mut first = lines.next().unwrap().split(' ');
    let (method, target) = (first.next().unwrap(), first.next().unwrap());
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers: Vec<(String, String)> = headers
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let find = |name: &str| headers.iter().find(|(known, _)| known == name);
    let len = find("content-length").map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = vec![0; len];
    tls.read_exact(&mut body).ok()?;
    Some(Received {
        host: find("host").map_or(String::new(), |(_, value)| value.clone()),
        method: method.to_owned(),
        target: target.to_owned(),
        body: String::from_utf8(body).unwrap(),
        headers,
    })
}

/// Answers; `None` if the connection ends with it.
fn say(tls: &mut impl Write, reply: Reply) -> Option<()> {
    match reply {
        Reply::Answer(status, headers, body) => {
            let mut text = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n", body.len());
            for (name, value) in headers {
                text.push_str(&format!("{name}: {value}\r\n"));
            }
            tls.write_all(format!("{text}\r\n{body}").as_bytes()).ok()?;
            tls.flush().ok()
        }
        Reply::Slow => {
            std::thread::sleep(Duration::from_secs(30));
            None
        }
        Reply::Endless => {
            tls.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
            while tls.write_all(&[b'x'; 4096]).is_ok() {}
            None
        }
        Reply::Half => {
            let text = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"login\":\"ada\"}";
            tls.write_all(text).ok()?;
            tls.flush().ok()?;
            None
        }
        Reply::Garbage => {
            tls.write_all(b"\x00\x01 this is no HTTP \r\n\r\n").ok()?;
            tls.flush().ok()?;
            None
        }
        Reply::Close => None,
    }
}
