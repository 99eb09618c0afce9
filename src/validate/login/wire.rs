//! Reading and writing for the protocols. Servers are not trusted: lengths are checked before
//! memory is allocated.

use std::io::ErrorKind;

use crate::validate::network::Trouble;

/// Maximum length of a message.
pub(super) const MAX_MESSAGE: usize = 64 * 1024;

/// Writes and flushes.
pub(super) fn write(to: &mut dyn Connection, bytes: &[u8]) -> Result<(), Trouble> {
    let written = to.write_all(bytes).and_then(|()| to.flush());
    written.map_err(|e| failed(e.kind()))
}

pub(super) use crate::validate::network::Connection;

/// Reads `len` bytes, if this is within the limit.
pub(super) fn read(from: &mut dyn Connection, len: usize) -> Result<Vec<u8>, Trouble> {
    if len > MAX_MESSAGE {
        return Err(unexpected());
    }
    let mut bytes = vec![0; len];
    let read = from.read_exact(&mut bytes);
    read.map_err(|e| failed(e.kind()))?;
    Ok(bytes)
}

/// Returns an error of the connection.
pub(super) fn failed(kind: ErrorKind) -> Trouble {
    let why = match kind {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => "the server does not answer in time",
        ErrorKind::UnexpectedEof => "the server closed the connection",
        _ => "the connection failed",
    };
    Trouble::Failed(why.to_owned())
}

/// Returns the error for a message that violates the protocol.
pub(super) fn unexpected() -> Trouble {
    Trouble::Failed("the server does not speak the expected protocol".to_owned())
}

/// Splits at the next zero byte: returns the bytes before it and after it.
pub(super) fn until_zero(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(0, bytes)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

/// Random letters, for a nonce.
pub(super) fn nonce() -> Result<String, Trouble> {
    let mut bytes = [0; 18];
    getrandom::fill(&mut bytes)
        .map_err(|_| Trouble::Refused("the system gives no random numbers".to_owned()))?;
    Ok(data_encoding::BASE64.encode(&bytes))
}
