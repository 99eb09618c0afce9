//! Digests of repository files and objects.
//!
//! Object ids come from gix, which detects collision attacks on SHA-1. The checksum at the end of
//! a pack index only guards against accidents, so the faster plain digests do.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use gix::ObjectId;
use gix::hash::Kind as HashKind;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::ObjectKind;
use super::reason::reason;

/// Checks that the last bytes of a file are the digest of all bytes before them.
///
/// # Errors
/// A message if the file is too short or the digest differs.
pub fn check_trailer(file: &[u8], hash: HashKind) -> Result<(), String> {
    let Some(body_len) = file.len().checked_sub(hash.len_in_bytes()) else {
        return Err("file is too short".into());
    };
    let (body, trailer) = file.split_at(body_len);
    let same = match hash {
        HashKind::Sha1 => Sha1::digest(body).as_slice() == trailer,
        HashKind::Sha256 => Sha256::digest(body).as_slice() == trailer,
        _ => return Err(format!("object format {hash} is not supported")),
    };
    if same {
        Ok(())
    } else {
        Err("its checksum does not match its contents".into())
    }
}

/// Returns the digest of `bytes`.
pub fn digest(bytes: &[u8], hash: HashKind) -> Vec<u8> {
    match hash {
        HashKind::Sha1 => Sha1::digest(bytes).to_vec(),
        _ => Sha256::digest(bytes).to_vec(),
    }
}

/// Returns the SHA-256 of a file, which is read in pieces, and its size.
///
/// # Errors
/// What the operating system says.
pub fn file_digest(path: &Path) -> std::io::Result<(u64, Vec<u8>)> {
    let mut hasher = Sha256::new();
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 18];
    let mut size = 0;
    loop {
        let len = file.read(&mut buffer)?;
        if len == 0 {
            return Ok((size, hasher.finalize().to_vec()));
        }
        hasher.update(&buffer[..len]);
        size += len as u64;
    }
}

/// Returns the id of an object that unleak itself makes, and that git hashes again when it is stored: a
/// collision attack is found then. Several times as fast as [`object_id`].
///
/// # Errors
/// A message if the kind is unknown.
pub fn made_object_id(hash: HashKind, kind: ObjectKind, bytes: &[u8]) -> Result<ObjectId, String> {
    let kind = kind.to_gix().ok_or("object of unknown kind")?;
    let header = gix::objs::encode::loose_header(kind, bytes.len() as u64);
    let id = match hash {
        HashKind::Sha1 => ObjectId::try_from(
            &Sha1::new()
                .chain_update(&header)
                .chain_update(bytes)
                .finalize()[..],
        ),
        _ => ObjectId::try_from(
            &Sha256::new()
                .chain_update(&header)
                .chain_update(bytes)
                .finalize()[..],
        ),
    };
    id.map_err(|e| e.to_string())
}

/// Returns the id of an object.
///
/// # Errors
/// A message if the kind is unknown or the bytes are a SHA-1 collision attack.
pub fn object_id(hash: HashKind, kind: ObjectKind, bytes: &[u8]) -> Result<ObjectId, String> {
    let kind = kind.to_gix().ok_or("object of unknown kind")?;
    gix::objs::compute_hash(hash, kind, bytes).map_err(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_made_objects_are_those_that_gix_computes() {
        for kind in [
            ObjectKind::Blob,
            ObjectKind::Tree,
            ObjectKind::Commit,
            ObjectKind::Tag,
        ] {
            for len in [0, 1, 9, 10, 63, 64, 1000] {
                let bytes = vec![b'x'; len];
                for hash in [HashKind::Sha1, HashKind::Sha256] {
                    assert_eq!(
                        made_object_id(hash, kind, &bytes),
                        object_id(hash, kind, &bytes)
                    );
                }
            }
        }
    }
}
