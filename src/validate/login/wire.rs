//! Reading and writing for the protocols. What a server says is a claim: lengths are checked before anything
//! is held.

use std::io::ErrorKind;

use crate::validate::network::Trouble;

/// Longest message that is read.
pub(super) const MAX_MESSAGE: usize = 64 * 1024;

/// Writes and flushes.
pub(super) fn write(to: &mut dyn Connection, bytes: &[u8]) -> Result<(), Trouble> {
    let written = to.write_all(bytes).and_then(|()| to.flush());
    written.map_err(|e| failed(e.kind()))
}

pub(super) use crate::validate::network::Connection;

/// Reads `len` bytes, if that is not too many.
pub(super) fn read(from: &mut dyn Connection, len: usize) -> Result<Vec<u8>, Trouble> {
    if len > MAX_MESSAGE {
        return Err(unexpected());
    }
    let mut bytes = vec![0; len];
    let read = from.read_exact(&mut bytes);
    read.map_err(|e| failed(e.kind()))?;
    Ok(bytes)
}

/// The other side failed.
pub(super) fn failed(kind: ErrorKind) -> Trouble {
    let why = match kind {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => "the server does not answer in time",
        ErrorKind::UnexpectedEof => "the server closed the connection",
        _ => "the connection failed",
    };
    Trouble::Failed(why.to_owned())
}

/// The server says something that is not of its protocol.
pub(super) fn unexpected() -> Trouble {
    Trouble::Failed("the server does not speak the expected protocol".to_owned())
}

/// A slice that ends before the next zero byte, and the rest after that.
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
