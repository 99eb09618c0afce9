//! The connection phase of MySQL's protocol ("Connection Phase" in MySQL's internals manual), which
//! MariaDB also uses.

use gix::hash::Kind as HashKind;
use sha2::{Digest, Sha256};

use super::wire::{Connection, read, unexpected, until_zero, write};
use super::{LoginResult, LoginTarget};
use crate::odb::hash::digest;
use crate::validate::State;
use crate::validate::network::Trouble;

/// Capabilities: long password, protocol 4.1, secure connection, plugins.
const CAPABILITIES: u32 = 0x1 | 0x200 | 0x8000 | 0x8_0000;
/// The capability to switch to encryption.
const ENCRYPTION: u32 = 0x800;
/// Maximum number of messages.
const MAX_MESSAGES: usize = 20;
/// UTF-8.
const CHARSET: u8 = 45;

/// Logs in.
pub(super) fn login(mut connection: Box<dyn Connection>, target: &LoginTarget) -> LoginResult {
    let (mut number, greeting) = receive(&mut *connection)?;
    if greeting.first() == Some(&0xff) {
        return Ok(refused(&greeting));
    }
    let server = Greeting::read(&greeting).ok_or_else(unexpected)?;
    let is_encrypted = server.capabilities & ENCRYPTION != 0;
    let flags = CAPABILITIES | if is_encrypted { ENCRYPTION } else { 0 };
    let mut head = flags.to_le_bytes().to_vec();
    head.extend_from_slice(&0x0100_0000_u32.to_le_bytes());
    head.push(CHARSET);
    head.extend_from_slice(&[0; 23]);
    if is_encrypted {
        number = send(&mut *connection, number, &head)?;
        connection = connection.encrypt()?;
    }
    let connection = &mut *connection;
    let password = target.password.as_bytes();
    let mut plugin = server.plugin;
    let answer = scrambled(&plugin, password, &server.salt).unwrap_or_default();
    let mut message = head;
    message.extend_from_slice(target.user.as_bytes());
    message.push(0);
    message.push(u8::try_from(answer.len()).map_err(|_| unexpected())?);
    message.extend_from_slice(&answer);
    message.extend_from_slice(plugin.as_bytes());
    message.push(0);
    send(connection, number, &message)?;
    for _ in 0..MAX_MESSAGES {
        let (number, message) = receive(connection)?;
        match message.split_first() {
            Some((0x00, _)) => {
                let said = "the server accepts the login".to_owned();
                return Ok((State::Active, said));
            }
            Some((0xff, _)) => return Ok(refused(&message)),
            // The server requires another plugin.
            Some((0xfe, rest)) => {
                let (name, salt) = until_zero(rest).ok_or_else(unexpected)?;
                plugin = String::from_utf8_lossy(name).into_owned();
                let salt = salt.strip_suffix(b"\0").unwrap_or(salt);
                let Some(answer) = scrambled(&plugin, password, salt) else {
                    let why = "no way to ask: the server wants another kind of login";
                    return Ok((State::Unknown, why.to_owned()));
                };
                send(connection, number, &answer)?;
            }
            Some((0x01, [3])) => {}
            Some((0x01, [4])) if is_encrypted && plugin == "caching_sha2_password" => {
                send(connection, number, &[password, b"\0"].concat())?;
            }
            Some((0x01, [4])) => {
                let why = "refused: the server asks for the password without encryption";
                return Ok((State::Unknown, why.to_owned()));
            }
            _ => return Err(unexpected()),
        }
    }
    Err(unexpected())
}

/// The first message of the server.
struct Greeting {
    capabilities: u32,
    salt: Vec<u8>,
    plugin: String,
}

impl Greeting {
    fn read(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(&[10])?;
        let (_, rest) = until_zero(rest)?;
        let first = rest.get(4..12)?;
        let (low, high) = (rest.get(13..15)?, rest.get(18..20)?);
        let capabilities = u32::from_le_bytes([low[0], low[1], high[0], high[1]]);
        let len = usize::from(*rest.get(20)?);
        let second = rest.get(31..)?;
        let second_len = len.saturating_sub(8).max(13);
        let tail = second.get(..second_len)?;
        let plugin = second.get(second_len..)?;
        let plugin = until_zero(plugin).map_or(plugin, |(name, _)| name);
        let tail = tail.strip_suffix(b"\0").unwrap_or(tail);
        Some(Self {
            capabilities,
            salt: [first, tail].concat(),
            plugin: String::from_utf8_lossy(plugin).into_owned(),
        })
    }
}

/// Returns the proof for a plugin; `None` if the plugin is unknown.
fn scrambled(plugin: &str, password: &[u8], salt: &[u8]) -> Option<Vec<u8>> {
    let xor = |a: &[u8], b: &[u8]| a.iter().zip(b).map(|(a, b)| a ^ b).collect();
    match plugin {
        "mysql_native_password" => {
            let sha1 = |bytes: &[u8]| digest(bytes, HashKind::Sha1);
            let once = sha1(password);
            let twice = sha1(&once);
            Some(xor(&once, &sha1(&[salt, &twice].concat())))
        }
        "caching_sha2_password" => {
            let once = Sha256::digest(password);
            let twice = Sha256::digest(once);
            let mixed = Sha256::digest([&twice[..], salt].concat());
            Some(xor(&once, &mixed))
        }
        _ => None,
    }
}

/// Evaluates an error: 1045 means that user and password were refused.
fn refused(message: &[u8]) -> (State, String) {
    let code = message
        .get(1..3)
        .map_or(0, |code| u16::from_le_bytes([code[0], code[1]]));
    match code {
        1045 => {
            let why = "the server refuses the login from here (1045)";
            (State::Inactive, why.to_owned())
        }
        code => (State::Unknown, format!("ambiguous answer: error {code}")),
    }
}

fn send(connection: &mut dyn Connection, after: u8, body: &[u8]) -> Result<u8, Trouble> {
    let number = after.wrapping_add(1);
    let len = u32::try_from(body.len()).map_err(|_| unexpected())?;
    let mut message = len.to_le_bytes()[..3].to_vec();
    message.push(number);
    message.extend_from_slice(body);
    write(connection, &message)?;
    Ok(number)
}

fn receive(connection: &mut dyn Connection) -> Result<(u8, Vec<u8>), Trouble> {
    let head = read(connection, 4)?;
    let len = u32::from_le_bytes([head[0], head[1], head[2], 0]);
    let len = usize::try_from(len).map_err(|_| unexpected())?;
    Ok((head[3], read(connection, len)?))
}
