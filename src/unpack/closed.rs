//! Recognises formats that contain text but are not supported, and encrypted files, so that they
//! are reported.

use memchr::memmem;

use super::format::is_binary;
use super::{Reason, UnpackFailure};

/// The first bytes of unsupported formats, and their names.
const NOT_OPENED: [(&[u8], &str); 19] = [
    (b"Rar!\x1a\x07", "rar archive"),
    (b"xar!\0", "xar archive"),
    (b"hsqs", "squashfs image"),
    (b"sqsh", "squashfs image"),
    (b"\x1f\x9d", "file of compress (.Z)"),
    (b"\x1f\xa0", "file of compress -H"),
    (b"\xff\x06\0\0sNaPpY", "snappy stream"),
    (b"\x02\x21\x4c\x18", "lz4 stream of the legacy format"),
    (b"\x89LZO\0\r\n\x1a\n", "lzop file"),
    (b"LRZI", "lrzip file"),
    (b"MSCF\0\0\0\0", "cabinet archive"),
    (b"MSWIM\0\0\0", "wim image"),
    (b"7kSt\xa0", "zpaq archive"),
    (b"QFI\xfb", "qcow2 image"),
    (b"Obj\x01", "avro file"),
    (b"ARROW1\0\0", "arrow file"),
    (b"\x89HDF\r\n\x1a\n", "HDF5 file"),
    (b"EVF\x09\r\n\xff\0", "EWF image"),
    (b"conectix", "VHD image"),
];

/// The same for encrypted formats.
const ENCRYPTED: [(&[u8], &str); 14] = [
    (b"\0GITCRYPT\0", "git-crypt"),
    (b"age-encryption.org/v1\n", "age"),
    (b"Salted__", "openssl enc"),
    (b"\x03\xd9\xa2\x9a", "KeePass"),
    (b"LUKS\xba\xbe", "LUKS"),
    (b"\x85\x01\x0c\x03", "OpenPGP"),
    (b"\x85\x02\x0c\x03", "OpenPGP"),
    (b"\x85\x01\x8c\x03", "OpenPGP"),
    (b"\x84\x5e\x03", "OpenPGP"),
    (b"\x8c\x0d\x04\x07", "OpenPGP"),
    (b"\x8c\x0d\x04\x09", "OpenPGP"),
    (b"SQLCipher", "SQLCipher"),
    (b"-----BEGIN AGE ENCRYPTED FILE-----", "age"),
    (b"-----BEGIN PGP MESSAGE-----", "OpenPGP"),
];

/// The beginning of an ansible-vault file.
const VAULT: &[u8] = b"$ANSIBLE_VAULT;";
/// A value that sops encrypted.
const SOPS: &[u8] = b"ENC[AES256_GCM,";
/// The region at the end of a sops file that is searched, and the keyword there.
const SOPS_TAIL: usize = 8 << 10;
const SOPS_WORD: &[u8] = b"version";
const SOPS_WORD_TAIL: usize = 96;
/// Byte order marks of UTF-7.
const UTF7: [&[u8]; 4] = [b"+/v8", b"+/v9", b"+/v+", b"+/v/"];
/// The trailer of an Apple disk image.
const DMG_TRAILER: usize = 512;
/// The name of a stream in a password-protected office document, in UTF-16.
const OLE: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
const OLE_ENCRYPTED: &[u8] = b"E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e\0";

/// Returns why `bytes` are not opened, if they are such a file.
pub(super) fn kind(bytes: &[u8]) -> Option<UnpackFailure> {
    if let Some(failure) = text(bytes) {
        return Some(failure);
    }
    if !is_binary(bytes) {
        return None;
    }
    let has = |known: &&(&[u8], &str)| bytes.starts_with(known.0);
    if let Some((_, name)) = ENCRYPTED.iter().find(has) {
        return Some(encrypted(name));
    }
    if let Some((_, name)) = NOT_OPENED.iter().find(has) {
        return Some(not_opened(name));
    }
    let tail = bytes.len().saturating_sub(DMG_TRAILER);
    if bytes[tail..].starts_with(b"koly\0\0\0\x04") {
        return Some(not_opened("dmg image"));
    }
    if bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1") {
        return Some(not_opened("parquet file"));
    }
    if bytes.starts_with(b"ORC") && bytes.ends_with(b"ORC\x17") {
        return Some(not_opened("ORC file"));
    }
    if bytes.starts_with(OLE) && memmem::find(bytes, OLE_ENCRYPTED).is_some() {
        return Some(encrypted("an office program"));
    }
    None
}

/// Returns whether a text is an unsupported or encrypted file.
pub(super) fn is_closed_text(bytes: &[u8]) -> bool {
    text(bytes).is_some()
}

/// Recognises the formats that are text.
fn text(bytes: &[u8]) -> Option<UnpackFailure> {
    let first = *bytes.first()?;
    match first {
        b'$' if bytes.starts_with(VAULT) => return Some(encrypted("ansible-vault")),
        b'-' | b'a' => {
            let has = |known: &&(&[u8], &str)| bytes.starts_with(known.0);
            if let Some((_, name)) = ENCRYPTED.iter().find(has) {
                return Some(encrypted(name));
            }
        }
        b'+' if UTF7.iter().any(|mark| bytes.starts_with(mark)) => {
            return Some(not_opened("text in UTF-7"));
        }
        _ => {}
    }
    // Every sops file ends with its encryption metadata; the last entry is the version.
    let end = &bytes[bytes.len().saturating_sub(SOPS_WORD_TAIL)..];
    let tail = &bytes[bytes.len().saturating_sub(SOPS_TAIL)..];
    let is_sops = memmem::find(end, SOPS_WORD).is_some() && memmem::find(tail, SOPS).is_some();
    is_sops.then(|| encrypted("sops"))
}

fn encrypted(by: &str) -> UnpackFailure {
    UnpackFailure::new(Reason::Encrypted, format!("it is encrypted by {by}"))
}

pub(super) fn not_opened(what: &str) -> UnpackFailure {
    UnpackFailure::new(
        Reason::NotOpened,
        format!("{what}: unleak does not open this format"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_closed_format_is_named() {
        for (magic, name) in NOT_OPENED {
            let failure = kind(&[magic, &[0; 40]].concat()).expect(name);
            assert_eq!(failure.reason, Reason::NotOpened);
            assert!(failure.detail.contains(name), "{}", failure.detail);
        }
        for (magic, name) in ENCRYPTED {
            let failure = kind(&[magic, &[0; 40]].concat()).expect(name);
            assert_eq!(failure.reason, Reason::Encrypted);
            assert!(failure.detail.contains(name), "{}", failure.detail);
        }
    }

    #[test]
    fn text_about_them_is_none_of_them() {
        for text in [
            "a: $ANSIBLE_VAULT;1.1;AES256\n",
            "Rar! is an archive\n",
            "version: 1\nENC\n",
            "+/v is no mark\n",
            "age-encryption.org\n",
            "",
        ] {
            assert!(kind(text.as_bytes()).is_none(), "{text}");
        }
    }
}
